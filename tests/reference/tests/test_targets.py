"""Tests of cohorts, target metrics and the target curve."""

from datetime import date, timedelta

import pytest

from tests.reference.business import DEFAULTS, METRICS
from tests.reference.targets import assign_cohorts, target_curve, target_metrics
from tests.reference.tests.raw_records import november

GENERATED_DATE = date(2026, 11, 30)


def _snapshot(
    org_id: int, days_since_start: int, **changes: object
) -> dict[str, object]:
    return {
        "org_id": org_id,
        "trial_start_date": GENERATED_DATE - timedelta(days=days_since_start),
        "is_paid": False,
        **dict.fromkeys(METRICS, 1),
    } | changes


def _cohort_of(**changes: object) -> str | None:
    cohorts = assign_cohorts([_snapshot(1, **changes)], GENERATED_DATE, DEFAULTS)
    return next(iter(cohorts), None)


@pytest.mark.parametrize(
    ("days_since_start", "is_paid", "cohort"),
    [
        (0, True, "converted"),
        (89, True, "converted"),
        (90, True, None),
        (-1, True, None),
        # Started 13 days ago, so this is day 14, the last day of the trial.
        (13, False, None),
        (14, False, "not_converted"),
        (89, False, "not_converted"),
        (90, False, None),
    ],
)
def test_cohorts_contain_trials_of_the_last_90_days(
    days_since_start: int, is_paid: bool, cohort: str | None
) -> None:
    assert _cohort_of(days_since_start=days_since_start, is_paid=is_paid) == cohort


def test_target_metrics_are_quantiles_by_cohort_and_metric() -> None:
    paid = [
        _snapshot(1, 20, is_paid=True, hosts=10, metrics=None),
        _snapshot(2, 20, is_paid=True, hosts=20),
        _snapshot(3, 20, is_paid=True, hosts=60),
        _snapshot(4, 20, is_paid=True, hosts=30),
    ]
    not_paid = [_snapshot(5, 20, hosts=2)]
    cohorts = assign_cohorts(paid + not_paid, GENERATED_DATE, DEFAULTS)
    rows = {
        (row["cohort"], row["metric_name"]): row
        for row in target_metrics(GENERATED_DATE, cohorts)
    }
    assert len(rows) == 2 * len(METRICS)
    assert rows["converted", "hosts"] == {
        "generated_date": GENERATED_DATE,
        "cohort": "converted",
        "metric_name": "hosts",
        "orgs": 4,
        "median_value": 25,
        "p25": 17.5,
        "p75": 37.5,
    }
    # An org without values still counts as an org of the cohort.
    assert rows["converted", "metrics"]["orgs"] == 4
    assert rows["converted", "metrics"]["median_value"] == 1
    assert rows["not_converted", "hosts"]["median_value"] == 2


def test_cohort_without_orgs_has_no_rows() -> None:
    cohorts = assign_cohorts([], GENERATED_DATE, DEFAULTS)
    assert target_metrics(GENERATED_DATE, cohorts) == []


def test_curve_has_the_median_of_each_trial_day_up_to_the_date() -> None:
    hosts = {
        1: {1: 2, 2: 8, 14: 30, 15: 99},
        2: {1: 4, 14: 10},
    }
    starts = {1: november(1), 2: november(17)}

    def days_of_trial(snapshot: dict[str, object]) -> list[dict[str, object]]:
        org_id = snapshot["org_id"]
        return [
            _snapshot(org_id, 0, hosts=value)
            | {
                "org_day": org_day,
                "metric_date": starts[org_id] + timedelta(days=org_day - 1),
            }
            for org_day, value in hosts[org_id].items()
        ]

    cohorts = {"converted": [_snapshot(1, 29), _snapshot(2, 13)]}
    rows = [
        (row["org_day"], row["median_value"])
        for row in target_curve(
            date(2026, 11, 29),
            cohorts,
            days_of_trial=days_of_trial,
            trial_period_days=14,
        )
        if row["metric_name"] == "hosts"
    ]
    # Day 14 of the second org is November 30, after the generated_date.
    assert rows == [(1, 3), (2, 8), (14, 30)]
