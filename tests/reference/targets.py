"""What trials that convert look like: the medians others are measured against.

What: the rows of trial_target_metrics and trial_target_curve of one night.
From: the two marts of those names in section 3 of the contract.
Changes: when a cohort or a statistic does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta

from tests.reference.business import METRICS, Constants
from tests.reference.trials import Row, quantile

CONVERTED, NOT_CONVERTED = "converted", "not_converted"

Cohorts = dict[str, list[Row]]


def cohorts(snapshots: Iterable[Row], night: date, constants: Constants) -> Cohorts:
    """Sort orgs into cohorts by their last snapshots up to the night.

    Of orgs whose trial started within the last `target_window_days` days, the night
    included: converted when paid; not converted when not paid and the trial is over
    on the night; else in neither. A cohort without orgs is absent.
    """
    oldest = night - timedelta(days=constants.target_window_days)
    found: Cohorts = defaultdict(list)
    for snapshot in snapshots:
        start = snapshot["trial_start_date"]
        if not oldest < start <= night:
            continue
        if snapshot["is_paid"]:
            found[CONVERTED].append(snapshot)
        elif (night - start).days + 1 > constants.trial_period_days:
            found[NOT_CONVERTED].append(snapshot)
    return dict(found)


def target_metrics(night: date, orgs_of: Cohorts) -> list[Row]:
    """Return the night's rows of trial_target_metrics.

    `orgs` counts the whole cohort; an org seen only after its trial has no values
    and so no part in the quantiles.
    """
    rows = []
    for cohort, snapshots in orgs_of.items():
        for metric in METRICS:
            values = [one[metric] for one in snapshots if one[metric] is not None]
            rows.append(
                {
                    "generated_date": night,
                    "cohort": cohort,
                    "metric_name": metric,
                    "orgs": len(snapshots),
                    "median_value": quantile(values, 0.5),
                    "p25": quantile(values, 0.25),
                    "p75": quantile(values, 0.75),
                }
            )
    return rows


def target_curve(
    night: date,
    orgs_of: Cohorts,
    *,
    days_of_trial: Callable[[Row], list[Row]],
    trial_period_days: int,
) -> list[Row]:
    """Return the night's rows of trial_target_curve.

    The median of the same orgs' values on each day of their trials, up to the
    night. `days_of_trial` gives the fct_org_day rows of a snapshot's trial.
    """
    rows = []
    for cohort, snapshots in orgs_of.items():
        by_org_day: dict[int, list[Row]] = defaultdict(list)
        for snapshot in snapshots:
            for day in days_of_trial(snapshot):
                in_trial = day["org_day"] <= trial_period_days
                if in_trial and day["metric_date"] <= night:
                    by_org_day[day["org_day"]].append(day)
        rows += [
            {
                "generated_date": night,
                "cohort": cohort,
                "metric_name": metric,
                "org_day": org_day,
                "median_value": quantile([day[metric] for day in days], 0.5),
            }
            for org_day, days in sorted(by_org_day.items())
            for metric in METRICS
        ]
    return rows
