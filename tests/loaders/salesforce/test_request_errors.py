"""Errors of requests and rows are classified by how the caller may continue."""

import inspect
from dataclasses import replace

import pytest
import requests

from loaders.config.salesforce_policy import RetryPolicy, SyncPolicy
from loaders.errors import ConfigError, DataError, TransientError
from loaders.salesforce_api import client, preflight, request_errors
from loaders.salesforce_api.request_errors import (
    NotFoundError,
    OutcomeUnknownError,
    QuotaExhaustedError,
    RequestRejectedError,
    RetryableError,
)
from tests.loaders.salesforce.fixtures import BULK, FAST, Mart, SalesforceOrg, org_row

URL = "https://acme.example/services/data/v60.0/jobs?secret=1"
KINDS = [
    kind
    for _, kind in inspect.getmembers(requests.exceptions, inspect.isclass)
    if issubclass(kind, requests.RequestException)
]
BOTH_APIS = pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
LOCK = "UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record: []"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_exception_of_requests_has_a_class_and_a_next_step(
    kind: type[requests.RequestException], method: str
) -> None:
    error = (
        kind("broken", "{", 0)
        if issubclass(kind, requests.exceptions.JSONDecodeError)
        else kind("broken")
    )
    shown = request_errors.error_from_exception(method, URL, error)
    if isinstance(error, request_errors.SETTING_ERRORS):
        assert isinstance(shown, ConfigError)
    else:
        assert isinstance(shown, TransientError)
        # A request that may have changed something must not be sent again unseen.
        is_unsent = kind is requests.ConnectTimeout
        is_safe = method == "GET" or is_unsent
        expected = RetryableError if is_safe else OutcomeUnknownError
        assert isinstance(shown, expected)
    assert "secret" not in str(shown) and str(shown).endswith(".")


def _body(code: str, message: str) -> str:
    return f'[{{"errorCode": "{code}", "message": "{message}"}}]'


@pytest.mark.parametrize(
    ("method", "status", "body", "kind", "text"),
    [
        (
            "PATCH",
            403,
            _body(
                "REQUEST_LIMIT_EXCEEDED",
                "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
            ),
            RetryableError,
            "fewer requests",
        ),
        (
            "GET",
            403,
            _body("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."),
            RetryableError,
            "fewer requests",
        ),
        (
            "POST",
            403,
            _body("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            QuotaExhaustedError,
            "daily limit",
        ),
        (
            "POST",
            400,
            _body("ExceededQuota", "ApiBatchItems Limit exceeded."),
            QuotaExhaustedError,
            "daily limit",
        ),
        ("GET", 404, "<html>", RetryableError, "instance URL"),
        ("GET", 404, _body("NOT_FOUND", "none"), NotFoundError, "exists"),
        (
            "PATCH",
            400,
            _body("INVALID_FIELD", "No such column 'a__c' on sobject of type X"),
            RequestRejectedError,
            "nightshift doctor",
        ),
        (
            "POST",
            400,
            _body("INVALIDJOB", "InvalidJob : Unable to find object: X"),
            RequestRejectedError,
            "nightshift doctor",
        ),
    ],
)
def test_error_response_has_a_class_and_a_next_step(
    *, method: str, status: int, body: str, kind: type[Exception], text: str
) -> None:
    response = requests.Response()
    response.status_code, response.url = status, URL
    response._content = body.encode()
    error = request_errors.error_from_response(method, response)
    assert type(error) is kind
    assert text in str(error)
    # A daily limit does not pass by waiting some minutes.
    is_transient = isinstance(error, TransientError)
    assert is_transient == (kind is RetryableError)


@pytest.mark.parametrize(
    ("error", "description", "is_transient"),
    [
        ("unknown_error", "retry your request", True),
        ("server_error", "", True),
        ("temporarily_unavailable", "try later", True),
        ("invalid_grant", "login rate exceeded", True),
        ("invalid_grant", "user hasn't approved this consumer", False),
        ("invalid_client", "invalid client credentials", False),
    ],
)
def test_token_error_that_passes_is_retried(
    salesforce: SalesforceOrg, *, error: str, description: str, is_transient: bool
) -> None:
    body = f'{{"error": "{error}", "error_description": "{description}"}}'
    fault = salesforce.inject_fault("POST", "/oauth2/token", status=400, body=body)
    policy = RetryPolicy(attempts=2, base_seconds=0.001)
    if is_transient:
        client.connect(salesforce.settings, policy).close()
        assert fault.times == 0
    else:
        with pytest.raises(ConfigError, match=error):
            client.connect(salesforce.settings, policy)


@BOTH_APIS
def test_too_many_requests_at_the_same_time_are_sent_again(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    for path in ("/describe", "/jobs/ingest$", "/batches$", "/composite/"):
        salesforce.inject_fault("", path, "over_limit", message=message, times=2)
    mart.fill([org_row("1")])
    assert salesforce.sync(policy).accepted == 1
    assert salesforce.wrote_each_record_once()


@BOTH_APIS
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            "Rollup: execution of AfterUpdate caused by: System.DmlException: "
            f"Update failed. First exception on row 0; first error: {LOCK}",
        ),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", f"The flow failed: {LOCK}"),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", f"Sorry! {LOCK}"),
    ],
)
def test_lock_in_the_error_of_a_flow_or_trigger_is_sent_again_in_smaller_chunks(
    mart: Mart,
    salesforce: SalesforceOrg,
    *,
    policy: SyncPolicy,
    code: str,
    message: str,
) -> None:
    salesforce.inject_job_fault("lock", rows=6, code=code, message=message)
    mart.fill([org_row(str(number)) for number in range(8)])
    result = salesforce.sync(replace(policy, collection_rows=8))
    assert (result.exit_code, result.accepted) == (0, 8)
    assert salesforce.wrote_each_record_once()
    rejects = mart.read_ledger("salesforce_rejects", "code", "attempt")
    assert rejects == [(code, 1)] * 6
    if policy is FAST:  # 2 rows per request instead of 8
        assert salesforce.count_requests("PATCH", "/composite/") == 1 + 3


@BOTH_APIS
@pytest.mark.parametrize("is_read_only", [False, True], ids=["removed", "read-only"])
def test_field_that_is_gone_in_mid_sync_asks_for_doctor(
    mart: Mart,
    salesforce: SalesforceOrg,
    monkeypatch: pytest.MonkeyPatch,
    *,
    policy: SyncPolicy,
    is_read_only: bool,
) -> None:
    check_quota = preflight.check_quota

    def check_and_change_the_object(*arguments: object) -> None:
        check_quota(*arguments)
        if is_read_only:
            salesforce.change_field("hosts__c", createable=False, updateable=False)
        else:
            salesforce.change_field("hosts__c", is_absent=True)

    mart.fill([org_row("1"), org_row("2")])
    with monkeypatch.context() as patched, pytest.raises(DataError) as error:
        patched.setattr(preflight, "check_quota", check_and_change_the_object)
        salesforce.sync(policy)
    assert "hosts__c" in str(error.value)
    assert "Compare the mapping with the object (nightshift doctor)" in str(error.value)
    if is_read_only:
        salesforce.change_field("hosts__c", createable=True, updateable=True)
        # The rows are sent again although their values are the same.
        strict = replace(policy, retry_permanent="when_changed")
        assert salesforce.sync(strict).accepted == 2
