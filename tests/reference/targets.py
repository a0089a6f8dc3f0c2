"""Usage targets: the rows of trial_target_metrics and trial_target_curve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta

from tests.reference.business import METRICS, Constants
from tests.reference.trials import MEDIAN, P25, P75, Row, quantile

CONVERTED, NOT_CONVERTED = "converted", "not_converted"

Cohorts = dict[str, list[Row]]
"""The snapshots (rows of fct_org_trial_metrics) of each cohort by its name."""


def assign_cohorts(
    snapshots: Iterable[Row], generated_date: date, constants: Constants
) -> Cohorts:
    """Assign orgs to cohorts by their latest snapshots up to `generated_date`.

    Only orgs whose trial started within the last `target_window_days` days, up to and
    including `generated_date`, are assigned. Paid orgs are converted. Orgs that are not
    paid and whose trial is over are not converted. Other orgs are in neither cohort.
    Cohorts without orgs are left out.
    """
    window_start = generated_date - timedelta(days=constants.target_window_days)
    cohorts: Cohorts = defaultdict(list)
    for snapshot in snapshots:
        start = snapshot["trial_start_date"]
        if not window_start < start <= generated_date:
            continue
        if snapshot["is_paid"]:
            cohorts[CONVERTED].append(snapshot)
        elif (generated_date - start).days + 1 > constants.trial_period_days:
            cohorts[NOT_CONVERTED].append(snapshot)
    return dict(cohorts)


def target_metrics(generated_date: date, cohorts: Cohorts) -> list[Row]:
    """Return the rows of trial_target_metrics of one generated_date.

    `orgs` counts the whole cohort. An org first seen after its trial has no values and
    is not part of the quantiles.
    """
    rows = []
    for cohort, snapshots in cohorts.items():
        for metric in METRICS:
            values = [
                snapshot[metric]
                for snapshot in snapshots
                if snapshot[metric] is not None
            ]
            rows.append(
                {
                    "generated_date": generated_date,
                    "cohort": cohort,
                    "metric_name": metric,
                    "orgs": len(snapshots),
                    "median_value": quantile(values, MEDIAN),
                    "p25": quantile(values, P25),
                    "p75": quantile(values, P75),
                }
            )
    return rows


def target_curve(
    generated_date: date,
    cohorts: Cohorts,
    *,
    days_of_trial: Callable[[Row], list[Row]],
    trial_period_days: int,
) -> list[Row]:
    """Return the rows of trial_target_curve of one generated_date.

    They are the medians of the cohort on each trial day, up to `generated_date`.
    `days_of_trial` returns the fct_org_day rows of a snapshot's trial.
    """
    rows = []
    for cohort, snapshots in cohorts.items():
        by_org_day: dict[int, list[Row]] = defaultdict(list)
        for snapshot in snapshots:
            for day in days_of_trial(snapshot):
                is_in_trial = day["org_day"] <= trial_period_days
                if is_in_trial and day["metric_date"] <= generated_date:
                    by_org_day[day["org_day"]].append(day)
        rows += [
            {
                "generated_date": generated_date,
                "cohort": cohort,
                "metric_name": metric,
                "org_day": org_day,
                "median_value": quantile([day[metric] for day in days], MEDIAN),
            }
            for org_day, days in sorted(by_org_day.items())
            for metric in METRICS
        ]
    return rows
