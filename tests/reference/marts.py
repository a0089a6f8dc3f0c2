"""All marts computed from raw data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from tests.reference import (
    daily_aggregates,
    deduplication,
    growth,
    growth_trials,
    org_days,
    sessions,
    targets,
    trials,
)
from tests.reference.business import DEFAULTS, Constants, Seeds, read_seeds
from tests.reference.daily_aggregates import Mart
from tests.reference.raw_data import RawData
from tests.reference.records import SOURCES

MART_KEYS: dict[str, tuple[str, ...]] = {
    "fct_org_day": ("org_id", "metric_date"),
    "fct_web_sessions": ("session_id",),
    "fct_org_trial_metrics": ("org_id", "generated_date"),
    "org_trial_metrics_latest": ("org_id",),
    "trial_target_metrics": ("generated_date", "cohort", "metric_name"),
    "trial_target_curve": ("generated_date", "cohort", "metric_name", "org_day"),
    "sf_trial_metrics": ("org_id__c",),
    "sf_accounts": ("nightshift_org_id__c",),
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
    """The rows of each mart as dicts of column name to value, in no particular order.

    Values are int, float, Decimal, bool, str, date, naive UTC datetime or None.
    """

    fct_org_day: Mart = field(default_factory=list)
    fct_web_sessions: Mart = field(default_factory=list)
    fct_org_trial_metrics: Mart = field(default_factory=list)
    org_trial_metrics_latest: Mart = field(default_factory=list)
    trial_target_metrics: Mart = field(default_factory=list)
    trial_target_curve: Mart = field(default_factory=list)
    sf_trial_metrics: Mart = field(default_factory=list)
    sf_accounts: Mart = field(default_factory=list)
    org_activity: Mart = field(default_factory=list)
    paid_account_flow: Mart = field(default_factory=list)
    free_account_usage: Mart = field(default_factory=list)
    big_customer_usage: Mart = field(default_factory=list)
    trial_trends: Mart = field(default_factory=list)
    interesting_trials: Mart = field(default_factory=list)


def expected_marts(
    raw: RawData,
    *,
    data_date: date,
    data_dates: Collection[date],
    constants: Constants = DEFAULTS,
    seeds: Seeds | None = None,
) -> Marts:
    """Return the content of the marts after the runs of all `data_dates`.

    Partitions after `data_date` are ignored. Snapshots and targets exist only for
    `data_dates`; they include late data that arrived after their date, because later
    runs recompute them. `seeds` are read from the seed files by default. Raises
    ValueError when one of `data_dates` is after `data_date`.
    """
    if any(run_date > data_date for run_date in data_dates):
        raise ValueError(f"data_dates contains a date after data_date {data_date}.")
    records = {
        source: [
            deduplication.trim_texts(record)
            for record in raw.records(source, until=data_date)
        ]
        for source in SOURCES
    }
    raw_events, samples, requests = (
        deduplication.drop_late_and_future(records[source], constants.late_arrival_days)
        for source in ("app_logs", "metrics", "web_logs")
    )
    events = deduplication.deduplicate_events(raw_events)
    web_sessions = sessions.web_sessions(
        requests,
        sessions.UserOrgs(events, constants.user_org_lookback_days),
        seeds=seeds or read_seeds(),
        timeout_minutes=constants.session_timeout_minutes,
    )
    aggregates = daily_aggregates.DailyAggregates(
        usage=daily_aggregates.aggregate_samples(samples),
        events=daily_aggregates.aggregate_events(events),
        session_seconds=daily_aggregates.collect_session_seconds(web_sessions),
    )
    states = list(
        org_days.fill_org_states(
            deduplication.deduplicate_orgs(records["orgs"]),
            data_date,
            carry_forward_days=constants.org_carry_forward_days,
        )
    )
    marts = Marts(
        fct_org_day=org_days.build_org_days(states, aggregates, constants),
        fct_web_sessions=web_sessions,
        org_activity=growth.org_activity(states, aggregates, constants),
    )
    _add_snapshots(
        marts, sorted(set(data_dates)), data_date=data_date, constants=constants
    )
    _add_growth(marts, data_date=data_date, constants=constants)
    return marts


def _add_growth(marts: Marts, *, data_date: date, constants: Constants) -> None:
    """Add the rows of the growth marts, computed from the other marts."""
    marts.paid_account_flow.extend(
        growth.paid_account_flow(marts.org_activity, data_date)
    )
    marts.free_account_usage.extend(growth.free_account_usage(marts.org_activity))
    marts.big_customer_usage.extend(
        growth.big_customer_usage(marts.org_activity, constants)
    )
    marts.sf_accounts.extend(growth.sf_accounts(marts.org_activity, data_date))
    marts.trial_trends.extend(
        growth_trials.trial_trends(marts.fct_org_day, data_date, constants)
    )
    marts.interesting_trials.extend(
        growth_trials.interesting_trials(
            marts.fct_org_trial_metrics, marts.trial_target_metrics, constants
        )
    )


def _add_snapshots(
    marts: Marts, data_dates: list[date], *, data_date: date, constants: Constants
) -> None:
    """Add the rows of the marts with a generated_date, in the order of `data_dates`.

    An org without a row on a data date keeps its last snapshot, and that snapshot
    still counts in its cohort.
    """
    org_days_by_trial: dict[tuple[int, date], Mart] = defaultdict(list)
    org_days_by_date: dict[date, Mart] = defaultdict(list)
    for row in sorted(marts.fct_org_day, key=lambda row: row["metric_date"]):
        org_days_by_trial[_trial_key(row)].append(row)
        org_days_by_date[row["metric_date"]].append(row)

    latest: dict[int, dict[str, object]] = {}
    for generated_date in data_dates:
        snapshots = []
        for row in org_days_by_date[generated_date]:
            days_so_far = [
                day
                for day in org_days_by_trial[_trial_key(row)]
                if day["metric_date"] <= generated_date
            ]
            snapshots.append(
                trials.trial_metrics(days_so_far, constants.trial_period_days)
            )
        latest.update({snapshot["org_id"]: snapshot for snapshot in snapshots})

        cohorts = targets.assign_cohorts(latest.values(), generated_date, constants)
        target_metrics = targets.target_metrics(generated_date, cohorts)
        marts.trial_target_metrics.extend(target_metrics)
        marts.trial_target_curve.extend(
            targets.target_curve(
                generated_date,
                cohorts,
                days_of_trial=lambda snapshot: org_days_by_trial[_trial_key(snapshot)],
                trial_period_days=constants.trial_period_days,
            )
        )

        converted = growth_trials.converted_targets(target_metrics)
        medians = {
            metric: target["median_value"] for (_, metric), target in converted.items()
        }
        for snapshot in snapshots:
            snapshot["target_attainment"] = trials.target_attainment(snapshot, medians)
            if generated_date == data_date:
                codes = growth_trials.reason_codes(snapshot, converted, constants)
                marts.sf_trial_metrics.append(
                    trials.salesforce_row(snapshot, medians, codes)
                )
        marts.fct_org_trial_metrics.extend(snapshots)
    marts.org_trial_metrics_latest.extend(latest.values())


def _trial_key(row: dict[str, object]) -> tuple[int, date]:
    return row["org_id"], row["trial_start_date"]
