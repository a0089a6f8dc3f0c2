"""Cohorts and their medians: who is in which, and what the curve shows."""

from datetime import date, timedelta

import pytest

from tests.reference.business import DEFAULTS
from tests.reference.targets import cohorts, target_curve, target_metrics
from tests.reference.tests.given import day

NIGHT = date(2026, 11, 30)


def _snapshot(org_id: int, started_ago: int, **changes: object) -> dict[str, object]:
    return {
        "org_id": org_id,
        "trial_start_date": NIGHT - timedelta(days=started_ago),
        "is_paid": False,
        "hosts": 1,
        "integrations": 1,
        "dashboards": 1,
        "metrics": 1,
    } | changes


def _cohort_of(**changes: object) -> str | None:
    found = cohorts([_snapshot(1, **changes)], NIGHT, DEFAULTS)
    return next(iter(found), None)


@pytest.mark.parametrize(
    ("started_ago", "is_paid", "cohort"),
    [
        (0, True, "converted"),
        (89, True, "converted"),
        (90, True, None),
        (-1, True, None),
        # The fourteenth day of the trial is its last.
        (13, False, None),
        (14, False, "not_converted"),
        (89, False, "not_converted"),
        (90, False, None),
    ],
)
def test_cohorts_are_of_trials_of_the_last_90_days(
    started_ago: int, is_paid: bool, cohort: str | None
) -> None:
    assert _cohort_of(started_ago=started_ago, is_paid=is_paid) == cohort


def test_a_nights_targets_are_quantiles_of_each_cohort_and_metric() -> None:
    paying = [
        _snapshot(1, 20, is_paid=True, hosts=10, metrics=None),
        _snapshot(2, 20, is_paid=True, hosts=20),
        _snapshot(3, 20, is_paid=True, hosts=60),
        _snapshot(4, 20, is_paid=True, hosts=30),
    ]
    others = [_snapshot(5, 20, hosts=2)]
    found = {
        (row["cohort"], row["metric_name"]): row
        for row in target_metrics(NIGHT, cohorts(paying + others, NIGHT, DEFAULTS))
    }
    assert len(found) == 8
    assert found["converted", "hosts"] == {
        "generated_date": NIGHT,
        "cohort": "converted",
        "metric_name": "hosts",
        "orgs": 4,
        "median_value": 25,
        "p25": 17.5,
        "p75": 37.5,
    }
    # Whoever was first seen after the trial is an org of the cohort without values.
    assert found["converted", "metrics"]["orgs"] == 4
    assert found["converted", "metrics"]["median_value"] == 1
    assert found["not_converted", "hosts"]["median_value"] == 2


def test_a_cohort_without_orgs_has_no_rows() -> None:
    assert target_metrics(NIGHT, cohorts([], NIGHT, DEFAULTS)) == []


def test_the_curve_has_the_median_of_each_day_of_the_trials_up_to_the_night() -> None:
    hosts = {
        1: {1: 2, 2: 8, 14: 30, 15: 99},
        2: {1: 4, 14: 10},
    }
    starts = {1: day(1), 2: day(17)}

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

    orgs_of = {"converted": [_snapshot(1, 29), _snapshot(2, 13)]}
    rows = [
        (row["org_day"], row["median_value"])
        for row in target_curve(
            date(2026, 11, 29),
            orgs_of,
            days_of_trial=days_of_trial,
            trial_period_days=14,
        )
        if row["metric_name"] == "hosts"
    ]
    # The second org's fourteenth day is the 30th, after the night.
    assert rows == [(1, 3), (2, 8), (14, 30)]
