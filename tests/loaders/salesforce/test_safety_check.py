"""The safety check, plan approval, rollback to an earlier data date, and history."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from loaders.config.salesforce_policy import SafetyThresholds
from loaders.errors import ConfigError
from loaders.ledger.salesforce import read_history
from loaders.salesforce import plan
from loaders.salesforce.safety_check import SafetyCheckError
from tests.loaders.salesforce.fixtures import (
    DATA_DATE,
    FAST,
    MAPPING,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    org_row,
)

CHECKED = replace(
    FAST,
    safety_thresholds=SafetyThresholds(
        max_create_ratio=0.5,
        max_change_ratio=0.6,
        max_null_ratio=0.3,
        max_median_factor=2.0,
        min_rows=10,
    ),
)


def _rows(count: int, **values: object) -> list[dict[str, object]]:
    return [org_row(f"{number:02d}", hosts=number) | values for number in range(count)]


def _sync_stopped(
    mart: Mart, salesforce: SalesforceOrg, rows: list
) -> SafetyCheckError:
    mart.fill(rows)
    before = len(salesforce.writes)
    patches = salesforce.count_requests("PATCH", "")
    with pytest.raises(SafetyCheckError) as stopped:
        salesforce.sync(CHECKED)
    assert len(salesforce.writes) == before
    assert salesforce.count_requests("PATCH", "") == patches
    return stopped.value


@pytest.fixture
def loaded(mart: Mart, salesforce: SalesforceOrg) -> SalesforceOrg:
    """Return an org with twenty records from a first sync, which is not checked."""
    mart.fill(_rows(20))
    assert salesforce.sync(CHECKED).accepted == 20
    return salesforce


def test_too_many_new_rows_stop_the_sync(mart: Mart, loaded: SalesforceOrg) -> None:
    error = _sync_stopped(mart, loaded, _rows(31))
    assert "11 rows are new, 55% of the 20 records sent before (limit 50%)" in str(
        error
    )
    mart.fill(_rows(30))
    assert loaded.sync(CHECKED).accepted == 10


def test_too_many_changed_rows_stop_the_sync(mart: Mart, loaded: SalesforceOrg) -> None:
    rows = _rows(20)
    for row in rows[:13]:
        row["org_day__c"] = 6
    assert "13 rows are changed, 65%" in str(_sync_stopped(mart, loaded, rows))


def test_field_cleared_in_too_many_records_stops_the_sync(
    mart: Mart, loaded: SalesforceOrg
) -> None:
    rows = _rows(20)
    for row in rows[:7]:
        row["last_active_date__c"] = None
    rows[0]["org_name__c"] = ""
    error = _sync_stopped(mart, loaded, rows)
    assert "last_active_date__c would be cleared in 7 records, 35%" in str(error)
    assert error.exceeded_limits[0].example_keys[0] == "00 (2 fields)"
    assert len(error.exceeded_limits[0].example_keys) == 7


def test_median_change_above_the_limit_stops_the_sync_and_names_ten_orgs(
    mart: Mart, loaded: SalesforceOrg
) -> None:
    rows = _rows(20)
    for row in rows[5:17]:
        row["hosts__c"] *= 10
    error = _sync_stopped(mart, loaded, rows)
    assert "the median of hosts__c changes from 9.5 to" in str(error)
    assert len(error.exceeded_limits[0].example_keys) == 10
    assert error.exceeded_limits[0].example_keys[0] == "16 (16 to 160)"


def test_small_changes_pass_the_safety_check(mart: Mart, loaded: SalesforceOrg) -> None:
    rows = _rows(22)
    rows[3]["hosts__c"] = 5_000
    rows[4]["last_active_date__c"] = None
    mart.fill(rows)
    assert loaded.sync(CHECKED).accepted == 4


def test_only_the_approved_plan_is_sent(mart: Mart, loaded: SalesforceOrg) -> None:
    error = _sync_stopped(mart, loaded, _rows(40))
    assert f"sync --approve {error.plan_id}" in str(error)
    mart.fill(_rows(41))
    with pytest.raises(ConfigError, match=f"Plan {error.plan_id} was approved, but"):
        loaded.sync(CHECKED, approved_plan_id=error.plan_id)
    mart.fill(_rows(40))
    result = loaded.sync(CHECKED, approved_plan_id=error.plan_id)
    assert (result.accepted, result.plan_id) == (20, error.plan_id)
    syncs = mart.read_ledger("salesforce_syncs", "plan_id", "accepted")
    assert (error.plan_id, 20) in syncs


def test_plan_lists_the_limits_that_a_sync_would_exceed(
    mart: Mart, loaded: SalesforceOrg
) -> None:
    mart.fill(_rows(40))
    settings = loaded.settings.model_copy(update={"sync": CHECKED})
    result = plan.make_plan(loaded.request(), settings)
    assert "20 rows are new" in result.blockers[0]


def _sync_three_dates(mart: Mart, salesforce: SalesforceOrg) -> tuple[date, date, date]:
    """Sync three data dates; org 1 changes each time, org 3 appears on the last."""
    days = tuple(DATA_DATE + timedelta(days=step) for step in range(3))
    for step, day in enumerate(days):
        rows = [
            org_row("1", generated_date=day, hosts=step, org_name=f"name {step}"),
            org_row("2"),
        ]
        if step == 2:
            rows.append(org_row("3"))
        for row in rows:
            row["generated_date__c"] = day
        mart.fill(rows)
        salesforce.sync(data_date=day)
    return days


def test_rollback_sends_the_values_of_an_earlier_data_date(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    days = _sync_three_dates(mart, salesforce)
    result = salesforce.sync(as_of=days[0])
    assert (result.status, result.sent, result.accepted) == ("rolled_back", 2, 2)
    assert salesforce.field_value("1", "org_name") == "name 0"
    assert salesforce.field_value("1", "generated_date") == str(days[0])
    assert salesforce.field_value("3", "hosts") == 4
    again = salesforce.sync(as_of=days[0])
    assert (again.sent, again.unchanged) == (0, 2)


def test_next_data_date_is_sent_after_a_rollback(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    days = _sync_three_dates(mart, salesforce)
    salesforce.sync(as_of=days[1])
    next_day = days[2] + timedelta(days=1)
    mart.fill([org_row("1", generated_date=next_day, hosts=7, org_name="name 3")])
    assert salesforce.sync(data_date=next_day).accepted == 1
    assert salesforce.field_value("1", "org_name") == "name 3"
    salesforce.sync(as_of=days[2])
    assert salesforce.field_value("1", "org_name") == "name 2"


def test_rollback_sends_nothing_for_keys_not_accepted_by_then(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    _sync_three_dates(mart, salesforce)
    result = salesforce.sync(as_of=DATA_DATE - timedelta(days=1))
    assert (result.sent, result.actions) == (0, {})


def test_history_contains_every_sent_value_and_result(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    _sync_three_dates(mart, salesforce)
    mart.fill(
        [
            org_row(
                "1",
                generated_date=DATA_DATE + timedelta(days=3),
                billing_plan=REJECTED_PLAN,
            )
        ]
    )
    salesforce.sync(data_date=DATA_DATE + timedelta(days=3))
    events = read_history(MAPPING.object, "1")
    assert [event.code for event in events] == [
        "accepted",
        "accepted",
        "accepted",
        "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    ]
    assert events[1].fields["org_name__c"] == ("name 0", "name 1")
    assert events[1].salesforce_id == salesforce.records()["1"]["Id"]
    assert read_history(MAPPING.object, "unknown") == []
