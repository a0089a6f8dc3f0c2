"""All marts that a raw world should give.

What: `expected`, the one call that tests compare the warehouse with.
From: section 3 of the contract; the other modules of this folder.
Changes: when a mart is added.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from tests.reference import daily_aggregates as counted
from tests.reference import growth, growth_trials, org_days, sessions, targets, trials
from tests.reference.business import DEFAULTS, Constants, Reference, read_reference
from tests.reference.org_days import Mart
from tests.reference.raw_data import RawWorld

MART_KEYS: dict[str, tuple[str, ...]] = {
    "fct_org_day": ("org_id", "metric_date"),
    "fct_web_sessions": ("session_id",),
    "fct_org_trial_metrics": ("org_id", "generated_date"),
    "org_trial_metrics_latest": ("org_id",),
    "trial_target_metrics": ("generated_date", "cohort", "metric_name"),
    "trial_target_curve": ("generated_date", "cohort", "metric_name", "org_day"),
    "sf_trial_metrics": ("org_id__c",),
    "org_activity": ("org_id", "metric_date"),
    "paid_account_flow": ("day", "from_state", "to_state"),
    "free_account_usage": ("org_id", "metric_date"),
    "big_customer_usage": ("org_id", "metric_date"),
    "trial_trends": ("cohort_week",),
    "interesting_trials": ("org_id", "generated_date"),
}
"""The key columns of each mart; the names are those of the fields of `Marts`."""


@dataclass(frozen=True)
class Marts:
    """Each mart as a list of rows, column name to value, in no special order.

    Values are int, float, Decimal, bool, str, date, naive UTC datetime or None.
    """

    fct_org_day: Mart = field(default_factory=list)
    fct_web_sessions: Mart = field(default_factory=list)
    fct_org_trial_metrics: Mart = field(default_factory=list)
    org_trial_metrics_latest: Mart = field(default_factory=list)
    trial_target_metrics: Mart = field(default_factory=list)
    trial_target_curve: Mart = field(default_factory=list)
    sf_trial_metrics: Mart = field(default_factory=list)
    org_activity: Mart = field(default_factory=list)
    paid_account_flow: Mart = field(default_factory=list)
    free_account_usage: Mart = field(default_factory=list)
    big_customer_usage: Mart = field(default_factory=list)
    trial_trends: Mart = field(default_factory=list)
    interesting_trials: Mart = field(default_factory=list)


def expected(
    raw: RawWorld,
    *,
    data_date: date,
    nights: Collection[date],
    constants: Constants = DEFAULTS,
    reference: Reference | None = None,
) -> Marts:
    """Return what the marts hold when all `nights` up to `data_date` have run.

    Partitions after `data_date` are not looked at; snapshots and targets exist for
    `nights` alone, and tell of late data that came in later nights too, because
    those recompute them. `reference` is read from the seeds unless given. Raises
    ValueError for a night after the data date.
    """
    if any(night > data_date for night in nights):
        raise ValueError(f"a night lies after the data date {data_date}")
    late = constants.late_arrival_days
    events = counted.one_per_event_id(
        counted.counted(raw.rows("app_logs", until=data_date), late)
    )
    web_sessions = sessions.web_sessions(
        counted.counted(raw.rows("web_logs", until=data_date), late),
        sessions.OrgOfUser(events, constants.user_org_lookback_days),
        reference=reference or read_reference(),
        timeout_minutes=constants.session_timeout_minutes,
    )
    sums = org_days.DailySums(
        sampled=counted.samples_by_org_day(
            counted.counted(raw.rows("metrics", until=data_date), late)
        ),
        logged=counted.events_by_org_day(events),
        session_seconds=org_days.session_seconds_by_org_day(web_sessions),
    )
    states = list(
        org_days.org_states(
            counted.one_per_org(raw.rows("orgs", until=data_date)),
            data_date,
            carry_forward_days=constants.org_carry_forward_days,
        )
    )
    marts = Marts(
        fct_org_day=org_days.org_days(states, sums, constants),
        fct_web_sessions=web_sessions,
        org_activity=growth.org_activity(states, sums, constants),
    )
    _add_nights(marts, sorted(set(nights)), data_date=data_date, constants=constants)
    _add_growth(marts, data_date=data_date, constants=constants)
    return marts


def _add_growth(marts: Marts, *, data_date: date, constants: Constants) -> None:
    """Fill the growth marts from the others."""
    marts.paid_account_flow.extend(
        growth.paid_account_flow(marts.org_activity, data_date)
    )
    marts.free_account_usage.extend(growth.free_account_usage(marts.org_activity))
    marts.big_customer_usage.extend(growth.big_customer_usage(marts.org_activity))
    marts.trial_trends.extend(
        growth_trials.trial_trends(marts.fct_org_day, data_date, constants)
    )
    marts.interesting_trials.extend(
        growth_trials.interesting_trials(
            marts.fct_org_trial_metrics, marts.trial_target_metrics, constants
        )
    )


def _add_nights(
    marts: Marts, nights: list[date], *, data_date: date, constants: Constants
) -> None:
    """Fill the marts that have a generated_date, night by night, oldest first.

    An org without a row on a night keeps its last snapshot, and with it its place
    in a cohort.
    """
    trial_days: dict[tuple[int, date], Mart] = defaultdict(list)
    by_date: dict[date, Mart] = defaultdict(list)
    for row in sorted(marts.fct_org_day, key=lambda row: row["metric_date"]):
        trial_days[_trial(row)].append(row)
        by_date[row["metric_date"]].append(row)

    latest: dict[int, dict[str, object]] = {}
    for night in nights:
        snapshots = []
        for row in by_date[night]:
            days = [
                day for day in trial_days[_trial(row)] if day["metric_date"] <= night
            ]
            snapshots.append(trials.trial_metrics(days, constants.trial_period_days))
        latest.update({snapshot["org_id"]: snapshot for snapshot in snapshots})

        orgs_of = targets.cohorts(latest.values(), night, constants)
        night_targets = targets.target_metrics(night, orgs_of)
        marts.trial_target_metrics.extend(night_targets)
        marts.trial_target_curve.extend(
            targets.target_curve(
                night,
                orgs_of,
                days_of_trial=lambda snapshot: trial_days[_trial(snapshot)],
                trial_period_days=constants.trial_period_days,
            )
        )

        converted = growth_trials.converted_targets(night_targets)
        medians = {
            metric: target["median_value"] for (_, metric), target in converted.items()
        }
        for snapshot in snapshots:
            snapshot["target_attainment"] = trials.target_attainment(snapshot, medians)
            if night == data_date:
                reasons = growth_trials.reasons(
                    snapshot, converted, constants.trial_period_days
                )
                marts.sf_trial_metrics.append(
                    trials.salesforce_row(snapshot, medians, reasons)
                )
        marts.fct_org_trial_metrics.extend(snapshots)
    marts.org_trial_metrics_latest.extend(latest.values())


def _trial(row: dict[str, object]) -> tuple[int, date]:
    return row["org_id"], row["trial_start_date"]
