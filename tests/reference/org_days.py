"""The rows of fct_org_day and the daily state of each org."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from tests.reference.business import Constants
from tests.reference.daily_aggregates import DailyAggregates, Mart
from tests.reference.records import Org


def fill_org_states(
    partitions: dict[date, dict[int, Org]], until: date, *, carry_forward_days: int
) -> Iterator[tuple[date, Org]]:
    """Yield (day, state) for each day up to `until` and each org that exists on it.

    The state is the org's record in the day's own partition, or else in the latest of
    the `carry_forward_days` partitions before. An org that is missing for longer no
    longer exists.
    """
    latest: dict[int, Org] = {}
    carry_forward = timedelta(days=carry_forward_days)
    for day in _days(min(partitions, default=until + timedelta(days=1)), until):
        latest.update(partitions.get(day, {}))
        for org in latest.values():
            if day - org.location.dt <= carry_forward:
                yield day, org


def build_org_days(
    states: Iterable[tuple[date, Org]],
    aggregates: DailyAggregates,
    constants: Constants,
) -> Mart:
    """Return the rows of fct_org_day.

    Internal orgs and orgs without a trial have no rows. The first day of the trial is
    org_day 1; the last is trial period + extra conversion period - 1.
    """
    window_days = constants.trial_period_days + constants.extra_conversion_period_days
    rows = []
    for day, org in states:
        if org.is_internal or org.trial_started_at is None:
            continue
        trial_start_date = org.trial_started_at.date()
        org_day = (day - trial_start_date).days + 1
        if 1 <= org_day < window_days:
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
                    **aggregates.columns((org.org_id, day)),
                }
            )
    return rows


def _days(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
