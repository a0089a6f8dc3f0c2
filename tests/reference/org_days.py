"""The rollup: one row per org and day of its trial-and-conversion window.

What: the state of each org on each day, joined with what that day added up to.
From: `marts.fct_org_day` in section 3 of the contract.
Changes: when its window or one of its columns does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tests.reference.business import Constants
from tests.reference.daily_aggregates import LoggedDay, OrgDay, SampledDay
from tests.reference.records import Org

Mart = list[dict[str, object]]


@dataclass(frozen=True)
class DailySums:
    """What each org did on each day, by (org_id, day); absent means nothing."""

    sampled: dict[OrgDay, SampledDay]
    logged: dict[OrgDay, LoggedDay]
    session_seconds: dict[OrgDay, list[int]]


def session_seconds_by_org_day(sessions: Mart) -> dict[OrgDay, list[int]]:
    """Return the lengths of the sessions that started that day, by the user's org."""
    lengths: dict[OrgDay, list[int]] = defaultdict(list)
    for session in sessions:
        if session["org_id"] is not None:
            length = session["ended_at"] - session["started_at"]
            lengths[session["org_id"], session["session_date"]].append(
                length // timedelta(seconds=1)
            )
    return dict(lengths)


def org_states(
    partitions: dict[date, dict[int, Org]], until: date, *, carry_forward_days: int
) -> Iterator[tuple[date, Org]]:
    """Yield (day, line that holds on it) for every org known on that day.

    It is the org's line in the day's own partition, or else its line in the latest
    of the `carry_forward_days` partitions before. An org missing longer is gone.
    """
    latest: dict[int, Org] = {}
    carry_forward = timedelta(days=carry_forward_days)
    for day in _days(min(partitions, default=until + timedelta(days=1)), until):
        latest.update(partitions.get(day, {}))
        for org in latest.values():
            if day - org.place.dt <= carry_forward:
                yield day, org


def org_days(
    states: Iterable[tuple[date, Org]], sums: DailySums, constants: Constants
) -> Mart:
    """Return the rows of fct_org_day.

    Internal orgs and orgs without a trial have none. The first day of the trial is
    1 and the window ends before day trial + extra conversion period.
    """
    window = constants.trial_period_days + constants.extra_conversion_period_days
    rows = []
    for day, org in states:
        if org.is_internal or org.trial_started_at is None:
            continue
        trial_start_date = org.trial_started_at.date()
        org_day = (day - trial_start_date).days + 1
        if 1 <= org_day < window:
            rows.append(
                {
                    "org_id": org.org_id,
                    "metric_date": day,
                    "org_day": org_day,
                    "trial_start_date": trial_start_date,
                    "org_name": org.org_name,
                    "billing_plan_id": org.billing_plan_id,
                    "billing_plan_name": org.billing_plan_name,
                    "is_in_trial": org_day <= constants.trial_period_days,
                    **sums_of((org.org_id, day), sums),
                }
            )
    return rows


def sums_of(org_day: OrgDay, sums: DailySums) -> dict[str, object]:
    """Return the usage and activity columns of one org and day."""
    sampled = sums.sampled.get(org_day, SampledDay())
    logged = sums.logged.get(org_day, LoggedDay())
    seconds = sums.session_seconds.get(org_day, [])
    return {
        "hosts": sampled.hosts,
        "dashboards": sampled.dashboards,
        "metrics": sampled.metrics,
        "integrations": sampled.integrations,
        "log_events": logged.log_events,
        "active_users": len(logged.user_ids),
        "error_events": logged.error_events,
        "sessions": len(seconds),
        "session_minutes": minutes(sum(seconds)),
    }


def minutes(seconds: int) -> Decimal:
    """Return minutes to 2 decimals; whole seconds never fall on half a hundredth."""
    return (Decimal(seconds) / 60).quantize(Decimal("0.01"))


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
