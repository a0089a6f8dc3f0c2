"""The fault plan: each kind strikes as often as it says and no more."""

from typing import Any

import pytest
import requests

from tests.emulators.salesforce import faults
from tests.emulators.salesforce.tests.api import Api


def _plan(api: Api, *plan: dict[str, Any]) -> requests.Response:
    url = f"{api.running.http_url}/admin/faults"
    return requests.post(url, json=list(plan), timeout=30)


def test_an_answer_takes_the_place_of_the_orgs(api: Api) -> None:
    reply = _plan(
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
    assert reply.status_code == 201
    statuses = [api.get("/limits/").status_code for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    assert api.org.faults.listed() == []
    struck = [entry.get("fault") for entry in api.org.log.entries()]
    assert struck == [None, "answer", "answer", None]


def test_a_busy_server_says_when_to_come_again(api: Api) -> None:
    _plan(api, {"kind": "unavailable"})
    reply = api.get("/sobjects")
    assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
    assert reply.json()[0]["errorCode"] == "SERVER_UNAVAILABLE"
    assert api.get("/sobjects").status_code == 200


def test_sessions_end_after_some_calls(api: Api) -> None:
    _plan(api, {"kind": "expire_tokens", "after": 2})
    assert [api.get("/limits").status_code for _ in range(4)] == [200, 200, 401, 401]
    renewed = Api(api.running)
    assert renewed.get("/limits").status_code == 200


def test_limits_may_be_hidden_or_used_up(api: Api) -> None:
    _plan(api, {"kind": "no_limits", "times": 1})
    assert api.get("/sobjects").status_code == 200
    assert api.get("/limits").status_code == 403
    _plan(api, {"kind": "over_limit"})
    reply = api.get("/sobjects")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (
        403,
        "REQUEST_LIMIT_EXCEEDED",
    )


@pytest.mark.parametrize(("kind", "made"), [("cut_before", 0), ("cut_after", 1)])
def test_a_connection_is_dropped_before_or_after_the_deed(
    api: Api, kind: str, made: int
) -> None:
    _plan(api, {"kind": kind, "method": "POST", "path": "/jobs/ingest$"})
    with pytest.raises(requests.ConnectionError):
        api.new_job()
    assert len(list(api.org.jobs)) == made
    assert api.org.log.entries()[-1]["fault"] == kind
    api.new_job()


def test_locked_rows_fail_and_pass_later(api: Api) -> None:
    (known,) = api.load("ext_id__c\na\n").accepted
    _plan(api, {"kind": "lock", "object": "Order__c", "rows": 2, "attempts": 2})
    body = "ext_id__c\na\nb\nc\n"
    for _ in range(2):
        outcome = api.load(body)
        assert [row["ext_id__c"] for row in outcome.accepted] == ["c"]
        assert outcome.errors[0] == (
            "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or "
            f"200 records: {known['sf__Id']}:--"
        )
        assert f'"{known["sf__Id"]}","UNABLE_TO_LOCK_ROW:' in outcome.failed
    assert api.load(body).errors == []


def test_a_lock_may_take_the_whole_transaction(api: Api) -> None:
    _plan(api, {"kind": "lock", "rows": 200})
    outcome = api.load("ext_id__c\n" + "".join(f"{n}\n" for n in range(250)))
    assert (len(outcome.errors), len(outcome.accepted)) == (200, 50)


def test_a_stuck_job_goes_on_when_released(api: Api) -> None:
    _plan(api, {"kind": "stick_job"})
    job_id = api.new_job()
    api.upload(job_id, "ext_id__c\na\n")
    api.move(job_id, "UploadComplete")
    admin = f"{api.running.http_url}/admin"
    while job_id not in requests.get(admin, timeout=30).json()["stuck_jobs"]:
        pass
    assert api.get(f"/jobs/ingest/{job_id}").json()["state"] == "InProgress"
    requests.post(f"{admin}/jobs/{job_id}/release", timeout=30)
    assert api.wait(job_id)["state"] == "JobComplete"


def test_a_stuck_job_gives_its_rows_back_when_aborted(api: Api) -> None:
    _plan(api, {"kind": "stick_job"})
    job_id = api.new_job()
    api.upload(job_id, "ext_id__c\na\n")
    api.move(job_id, "UploadComplete")
    while job_id not in api.running.worker.stuck:
        pass
    api.move(job_id, "Aborted")
    assert api.results(api.wait(job_id)).unprocessed == 'ext_id__c\n"a"\n'


@pytest.mark.parametrize("told", [{"kind": "magic"}, {"kind": "lock", "colour": 1}, 5])
def test_a_fault_that_is_not_known_is_refused(api: Api, told: object) -> None:
    url = f"{api.running.http_url}/admin/faults"
    reply = requests.post(url, json=told, timeout=30)
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALID_FAULT")
    assert api.org.faults.listed() == []


def test_every_kind_is_known_by_its_sentence() -> None:
    for kind, sentence in faults.KINDS.items():
        assert faults.make({"kind": kind}).kind == kind
        assert sentence
