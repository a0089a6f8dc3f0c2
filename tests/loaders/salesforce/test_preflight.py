"""Behaviours 1 and 5: what is looked at before anything is written."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from loaders.errors import ConfigError, TransientError
from tests.loaders.salesforce.world import BULK, FAST, Connected, Mart, org


def _wrote(connected: Connected) -> bool:
    return bool(connected.jobs) or connected.count("PATCH", "") > 0


def test_1_the_wrong_kind_of_org_stops_before_writing(
    mart: Mart, connected: Connected
) -> None:
    mart.fill([org("1")])
    connected.org.change_organization(IsSandbox=False)
    with pytest.raises(ConfigError, match="EXPECT_SANDBOX wants a sandbox"):
        connected.sync()
    assert not _wrote(connected)


def test_1_production_is_guarded_as_well(mart: Mart, connected: Connected) -> None:
    mart.fill([org("1")])
    settings = connected.settings.model_copy(update={"expect_sandbox": False})
    with pytest.raises(ConfigError, match="is a sandbox, but"):
        replace(connected, settings=settings).sync()
    assert not _wrote(connected)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("hosts__c", {"is_absent": True}, "hosts__c is not there, or field-level"),
        ("hosts__c", {"updateable": False}, "hosts__c is not updateable"),
        ("hosts__c", {"createable": False}, "hosts__c is not createable"),
        ("hosts__c", {"type": "string"}, "hosts__c is a string"),
        ("org_name__c", {"length": 80}, "org_name__c holds 80 characters, not 255"),
        ("hosts__c", {"precision": 5}, "hosts__c holds 5 digits before the point"),
        ("median_hosts__c", {"scale": 1}, "median_hosts__c holds 1 digits after"),
        ("org_id__c", {"external_id": False}, "org_id__c is not an external id"),
        (
            "Region__c",
            {"type": "string", "required": True},
            "Region__c is required by the object",
        ),
    ],
)
def test_1_a_field_that_does_not_fit_is_named(
    mart: Mart, connected: Connected, *, name: str, change: dict, told: str
) -> None:
    mart.fill([org("1")])
    connected.change_field(name, **change)
    with pytest.raises(ConfigError) as error:
        connected.sync()
    assert told in str(error.value)
    assert not _wrote(connected)


def test_1_all_problems_come_in_one_message(mart: Mart, connected: Connected) -> None:
    mart.fill([org("1")])
    connected.org.change_organization(IsSandbox=False)
    connected.change_field("hosts__c", is_absent=True)
    connected.change_field("org_name__c", length=10)
    with pytest.raises(ConfigError) as error:
        connected.sync()
    for told in ("EXPECT_SANDBOX", "hosts__c is not there", "holds 10 characters"):
        assert told in str(error.value)


def test_1_a_key_that_is_not_unique_is_a_warning(
    mart: Mart, connected: Connected
) -> None:
    connected.change_field("org_id__c", unique=False)
    result = mart.send([org("1")], connected)
    assert result.accepted == 1
    assert "org_id__c is not unique in Salesforce" in result.warnings[0]


def test_1_an_object_that_is_not_there_is_said(
    mart: Mart, connected: Connected
) -> None:
    mart.fill([org("1")])
    connected.spoil("GET", "/describe", status=404, code="NOT_FOUND", message="none")
    with pytest.raises(ConfigError, match="no object Trial_Metrics__c"):
        connected.sync()


@pytest.mark.parametrize("limit", ["DailyApiRequests", "DailyBulkApiBatches"])
def test_5_too_little_quota_stops_before_writing(
    mart: Mart, connected: Connected, limit: str
) -> None:
    mart.fill([org(str(number)) for number in range(5)])
    connected.org.limits.set(limit, allowed=1000, left=102)
    with pytest.raises(TransientError, match="do not suffice"):
        connected.sync(replace(BULK, quota_reserve_ratio=0.102))
    assert not _wrote(connected)


def test_5_the_reserve_is_kept_and_no_more(mart: Mart, connected: Connected) -> None:
    mart.fill([org(str(number)) for number in range(5)])
    connected.org.limits.set("DailyBulkApiBatches", allowed=1000, left=103)
    result = connected.sync(replace(BULK, quota_reserve_ratio=0.102))
    assert result.accepted == 5


def test_5_hidden_limits_fall_back_on_the_header(
    mart: Mart, connected: Connected
) -> None:
    mart.fill([org("1")])
    connected.spoil_job("no_limits", times=2)
    with capture_logs() as logs:
        assert connected.sync().accepted == 1
    assert "salesforce limits hidden from this user" in [log["event"] for log in logs]
    mart.fill([org("2")])
    connected.org.limits.set("DailyApiRequests", allowed=1000, left=102)
    with pytest.raises(TransientError, match="do not suffice"):
        connected.sync(FAST)
