"""Fault injection: each fault kind applies as often as configured."""

from typing import Any

import pytest
import requests

from tests.emulators.salesforce import faults
from tests.emulators.salesforce.tests.api import Api


def _add_faults(api: Api, *entries: dict[str, Any]) -> requests.Response:
    url = f"{api.emulator.http_url}/admin/faults"
    return requests.post(url, json=list(entries), timeout=30)


def test_answer_replaces_the_response(api: Api) -> None:
    response = _add_faults(
        api,
        {
            "kind": "answer",
            "method": "GET",
            "path": "/limits",
            "status": 429,
            "code": "TOO_MANY",
            "message": "slow down",
            "headers": {"Retry-After": "7"},
            "after": 1,
            "times": 2,
        },
    )
    assert response.status_code == 201
    statuses = [api.get("/limits/").status_code for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    assert api.org.faults.pending() == []
    faults_of_requests = [entry.get("fault") for entry in api.org.log.entries()]
    assert faults_of_requests == [None, "answer", "answer", None]


def test_unavailable_has_a_retry_after_header(api: Api) -> None:
    _add_faults(api, {"kind": "unavailable"})
    response = api.get("/sobjects")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json()[0]["errorCode"] == "SERVER_UNAVAILABLE"
    assert api.get("/sobjects").status_code == 200


def test_sessions_expire_after_some_requests(api: Api) -> None:
    _add_faults(api, {"kind": "expire_tokens", "after": 2})
    assert [api.get("/limits").status_code for _ in range(4)] == [200, 200, 401, 401]
    new_session = Api(api.emulator)
    assert new_session.get("/limits").status_code == 200


def test_limits_may_be_forbidden_or_exceeded(api: Api) -> None:
    _add_faults(api, {"kind": "no_limits", "times": 1})
    assert api.get("/sobjects").status_code == 200
    assert api.get("/limits").status_code == 403
    _add_faults(api, {"kind": "over_limit"})
    response = api.get("/sobjects")
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        403,
        "REQUEST_LIMIT_EXCEEDED",
    )


@pytest.mark.parametrize(
    ("kind", "created_jobs"), [("cut_before", 0), ("cut_after", 1)]
)
def test_connection_is_dropped_before_or_after_processing(
    api: Api, kind: str, created_jobs: int
) -> None:
    _add_faults(api, {"kind": kind, "method": "POST", "path": "/jobs/ingest$"})
    with pytest.raises(requests.ConnectionError):
        api.new_job()
    assert len(list(api.org.jobs)) == created_jobs
    assert api.org.log.entries()[-1]["fault"] == kind
    api.new_job()


def test_locked_rows_fail_and_succeed_later(api: Api) -> None:
    (existing,) = api.load("ext_id__c\na\n").accepted
    _add_faults(api, {"kind": "lock", "object": "Order__c", "rows": 2, "attempts": 2})
    body = "ext_id__c\na\nb\nc\n"
    for _ in range(2):
        result = api.load(body)
        assert [row["ext_id__c"] for row in result.accepted] == ["c"]
        assert result.errors[0] == (
            "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or "
            f"200 records: {existing['sf__Id']}:--"
        )
        assert f'"{existing["sf__Id"]}","UNABLE_TO_LOCK_ROW:' in result.failed
    assert api.load(body).errors == []


def test_lock_may_fail_a_whole_transaction(api: Api) -> None:
    _add_faults(api, {"kind": "lock", "rows": 200})
    result = api.load("ext_id__c\n" + "".join(f"{n}\n" for n in range(250)))
    assert (len(result.errors), len(result.accepted)) == (200, 50)


def test_stuck_job_resumes_when_released(api: Api) -> None:
    _add_faults(api, {"kind": "stick_job"})
    job_id = api.new_job()
    api.upload(job_id, "ext_id__c\na\n")
    api.set_job_state(job_id, "UploadComplete")
    admin = f"{api.emulator.http_url}/admin"
    while job_id not in requests.get(admin, timeout=30).json()["stuck_jobs"]:
        pass
    assert api.get(f"/jobs/ingest/{job_id}").json()["state"] == "InProgress"
    requests.post(f"{admin}/jobs/{job_id}/release", timeout=30)
    assert api.wait_for_job(job_id)["state"] == "JobComplete"


def test_aborted_stuck_job_returns_its_rows_as_unprocessed(api: Api) -> None:
    _add_faults(api, {"kind": "stick_job"})
    job_id = api.new_job()
    api.upload(job_id, "ext_id__c\na\n")
    api.set_job_state(job_id, "UploadComplete")
    while job_id not in api.emulator.worker.stuck:
        pass
    api.set_job_state(job_id, "Aborted")
    assert api.fetch_results(api.wait_for_job(job_id)).unprocessed == 'ext_id__c\n"a"\n'


@pytest.mark.parametrize("fault", [{"kind": "magic"}, {"kind": "lock", "colour": 1}, 5])
def test_invalid_fault_is_rejected(api: Api, fault: object) -> None:
    url = f"{api.emulator.http_url}/admin/faults"
    response = requests.post(url, json=fault, timeout=30)
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        400,
        "INVALID_FAULT",
    )
    assert api.org.faults.pending() == []


def test_every_fault_kind_can_be_parsed_and_is_documented() -> None:
    for kind, description in faults.KINDS.items():
        assert faults.parse_fault({"kind": kind}).kind == kind
        assert description
