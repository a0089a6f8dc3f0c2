"""The checks before anything is written: org, object, mapping and quota."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from loaders.errors import ConfigError
from loaders.salesforce_api.request_errors import QuotaExhaustedError
from tests.loaders.salesforce.fixtures import BULK, FAST, Mart, SalesforceOrg, org_row


def _has_written(salesforce: SalesforceOrg) -> bool:
    return bool(salesforce.jobs) or salesforce.count_requests("PATCH", "") > 0


def test_production_org_is_rejected_when_a_sandbox_is_expected(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill([org_row("1")])
    salesforce.org.update_organization(IsSandbox=False)
    with pytest.raises(ConfigError, match="EXPECT_SANDBOX expects a sandbox"):
        salesforce.sync()
    assert not _has_written(salesforce)


def test_sandbox_is_rejected_when_production_is_expected(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill([org_row("1")])
    settings = salesforce.settings.model_copy(update={"expect_sandbox": False})
    with pytest.raises(ConfigError, match="is a sandbox, but"):
        replace(salesforce, settings=settings).sync()
    assert not _has_written(salesforce)


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("hosts__c", {"is_absent": True}, "hosts__c does not exist, or field-level"),
        ("hosts__c", {"updateable": False}, "hosts__c is not updateable"),
        ("hosts__c", {"createable": False}, "hosts__c is not createable"),
        ("hosts__c", {"type": "string"}, "hosts__c is a string field"),
        (
            "org_name__c",
            {"length": 80},
            "org_name__c allows 80 characters, but the mapping has 255",
        ),
        ("hosts__c", {"precision": 5}, "hosts__c allows 5 digits before the decimal"),
        ("median_hosts__c", {"scale": 1}, "median_hosts__c allows 1 digits after"),
        ("org_id__c", {"external_id": False}, "org_id__c is not an external id"),
        (
            "Region__c",
            {"type": "string", "required": True},
            "Region__c is required by the object",
        ),
    ],
)
def test_field_that_does_not_fit_its_mapping_is_reported(
    mart: Mart, salesforce: SalesforceOrg, *, name: str, change: dict, problem: str
) -> None:
    mart.fill([org_row("1")])
    salesforce.change_field(name, **change)
    with pytest.raises(ConfigError) as error:
        salesforce.sync()
    assert problem in str(error.value)
    assert not _has_written(salesforce)


def test_all_problems_are_in_one_message(mart: Mart, salesforce: SalesforceOrg) -> None:
    mart.fill([org_row("1")])
    salesforce.org.update_organization(IsSandbox=False)
    salesforce.change_field("hosts__c", is_absent=True)
    salesforce.change_field("org_name__c", length=10)
    with pytest.raises(ConfigError) as error:
        salesforce.sync()
    for problem in (
        "EXPECT_SANDBOX",
        "hosts__c does not exist",
        "allows 10 characters",
    ):
        assert problem in str(error.value)


def test_non_unique_key_is_a_warning(mart: Mart, salesforce: SalesforceOrg) -> None:
    salesforce.change_field("org_id__c", unique=False)
    result = mart.fill_and_sync([org_row("1")], salesforce)
    assert result.accepted == 1
    assert "org_id__c is not unique in Salesforce" in result.warnings[0]


def test_missing_object_is_reported(mart: Mart, salesforce: SalesforceOrg) -> None:
    mart.fill([org_row("1")])
    salesforce.inject_fault(
        "GET", "/describe", status=404, code="NOT_FOUND", message="none"
    )
    with pytest.raises(ConfigError, match="object Trial_Metrics__c does not exist"):
        salesforce.sync()


@pytest.mark.parametrize("limit", ["DailyApiRequests", "DailyBulkApiBatches"])
def test_insufficient_quota_stops_the_sync_before_it_writes(
    mart: Mart, salesforce: SalesforceOrg, limit: str
) -> None:
    mart.fill([org_row(str(number)) for number in range(5)])
    salesforce.org.limits.set(limit, maximum=1000, remaining=102)
    with pytest.raises(QuotaExhaustedError, match="Too little of Salesforce"):
        salesforce.sync(replace(BULK, quota_reserve_ratio=0.102))
    assert not _has_written(salesforce)


def test_quota_down_to_the_reserve_is_used(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill([org_row(str(number)) for number in range(5)])
    salesforce.org.limits.set("DailyBulkApiBatches", maximum=1000, remaining=103)
    result = salesforce.sync(replace(BULK, quota_reserve_ratio=0.102))
    assert result.accepted == 5


def test_hidden_limits_are_read_from_the_response_header(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill([org_row("1")])
    salesforce.inject_job_fault("no_limits", times=2)
    with capture_logs() as logs:
        assert salesforce.sync().accepted == 1
    events = [log["event"] for log in logs]
    assert "the user may not read /limits; bulk batches are not checked" in events
    mart.fill([org_row("2")])
    salesforce.org.limits.set("DailyApiRequests", maximum=1000, remaining=102)
    with pytest.raises(QuotaExhaustedError, match="Too little of Salesforce"):
        salesforce.sync(FAST)
