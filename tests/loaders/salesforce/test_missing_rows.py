"""Records whose row is no longer in the mart: left, blanked or flagged."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from loaders.salesforce import plan
from loaders.salesforce.safety_check import SafetyCheckError
from tests.loaders.salesforce.fixtures import (
    DATA_DATE,
    FAST,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    org_row,
)

YESTERDAY = DATA_DATE - timedelta(days=1)
POLICIES = {
    name: replace(FAST, missing_rows=name) for name in ("leave", "blank", "flag")
}


def _sync_two_dates(mart: Mart, salesforce: SalesforceOrg, missing_rows: str) -> None:
    """Sync org 1, a day later orgs 1 and 2; leave a mart without org 2."""
    policy = POLICIES[missing_rows]
    mart.fill([org_row("1", generated_date=YESTERDAY)])
    salesforce.sync(policy, data_date=YESTERDAY)
    mart.fill([org_row("1"), org_row("2", is_paid=True)])
    salesforce.sync(policy)
    mart.fill([org_row("1"), org_row("x", billing_plan=REJECTED_PLAN)])


@pytest.mark.parametrize(
    ("missing_rows", "hosts", "is_flagged"),
    [("leave", 4, False), ("blank", None, False), ("flag", 4, True)],
)
def test_record_of_a_missing_row_is_changed_once_and_restored(
    mart: Mart,
    salesforce: SalesforceOrg,
    *,
    missing_rows: str,
    hosts: int | None,
    is_flagged: bool,
) -> None:
    _sync_two_dates(mart, salesforce, missing_rows)
    policy = POLICIES[missing_rows]
    mart.fill([org_row("1")])
    changed = missing_rows != "leave"
    assert salesforce.sync(policy).sent == changed
    assert salesforce.field_value("2", "hosts") == hosts
    assert salesforce.field_value("2", "is_paid") is not (missing_rows == "blank")
    assert salesforce.field_value("2", "is_missing") is is_flagged
    assert salesforce.field_value("1", "is_missing") is False
    assert salesforce.sync(policy).sent == 0
    mart.fill([org_row("1"), org_row("2", is_paid=True)])
    assert salesforce.sync(policy).sent == changed
    assert salesforce.field_value("2", "hosts") == 4
    assert salesforce.field_value("2", "is_missing") is False


@pytest.mark.slow
@pytest.mark.parametrize("missing_rows", ["leave", "blank", "flag"])
@pytest.mark.parametrize(
    ("options", "changes_missing"),
    [
        ({}, True),
        ({"full": True}, True),
        ({"as_of": DATA_DATE}, False),
        ({"as_of": YESTERDAY}, False),
        ({"as_of": YESTERDAY, "full": True}, False),
        ({"only_rejected": True}, False),
        ({"only_rejected": True, "full": True}, False),
        ({"data_date": YESTERDAY}, False),
        ({"data_date": YESTERDAY, "full": True}, False),
        ({"data_date": YESTERDAY, "only_rejected": True}, False),
    ],
    ids=str,
)
def test_only_the_mart_of_the_newest_date_changes_missing_rows(
    mart: Mart,
    salesforce: SalesforceOrg,
    *,
    missing_rows: str,
    options: dict[str, Any],
    changes_missing: bool,
) -> None:
    _sync_two_dates(mart, salesforce, missing_rows)
    policy = POLICIES[missing_rows]
    if options.get("data_date") == YESTERDAY:
        mart.fill([org_row("1", generated_date=YESTERDAY)])
    before = salesforce.records()["2"]
    expected = changes_missing and missing_rows != "leave"
    settings = salesforce.settings.model_copy(update={"sync": policy})
    planned = plan.make_plan(salesforce.request(**options), settings)
    dry_run = salesforce.sync(policy, dry_run=True, **options)
    assert ("missing" in planned.actions) == expected
    assert ("missing" in dry_run.actions) == expected
    salesforce.sync(policy, **options)
    assert (salesforce.records()["2"] != before) == expected


@pytest.mark.parametrize("missing_rows", ["blank", "flag"])
def test_too_many_missing_rows_stop_the_sync(
    mart: Mart, salesforce: SalesforceOrg, missing_rows: str
) -> None:
    thresholds = replace(FAST.safety_thresholds, min_rows=10, max_null_ratio=None)
    policy = replace(POLICIES[missing_rows], safety_thresholds=thresholds)
    mart.fill([org_row(str(number)) for number in range(20)])
    salesforce.sync(policy)
    mart.fill([org_row(str(number)) for number in range(15)])
    with pytest.raises(SafetyCheckError, match="5 rows are no longer in the mart"):
        salesforce.sync(policy)
    approved = replace(thresholds, max_missing_ratio=0.25)
    assert salesforce.sync(replace(policy, safety_thresholds=approved)).sent == 5


def test_preflight_names_a_missing_flag_field(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill([org_row("1")])
    policy = replace(POLICIES["flag"], missing_flag_field="gone__c")
    with pytest.raises(Exception, match="gone__c does not exist"):
        salesforce.sync(policy)
