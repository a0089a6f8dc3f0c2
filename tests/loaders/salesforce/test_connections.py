"""Polling, connection faults, expired tokens and exhausted limits."""

from dataclasses import replace

import pytest

from loaders.errors import ConfigError, TransientError
from loaders.salesforce_api.request_errors import QuotaExhaustedError
from tests.loaders.salesforce.fault_injection import BULK_STEPS
from tests.loaders.salesforce.fixtures import (
    BULK,
    FAST,
    Mart,
    SalesforceOrg,
    org_row,
)


@pytest.mark.parametrize(("method", "path"), BULK_STEPS)
def test_request_to_a_busy_server_is_retried(
    mart: Mart, salesforce: SalesforceOrg, *, method: str, path: str
) -> None:
    fault = salesforce.inject_fault(method, path, headers={"Retry-After": "0"}, times=2)
    mart.fill([org_row(str(number)) for number in range(5)])
    assert salesforce.sync(BULK).accepted == 5
    assert fault.times == 0
    assert salesforce.wrote_each_record_once()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
@pytest.mark.parametrize(("method", "path"), BULK_STEPS)
def test_no_row_is_lost_or_sent_twice_after_a_broken_connection(
    mart: Mart, salesforce: SalesforceOrg, *, method: str, path: str, kind: str
) -> None:
    fault = salesforce.inject_fault(method, path, kind=kind)
    mart.fill([org_row(str(number)) for number in range(5)])
    assert salesforce.sync(BULK).accepted == 5
    assert fault.times == 0
    assert salesforce.wrote_each_record_once()
    assert salesforce.open_job_ids() == []


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_interrupted_collection_is_read_back_and_not_sent_again(
    mart: Mart, salesforce: SalesforceOrg, kind: str
) -> None:
    salesforce.inject_fault("PATCH", "/composite/", kind=kind, after=1)
    mart.fill([org_row(str(number)) for number in range(450)])
    result = salesforce.sync()
    assert (result.status, result.accepted) == ("success", 450)
    assert salesforce.wrote_each_record_once()


@pytest.mark.parametrize(("method", "path"), BULK_STEPS[1:])
def test_expired_token_is_renewed(
    mart: Mart, salesforce: SalesforceOrg, *, method: str, path: str
) -> None:
    salesforce.inject_fault(method, path, status=401, code="INVALID_SESSION_ID")
    mart.fill([org_row(str(number)) for number in range(5)])
    assert salesforce.sync(BULK).accepted == 5
    assert salesforce.count_requests("POST", "/oauth2/token") == 2
    assert salesforce.wrote_each_record_once()


def test_token_expired_at_the_identity_request_is_renewed(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    # The sync looks for a job whose id was lost among the jobs of its own user.
    salesforce.inject_fault("POST", "/jobs/ingest$", kind="cut_after")
    fault = salesforce.inject_fault("GET", "/oauth2/userinfo", kind="expire_tokens")
    mart.fill([org_row(str(number)) for number in range(5)])
    assert salesforce.sync(BULK).accepted == 5
    assert fault.times == 0
    assert salesforce.count_requests("POST", "/oauth2/token") == 2
    assert salesforce.open_job_ids() == []


def test_retry_waits_for_the_seconds_in_retry_after(
    mart: Mart, salesforce: SalesforceOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("loaders.salesforce_api.session.time.sleep", pauses.append)
    salesforce.inject_fault("GET", "/limits", status=429, headers={"Retry-After": "2"})
    mart.fill_and_sync([org_row("1")], salesforce)
    assert 2.0 <= pauses[0] < 2.1


def test_retry_after_above_the_limit_ends_the_sync(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    salesforce.inject_fault("GET", "/limits", headers={"Retry-After": "3600"})
    mart.fill([org_row("1")])
    with pytest.raises(TransientError, match="requires a wait of 3600 s"):
        salesforce.sync()


def test_running_job_is_left_to_a_later_run(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    salesforce.inject_job_fault("stick_job", times=99)
    mart.fill([org_row(str(number)) for number in range(5)])
    policy = replace(BULK, poll_timeout_seconds=0.1)
    with pytest.raises(TransientError, match="keeps running"):
        salesforce.sync(policy)
    (job,) = salesforce.jobs
    assert job.state == "InProgress"
    with pytest.raises(TransientError, match="keeps running"):
        salesforce.sync(policy)
    assert len(salesforce.jobs) == 1
    salesforce.resume_stuck_jobs()
    result = salesforce.sync(policy)
    assert (result.recovered, result.unchanged, result.sent) == (5, 5, 0)
    assert salesforce.wrote_each_record_once()


def test_stuck_job_is_aborted_if_the_policy_requires_it(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    salesforce.inject_job_fault("stick_job")
    mart.fill([org_row(str(number)) for number in range(5)])
    policy = replace(BULK, poll_timeout_seconds=0.1, abort_stuck_jobs=True)
    assert salesforce.sync(policy).accepted == 5
    assert [job.state for job in salesforce.jobs] == [
        "Aborted",
        "JobComplete",
    ]


def test_sync_resumes_after_a_daily_limit_was_exhausted(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    salesforce.inject_fault(
        "PATCH",
        "/composite/",
        status=403,
        code="REQUEST_LIMIT_EXCEEDED",
        after=1,
    )
    mart.fill([org_row(str(number)) for number in range(450)])
    with pytest.raises(QuotaExhaustedError, match="daily limit"):
        salesforce.sync()
    assert len(mart.read_ledger("salesforce_rows", "key")) == 200
    result = salesforce.sync()
    assert (result.accepted, result.unchanged) == (250, 200)
    assert salesforce.wrote_each_record_once()
    statuses = {status for (status,) in mart.read_ledger("salesforce_syncs", "status")}
    assert statuses == {"interrupted", "success"}


@pytest.mark.parametrize("status", [301, 308])
@pytest.mark.parametrize(
    "path", ["/oauth2/token", "/describe", "/jobs/ingest$", "/batches$", "/composite/"]
)
def test_permanent_redirect_names_the_new_instance(
    mart: Mart, salesforce: SalesforceOrg, path: str, status: int
) -> None:
    headers = {"Location": "https://new.my.salesforce.com/services?x=1"}
    salesforce.inject_fault("", path, status=status, headers=headers, body="", times=9)
    mart.fill([org_row("1")])
    with pytest.raises(ConfigError) as error:
        salesforce.sync(FAST if path == "/composite/" else BULK)
    assert "moved permanently to https://new.my.salesforce.com. " in str(error.value)
    assert "INSTANCE_URL" in str(error.value)


@pytest.mark.parametrize("status", [302, 303, 307])
def test_temporary_redirect_to_a_maintenance_page_is_retried(
    mart: Mart, salesforce: SalesforceOrg, status: int
) -> None:
    headers = {"Location": "https://status.example/maintenance"}
    for method, path in [*BULK_STEPS, ("PATCH", "/composite/")]:
        salesforce.inject_fault(
            method, path, status=status, headers=headers, body="<html>"
        )
    mart.fill([org_row(str(number)) for number in range(5)])
    assert salesforce.sync(BULK).accepted == 5
    assert salesforce.wrote_each_record_once()
