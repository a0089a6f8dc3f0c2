"""Replies with status 2xx that are not what was asked for, at every endpoint."""

import json
from dataclasses import replace
from urllib.parse import quote

import pytest
import requests
from pydantic import SecretStr

from loaders.config.salesforce_policy import RetryPolicy
from loaders.errors import TransientError
from loaders.salesforce_api import client, replies
from loaders.salesforce_api.request_errors import (
    OutcomeUnknownError,
    UnexpectedReplyError,
)
from tests.emulators.salesforce.org import PASSWORD, SECURITY_TOKEN, USERNAME
from tests.loaders.salesforce.fault_injection import BULK_STEPS
from tests.loaders.salesforce.fixtures import (
    BULK,
    FAST,
    Mart,
    SalesforceOrg,
    org_row,
)

HTML = "<html><body>We are down for maintenance.</body></html>"
ODD_BODIES = {
    "page": HTML,
    "empty": "",
    "no keys": "{}",
    "wrong type": '"ok"',
    "other list": '[{"a": 1}]',
    "error": '[{"errorCode":"SERVER_UNAVAILABLE","message":"busy"}]',
    "null": "null",
    "truncated": '{"id": "750',
    "not text": "\udcff\udcfe",
}
ID = "750000000000001AAA"
SOQL = quote("SELECT Id, a__c FROM X__c WHERE a__c IN ('from')")
# A valid reply of each endpoint, and what is wrong with others of the same form.
DATA = "/services/data/v60.0"
VALID = [
    ("POST", "/services/oauth2/token", {"access_token": "t"}, [{"access_token": ""}]),
    ("GET", "/services/oauth2/userinfo", {"user_id": "005"}, [{"user_id": None}]),
    (
        "GET",
        f"{DATA}/sobjects/X__c/describe",
        {
            "name": "X__c",
            "createable": True,
            "updateable": True,
            "fields": [
                {
                    "name": "Id",
                    "type": "id",
                    "createable": False,
                    "updateable": False,
                    "nillable": False,
                }
            ],
        },
        [{"name": "X__c", "createable": True, "updateable": True, "fields": []}],
    ),
    (
        "GET",
        f"{DATA}/limits",
        {"DailyApiRequests": {"Max": 2, "Remaining": 1}},
        [{"DailyApiRequests": {"Max": "2", "Remaining": 1}}],
    ),
    (
        "GET",
        f"{DATA}/query/?q={SOQL}",
        {"totalSize": 1, "done": True, "records": [{"Id": "a", "A__c": None}]},
        [
            {"totalSize": 1, "done": True, "records": [{"Id": "a"}]},
            {"totalSize": 2, "done": True, "records": [{"Id": "a", "a__c": 1}]},
            {"totalSize": 2, "done": False, "records": [{"Id": "a", "a__c": 1}]},
            {"totalSize": 0, "done": True, "records": {}},
        ],
    ),
    (
        "GET",
        f"{DATA}/query/01g-2000",
        {"totalSize": 9, "done": True, "records": [{"Id": "a"}]},
        [{"totalSize": 9, "done": "no", "records": []}],
    ),
    (
        "GET",
        f"{DATA}/jobs/ingest?jobType=V2Ingest",
        {"done": True, "records": [{"id": ID, "state": "Open"}]},
        [
            {"done": False, "records": []},
            {"done": True, "records": [{"id": ID}]},
            {
                "done": True,
                "records": [{"id": ID, "state": "Open", "createdDate": "soon"}],
            },
        ],
    ),
    (
        "GET",
        f"{DATA}/jobs/ingest/{ID}",
        {"id": ID, "state": "Open", "createdDate": "2024-09-09T19:25:27.000+0000"},
        [{"id": ID}, {"id": ID.replace("1AAA", "2AAB"), "state": "Open"}],
    ),
    ("POST", f"{DATA}/jobs/ingest", {"id": ID, "state": "Open"}, [{"state": "Open"}]),
    (
        "PATCH",
        f"{DATA}/jobs/ingest/{ID[:15]}",
        {"id": ID, "state": "UploadComplete"},
        [{"id": ID, "state": None}],
    ),
    ("PUT", f"{DATA}/jobs/ingest/{ID}/batches", None, [{}]),
    (
        "PATCH",
        f"{DATA}/composite/sobjects/X__c/a__c",
        [
            {"success": True, "id": "a", "errors": [], "created": True},
            {"success": False, "errors": [{"statusCode": "X", "message": "m"}]},
        ],
        [
            {"success": True, "id": "a"},
            [{"success": True}],
            [{"success": False, "errors": []}],
            [{"success": "true", "id": "a"}],
            [[]],
        ],
    ),
]


def _response(method: str, path: str, body: str) -> requests.Response:
    response = requests.Response()
    response.status_code = 200
    response.url = f"https://acme.example{path}"
    response.request = requests.Request(method, response.url).prepare()
    response._content = body.encode(errors="surrogateescape")
    return response


@pytest.mark.parametrize(("method", "path", "body", "invalid"), VALID)
def test_each_endpoint_accepts_only_what_was_asked_for(
    method: str, path: str, body: object, invalid: list
) -> None:
    valid = "" if body is None else json.dumps(body)
    replies.check(_response(method, path, valid))
    odd = [text for text in ODD_BODIES.values() if text != valid]
    is_write = method in ("PUT", "PATCH") or path.endswith("/jobs/ingest")
    is_write = is_write and method != "GET"
    error = OutcomeUnknownError if is_write else UnexpectedReplyError
    for text in odd + [json.dumps(item) for item in invalid]:
        with pytest.raises(error) as shown:
            replies.check(_response(method, path, text))
        assert "status 200" in str(shown.value), text
        assert "?" not in str(shown.value) and str(shown.value).endswith(".")


PATIENT = RetryPolicy(attempts=12, base_seconds=0.001, max_wait_seconds=0.01)
ROWS = 5


def _add_odd_replies(
    salesforce: SalesforceOrg, method: str, path: str, *bodies: str
) -> None:
    for body in bodies:
        salesforce.inject_fault(method, path, status=200, body=body)
    if method != "GET":
        salesforce.inject_fault(method, path, "replace", status=200, body=HTML)


@pytest.mark.parametrize(("method", "path"), BULK_STEPS)
def test_bulk_sync_survives_odd_replies_at_every_endpoint(
    mart: Mart, salesforce: SalesforceOrg, method: str, path: str
) -> None:
    bodies = [HTML, "{}", '"org_id__c","sf__Id"\n"1","a"\n', '{"id": "7']
    if not path.endswith(("Results$", "records$")):
        bodies.append("[]")
    _add_odd_replies(salesforce, method, path, *bodies)
    mart.fill([org_row(str(number)) for number in range(ROWS)])
    result = salesforce.sync(replace(BULK, retry_policy=PATIENT))
    assert (result.exit_code, result.accepted) == (0, ROWS)
    assert salesforce.org.faults.pending() == []
    assert salesforce.wrote_each_record_once()
    assert salesforce.open_job_ids() == []


@pytest.mark.parametrize("path", ["/oauth2/userinfo", "/jobs/ingest$"])
def test_search_for_a_lost_job_survives_odd_replies(
    mart: Mart, salesforce: SalesforceOrg, path: str
) -> None:
    salesforce.inject_fault("POST", "/jobs/ingest$", "replace", status=200, body=HTML)
    _add_odd_replies(salesforce, "GET", path, HTML, "{}", "[]", "")
    mart.fill([org_row(str(number)) for number in range(ROWS)])
    result = salesforce.sync(replace(BULK, retry_policy=PATIENT))
    assert (result.exit_code, result.accepted) == (0, ROWS)
    assert [job.state for job in salesforce.jobs] == ["Aborted", "JobComplete"]
    assert salesforce.org.faults.pending() == []


@pytest.mark.parametrize("kind", ["answer", "replace"])
def test_collection_with_an_odd_reply_is_looked_up_and_sent_again(
    mart: Mart, salesforce: SalesforceOrg, kind: str
) -> None:
    bodies = [HTML, "", "{}", "[]", '[{"success": true, "id": "a"}]', '[{"suc']
    for body in bodies:
        salesforce.inject_fault("PATCH", "/composite/", kind, status=200, body=body)
    _add_odd_replies(salesforce, "GET", "/query", HTML, "{}", '{"records": []}', "")
    mart.fill([org_row(str(number)) for number in range(7)])
    result = salesforce.sync(replace(FAST, collection_rows=1, retry_policy=PATIENT))
    assert (result.exit_code, result.accepted) == (0, 7)
    assert salesforce.org.faults.pending() == []
    assert salesforce.wrote_each_record_once()


@pytest.mark.parametrize(
    ("file", "body"),
    [
        ("successfulResults", ""),
        ("successfulResults", '"sf__Id","sf__Created","org_id__c"\n'),
        ("successfulResults", '"sf__Id","sf__Created","org_id__c"\n"a","true","1'),
        ("successfulResults", '"sf__Id","sf__Created","org_id__c"\n"a"\n"b'),
        ("failedResults", '"sf__Id","sf__Error","org_id__c"\n"","X:y:--","other"\n'),
        ("unprocessedrecords", '"org_id__c"\n"1"\n'),
    ],
)
def test_result_file_with_other_rows_is_read_again(
    mart: Mart, salesforce: SalesforceOrg, file: str, body: str
) -> None:
    _add_odd_replies(salesforce, "GET", f"/{file}$", body, body)
    mart.fill([org_row(str(number)) for number in range(ROWS)])
    result = salesforce.sync(BULK)
    assert (result.exit_code, result.accepted) == (0, ROWS)
    assert salesforce.wrote_each_record_once()


def test_every_request_of_a_sync_has_an_expected_reply(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    salesforce.inject_fault("POST", "/jobs/ingest$", "cut_after")
    salesforce.inject_fault("PATCH", "/composite/", "cut_after")
    mart.fill([org_row(str(number)) for number in range(ROWS)])
    policy = replace(BULK, read_back_rows=3)
    assert salesforce.sync(policy).accepted == ROWS
    mart.fill([org_row(str(number), hosts=9) for number in range(ROWS)])
    assert salesforce.sync(replace(FAST, read_back_rows=3)).accepted == ROWS
    used = set()
    for entry in salesforce.org.log.entries():
        url = salesforce.running.https_url + entry["path"]
        endpoint = replies.find_endpoint(entry["method"], url)
        assert endpoint or replies.RESULTS_PATH.search(url), entry
        used.add(endpoint)
    assert set(replies.ENDPOINTS) <= used


@pytest.mark.parametrize("body", list(ODD_BODIES.values()), ids=list(ODD_BODIES))
def test_odd_reply_to_a_login_is_a_transient_error(
    salesforce: SalesforceOrg, body: str
) -> None:
    salesforce.inject_fault(
        "POST", "/oauth2/token|/Soap/", status=200, body=body, times=9
    )
    for options in (
        {},
        {"token_url": f"{salesforce.settings.instance_url}/services/oauth2/token"},
        {
            "auth": "password",
            "username": USERNAME,
            "password": SecretStr(PASSWORD + SECURITY_TOKEN),
        },
    ):
        settings = salesforce.settings.model_copy(update=options)
        with pytest.raises(TransientError, match="not an access token"):
            client.connect(settings, RetryPolicy(attempts=2, base_seconds=0.001))


@pytest.mark.parametrize("path", ["/jobs/ingest$", "/batches$"])
def test_lasting_maintenance_page_is_named_and_the_next_sync_sends(
    mart: Mart, salesforce: SalesforceOrg, path: str
) -> None:
    salesforce.inject_fault("", path, status=200, body=HTML, times=99)
    mart.fill([org_row("1")])
    policy = replace(BULK, retry_policy=replace(PATIENT, attempts=2))
    with pytest.raises(TransientError, match="returned status 200 with"):
        salesforce.sync(policy)
    salesforce.org.faults.clear()
    assert salesforce.sync(policy).accepted == 1
    assert salesforce.open_job_ids() == []
