"""Tests of trial snapshots and their Salesforce rows."""

from datetime import timedelta
from fractions import Fraction

import pytest

from tests.reference.business import METRICS
from tests.reference.tests.raw_records import november
from tests.reference.trials import (
    MEDIAN,
    P25,
    P75,
    quantile,
    salesforce_row,
    target_attainment,
    to_percent,
    trial_metrics,
)

PLAN_NAMES = {1: "Trial", 2: "Free", 3: "Pro", 4: "Enterprise", 99: "Legacy"}


def _day(org_day: int, **changes: object) -> dict[str, object]:
    """Return a row of fct_org_day for a trial that started on November 1."""
    plan_id = changes.get("billing_plan_id", 1)
    return {
        "org_id": 7,
        "metric_date": november(1) + timedelta(days=org_day - 1),
        "org_day": org_day,
        "trial_start_date": november(1),
        "org_name": f"Day {org_day}",
        "billing_plan_id": plan_id,
        "billing_plan_name": PLAN_NAMES[plan_id],
        **dict.fromkeys(METRICS, 0),
        "log_events": 0,
        "active_users": 0,
        "sessions": 0,
    } | changes


def test_snapshot_has_all_columns() -> None:
    days = [
        _day(1, hosts=1, metrics=10, log_events=3, active_users=2, sessions=1),
        _day(2, hosts=5, metrics=30, integrations=2, sessions=2),
        _day(4, hosts=2, metrics=20, dashboards=1, log_events=4, active_users=1),
        _day(5, hosts=3, metrics=20, dashboards=4, integrations=1, billing_plan_id=3),
    ]
    unused = {
        f"{prefix}{name}": 0 for name in METRICS for prefix in ("", "max_", "median_")
    }
    assert trial_metrics(days, 14) == unused | {
        "org_id": 7,
        "generated_date": november(5),
        "org_day": 5,
        "trial_start_date": november(1),
        "days_left_in_trial": 9,
        "org_name": "Day 5",
        "billing_plan_id": 3,
        "billing_plan_name": "Pro",
        "is_paid": True,
        "converted_on": november(5),
        "days_to_convert": 5,
        "trial_days": 4,
        "hosts": 3,
        "max_hosts": 5,
        "median_hosts": 2.5,
        "integrations": 1,
        "max_integrations": 2,
        "median_integrations": 0.5,
        "dashboards": 4,
        "max_dashboards": 4,
        "median_dashboards": 0.5,
        "metrics": 20,
        "max_metrics": 30,
        "median_metrics": 20.0,
        "active_days": 2,
        "last_active_date": november(4),
        "active_users": 2,
        "log_events": 7,
        "sessions": 3,
        "target_attainment": None,
    }


def test_days_after_the_trial_count_only_for_plan_and_last_activity() -> None:
    days = [
        _day(14, hosts=4, log_events=1, active_users=1, sessions=1),
        _day(15, hosts=90, log_events=50, active_users=9, sessions=9),
        _day(16, hosts=99, billing_plan_id=2),
    ]
    snapshot = trial_metrics(days, 14)
    for name in ("hosts", "max_hosts", "median_hosts"):
        assert snapshot[name] == 4
    for name in ("trial_days", "active_days", "log_events", "active_users", "sessions"):
        assert snapshot[name] == 1
    assert snapshot["last_active_date"] == november(15)
    assert snapshot["days_left_in_trial"] == 0
    assert snapshot["billing_plan_name"] == "Free"


def test_org_first_seen_after_its_trial_has_no_usage() -> None:
    snapshot = trial_metrics([_day(20, hosts=8)], 14)
    for name in ("trial_days", "log_events", "active_days"):
        assert snapshot[name] == 0
    for name in ("hosts", "max_hosts", "median_hosts", "active_users"):
        assert snapshot[name] is None
    assert snapshot["last_active_date"] is None


def test_conversion_is_the_first_paid_day_even_after_a_downgrade() -> None:
    plans = {1: 1, 2: 3, 3: 4, 4: 2}
    days = [_day(org_day, billing_plan_id=plan) for org_day, plan in plans.items()]
    snapshot = trial_metrics(days, 14)
    assert (snapshot["converted_on"], snapshot["days_to_convert"]) == (november(2), 2)
    assert not snapshot["is_paid"]


@pytest.mark.parametrize(
    ("plan", "is_paid"), [(1, False), (2, False), (3, True), (4, True), (99, False)]
)
def test_only_pro_and_enterprise_are_paid_plans(plan: int, is_paid: bool) -> None:
    snapshot = trial_metrics([_day(1, billing_plan_id=plan)], 14)
    assert snapshot["is_paid"] is is_paid
    assert (snapshot["converted_on"] is not None) is is_paid


@pytest.mark.parametrize(
    ("values", "fraction", "expected"),
    [
        ([], MEDIAN, None),
        ([7], P25, 7),
        ([4, 1], MEDIAN, 2.5),
        ([1, 2, 10], MEDIAN, 2),
        ([10, 20, 30, 40], P25, 17.5),
        ([10, 20, 30, 40], P75, 32.5),
        ([3, 1, 2, 5, 4], P25, 2),
        ([2**63 - 1, 2**63 - 2], P25, 2**63 - 2 + Fraction(1, 4)),
        ([2**63 - 1, -(2**63)], MEDIAN, Fraction(-1, 2)),
    ],
)
def test_quantiles_interpolate(
    values: list[int], fraction: Fraction, expected: float | Fraction | None
) -> None:
    assert quantile(values, fraction) == expected


def _attainment(targets: dict[str, float | None], **values: int | None) -> float | None:
    return target_attainment(dict.fromkeys(METRICS, 0) | values, targets)


TARGETS = {"hosts": 10, "integrations": 4, "dashboards": 5, "metrics": 100}


def test_attainment_is_the_mean_of_ratios_capped_at_one() -> None:
    # 5 of 10, 8 of 4 (at most 1), 1 of 5, 30 of 100
    attainment = _attainment(TARGETS, hosts=5, integrations=8, dashboards=1, metrics=30)
    assert attainment == pytest.approx((0.5 + 1 + 0.2 + 0.3) / 4)


def test_missing_and_zero_targets_are_left_out() -> None:
    targets = TARGETS | {"hosts": 0, "metrics": None}
    assert _attainment(targets, hosts=5, integrations=1, dashboards=5) == 0.625
    del targets["dashboards"]
    assert _attainment(targets, integrations=1, dashboards=5) == 0.25


def test_negative_values_and_targets_count() -> None:
    assert _attainment({"hosts": 10}, hosts=-25) == -2.5
    assert _attainment({"hosts": -10, "metrics": 1}, hosts=5, metrics=9) == 0.25
    assert _attainment({"hosts": -10}, hosts=-30) == 1


def test_attainment_is_none_without_targets_or_values() -> None:
    assert _attainment({}) is None
    assert _attainment(dict.fromkeys(TARGETS, 0), hosts=5) is None
    assert _attainment(TARGETS, **dict.fromkeys(TARGETS)) is None
    assert _attainment(TARGETS) == 0.0


@pytest.mark.parametrize(
    ("share", "percent"),
    [
        (Fraction(1, 3), "33.3"),
        (Fraction(2, 3), "66.7"),
        (Fraction(1, 2000), "0.1"),
        (Fraction(5, 8), "62.5"),
        (Fraction(1), "100.0"),
        (Fraction(0), "0.0"),
    ],
)
def test_percent_has_one_decimal_and_rounds_half_up(
    share: Fraction, percent: str
) -> None:
    assert str(to_percent(share)) == percent


def test_salesforce_row_has_all_fields() -> None:
    days = [
        _day(1, hosts=2, log_events=1, active_users=1),
        _day(2, hosts=5, metrics=7, billing_plan_id=4),
    ]
    targets = {"hosts": 8, "metrics": 7}
    row = salesforce_row(trial_metrics(days, 14), targets, ["above_target", "stalled"])
    assert row == {
        "org_id__c": "7",
        "org_name__c": "Day 2",
        "generated_date__c": november(2),
        "trial_start_date__c": november(1),
        "org_day__c": 2,
        "days_left_in_trial__c": 12,
        "billing_plan__c": "Enterprise",
        "is_paid__c": True,
        "converted_on__c": november(2),
        "hosts__c": 5,
        "integrations__c": 0,
        "dashboards__c": 0,
        "metrics__c": 7,
        "median_hosts__c": 3.5,
        "median_integrations__c": 0,
        "median_dashboards__c": 0,
        "median_metrics__c": 3.5,
        "active_days__c": 1,
        "active_users__c": 1,
        "last_active_date__c": november(1),
        # 5 of 8 hosts and 7 of 7 metrics.
        "target_attainment__c": 81.3,
        "interesting_reasons__c": "above_target,stalled",
    }
    without_reasons = salesforce_row(trial_metrics(days, 14), targets, [])
    assert without_reasons["interesting_reasons__c"] is None
