"""Which rows count, and what a day of one org adds up to.

What: lateness, duplicates, and the daily sums of samples and events.
From: section 2 of the contract, "Duplicates" and "Late data".
Changes: when one of those rules does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TypeVar

from tests.reference.business import ERROR_LEVELS
from tests.reference.records import Event, Org, Request, Sample

Dated = TypeVar("Dated", Sample, Event, Request)
OrgDay = tuple[int, date]


@dataclass
class SampledDay:
    """What the samples of one org and day say; zeros until one has come."""

    hosts: int = 0
    dashboards: int = 0
    metrics: int = 0
    integrations: int = 0


@dataclass
class LoggedDay:
    """What the events of one org and day say."""

    log_events: int = 0
    error_events: int = 0
    user_ids: set[int] = field(default_factory=set)


def counted(rows: Iterable[Dated], late_arrival_days: int) -> list[Dated]:
    """Keep what is neither too late nor from the future, in the given order.

    A row belongs to the UTC day of its own timestamp. Of partition `dt`, the rows
    of the days `dt - late_arrival_days` to `dt`, both included, count.
    """
    late = timedelta(days=late_arrival_days)
    return [row for row in rows if row.place.dt - late <= row.at.date() <= row.place.dt]


def one_per_event_id(events: Iterable[Event]) -> list[Event]:
    """Keep one copy of each event.

    Of copies that differ it is the one in the earliest partition, then the one
    with the earliest timestamp; then, for want of a rule, the one read first.
    """
    kept: dict[str, Event] = {}
    for event in events:
        other = kept.get(event.event_id)
        if other is None or _event_order(event) < _event_order(other):
            kept[event.event_id] = event
    return list(kept.values())


def _event_order(event: Event) -> tuple[object, ...]:
    return event.place.dt, event.at, event.place


def one_per_org(lines: Iterable[Org]) -> dict[date, dict[int, Org]]:
    """Return the line that counts, by partition and org_id.

    Of several lines for one org in a partition it is that of the greatest
    updated_at; of several with the same, the later line.
    """
    kept: dict[date, dict[int, Org]] = defaultdict(dict)
    for line in lines:
        partition = kept[line.place.dt]
        other = partition.get(line.org_id)
        if other is None or _org_order(line) > _org_order(other):
            partition[line.org_id] = line
    return dict(kept)


def _org_order(line: Org) -> tuple[object, ...]:
    return line.updated_at, line.place


def samples_by_org_day(samples: Iterable[Sample]) -> dict[OrgDay, SampledDay]:
    """Return each org and day's maxima and its number of distinct integrations.

    Duplicate samples change nothing, because maxima and distinct names do not.
    """
    by_org_day: dict[OrgDay, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_org_day[sample.org_id, sample.at.date()].append(sample)
    return {
        org_day: SampledDay(
            hosts=max(sample.hosts for sample in of_day),
            dashboards=max(sample.dashboards for sample in of_day),
            metrics=max(sample.metrics for sample in of_day),
            integrations=len({name for one in of_day for name in one.integrations}),
        )
        for org_day, of_day in by_org_day.items()
    }


def events_by_org_day(events: Iterable[Event]) -> dict[OrgDay, LoggedDay]:
    """Return each org and day's events, errors and users; `events` are deduplicated.

    An event without a user is an event. Errors are those whose level is ERROR or
    CRITICAL, in any case.
    """
    days: dict[OrgDay, LoggedDay] = defaultdict(LoggedDay)
    for event in events:
        day = days[event.org_id, event.at.date()]
        day.log_events += 1
        day.error_events += event.level.upper() in ERROR_LEVELS
        if event.user_id is not None:
            day.user_ids.add(event.user_id)
    return dict(days)
