"""Late-arrival and deduplication rules for raw records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TypeVar

from tests.reference.records import Event, Org, Request, Sample

TimestampedRecord = TypeVar("TimestampedRecord", Sample, Event, Request)


def drop_late_and_future(
    records: Iterable[TimestampedRecord], late_arrival_days: int
) -> list[TimestampedRecord]:
    """Return the records that count, in their order.

    A record belongs to the UTC day of its own timestamp. A record of partition `dt`
    counts if its day is from `dt - late_arrival_days` to `dt`, both included.
    """
    lateness = timedelta(days=late_arrival_days)
    return [
        record
        for record in records
        if record.location.dt - lateness <= record.at.date() <= record.location.dt
    ]


def deduplicate_events(events: Iterable[Event]) -> list[Event]:
    """Return one event per event_id.

    Of several events with the same id it is the one in the earliest partition, then
    the one with the earliest timestamp, then the first one in the partition.
    """
    by_id: dict[str, Event] = {}
    for event in events:
        current = by_id.get(event.event_id)
        if current is None or _event_order(event) < _event_order(current):
            by_id[event.event_id] = event
    return list(by_id.values())


def _event_order(event: Event) -> tuple[object, ...]:
    return event.location.dt, event.at, event.location


def deduplicate_orgs(orgs: Iterable[Org]) -> dict[date, dict[int, Org]]:
    """Return one record per partition and org_id.

    Of several records of one org in a partition it is the one with the greatest
    updated_at, then the last one in the partition.
    """
    by_partition: dict[date, dict[int, Org]] = defaultdict(dict)
    for org in orgs:
        partition = by_partition[org.location.dt]
        current = partition.get(org.org_id)
        if current is None or _org_order(org) > _org_order(current):
            partition[org.org_id] = org
    return dict(by_partition)


def _org_order(org: Org) -> tuple[object, ...]:
    return org.updated_at, org.location
