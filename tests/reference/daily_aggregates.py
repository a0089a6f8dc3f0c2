"""Usage, log events and sessions of each org and day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from tests.reference.business import ERROR_LEVELS, METRICS
from tests.reference.records import Event, Sample

Mart = list[dict[str, object]]
OrgDate = tuple[int, date]
"""An org_id and a UTC day."""
DailyUsage = dict[str, int]
"""The metrics of one org and day by name."""


@dataclass
class DailyEvents:
    """The log events of one org on one day."""

    log_events: int = 0
    error_events: int = 0
    user_ids: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class DailyAggregates:
    """Usage, events and session lengths by org and day; missing keys mean none."""

    usage: dict[OrgDate, DailyUsage]
    events: dict[OrgDate, DailyEvents]
    session_seconds: dict[OrgDate, list[int]]

    def columns(self, org_date: OrgDate) -> dict[str, object]:
        """Return the usage and activity columns of one org and day."""
        usage = self.usage.get(org_date, dict.fromkeys(METRICS, 0))
        events = self.events.get(org_date, DailyEvents())
        seconds = self.session_seconds.get(org_date, [])
        return {
            **usage,
            "log_events": events.log_events,
            "active_users": len(events.user_ids),
            "error_events": events.error_events,
            "sessions": len(seconds),
            "session_minutes": to_minutes(sum(seconds)),
        }


def aggregate_samples(samples: Iterable[Sample]) -> dict[OrgDate, DailyUsage]:
    """Return the maxima and the number of distinct integrations by org and day.

    Duplicate samples need no deduplication: they do not change these aggregates.
    """
    by_org_date: dict[OrgDate, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_org_date[sample.org_id, sample.at.date()].append(sample)
    return {
        org_date: {
            **{name: _maximum(name, day_samples) for name in day_samples[0].counts},
            "integrations": len(
                {name for sample in day_samples for name in sample.integrations}
            ),
        }
        for org_date, day_samples in by_org_date.items()
    }


def _maximum(name: str, samples: list[Sample]) -> int:
    counts = (sample.counts[name] for sample in samples)
    return max((count for count in counts if count is not None), default=0)


def aggregate_events(events: Iterable[Event]) -> dict[OrgDate, DailyEvents]:
    """Return the events, errors and users by org and day.

    `events` must be deduplicated. Events without a user count as events. Errors are
    events whose level is ERROR or CRITICAL in any case.
    """
    days: dict[OrgDate, DailyEvents] = defaultdict(DailyEvents)
    for event in events:
        day = days[event.org_id, event.at.date()]
        day.log_events += 1
        day.error_events += event.level.upper() in ERROR_LEVELS
        if event.user_id is not None:
            day.user_ids.add(event.user_id)
    return dict(days)


def collect_session_seconds(sessions: Mart) -> dict[OrgDate, list[int]]:
    """Return the session lengths by org of the user and start date.

    `sessions` are rows of fct_web_sessions; those without an org are left out.
    """
    seconds: dict[OrgDate, list[int]] = defaultdict(list)
    for session in sessions:
        if session["org_id"] is not None:
            length = session["ended_at"] - session["started_at"]
            seconds[session["org_id"], session["session_date"]].append(
                length // timedelta(seconds=1)
            )
    return dict(seconds)


def to_minutes(seconds: int) -> Decimal:
    """Return minutes with 2 decimals.

    Whole seconds never fall exactly between two hundredths of a minute, so the
    rounding mode does not matter.
    """
    return (Decimal(seconds) / 60).quantize(Decimal("0.01"))
