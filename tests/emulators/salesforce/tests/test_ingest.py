"""Ingest jobs: creation, states, abort, deletion, and invalid requests."""

import time
from pathlib import Path

import pytest

from tests.emulators.salesforce import faults
from tests.emulators.salesforce.org import Settings
from tests.emulators.salesforce.serve import running_emulator
from tests.emulators.salesforce.tests.api import Api, JobResult
from tests.emulators.salesforce.tests.conftest import OBJECTS


def test_new_job_returns_its_info(api: Api) -> None:
    response = api.post(
        "/jobs/ingest/",
        json={
            "object": "order__c",
            "operation": "upsert",
            "externalIdFieldName": "EXT_ID__C",
            "contentType": "CSV",
        },
    )
    info = response.json()
    assert response.status_code == 200
    job_id = info.pop("id")
    assert len(job_id) == 18
    assert job_id.startswith("750")
    created = info.pop("createdDate")
    assert created.endswith("+0000")
    assert info.pop("systemModstamp") == created
    assert info == {
        "operation": "upsert",
        "object": "Order__c",
        "createdById": api.org.user_id,
        "state": "Open",
        "externalIdFieldName": "ext_id__c",
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 60.0,
        "contentUrl": f"services/data/v60.0/jobs/ingest/{job_id}/batches",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }


def test_job_goes_through_its_states(api: Api) -> None:
    api.org.faults.add(faults.parse_fault({"kind": "stick_job"}))
    job_id = api.new_job()
    uploaded = api.upload(job_id, "ext_id__c,small__c\na,1\nb,x\n")
    assert (uploaded.status_code, uploaded.content) == (201, b"")
    assert "Content-Type" not in uploaded.headers
    closed = api.set_job_state(job_id, "UploadComplete").json()
    assert closed["state"] == "UploadComplete"
    assert not {"contentUrl", "lineEnding", "columnDelimiter"} & set(closed)
    _wait_for_state(api, job_id, "InProgress")
    job = next(iter(api.org.jobs))
    api.emulator.worker.release(job)
    ended = api.wait_for_job(job_id)
    assert ended["state"] == "JobComplete"
    assert (ended["numberRecordsProcessed"], ended["numberRecordsFailed"]) == (2, 1)
    assert (ended["jobType"], ended["retries"]) == ("V2Ingest", 0)
    assert ended["totalProcessingTime"] >= 1
    assert {"apiActiveProcessingTime", "apexProcessingTime"} <= set(ended)
    assert "errorMessage" not in ended


def _wait_for_state(api: Api, job_id: str, state: str) -> None:
    deadline = time.monotonic() + 30
    while api.get(f"/jobs/ingest/{job_id}").json()["state"] != state:
        assert time.monotonic() < deadline, f"The job never became {state}."
        time.sleep(0.01)


def test_states_last_for_the_configured_seconds(tmp_path: Path) -> None:
    with running_emulator(
        tmp_path, Settings(objects=OBJECTS, state_seconds=0.3)
    ) as emulator:
        api = Api(emulator)
        job_id = api.new_job()
        api.upload(job_id, "ext_id__c\na\n")
        started = time.monotonic()
        api.set_job_state(job_id, "UploadComplete")
        assert api.get(f"/jobs/ingest/{job_id}").json()["state"] == "UploadComplete"
        _wait_for_state(api, job_id, "InProgress")
        api.wait_for_job(job_id)
        assert time.monotonic() - started >= 0.6


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        (
            {"object": "X"},
            "INVALIDJOB",
            "InvalidJob : Unable to find object: X",
        ),
        (
            {"externalIdFieldName": "small__c"},
            "INVALIDJOB",
            "InvalidJob : Field name provided, small__c does not match an External ID "
            "for Order__c",
        ),
        (
            {"externalIdFieldName": ""},
            "INVALIDJOB",
            "InvalidJob : External ID was blank for Order__c. An External ID must be "
            "specified for upsert.",
        ),
        (
            {"operation": ""},
            "API_ERROR",
            "Invalid value: '' supplied for property: 'operation'",
        ),
        (
            {"contentType": "JSON"},
            "API_ERROR",
            "Invalid value: 'JSON' supplied for property: 'contentType'",
        ),
        (
            {"columnDelimiter": "DOT"},
            "API_ERROR",
            "Invalid value: 'DOT' supplied for property: 'columnDelimiter'",
        ),
    ],
)
def test_invalid_job_is_rejected(
    api: Api, *, changes: dict[str, str], code: str, message: str
) -> None:
    body = {
        "object": "Order__c",
        "operation": "upsert",
        "externalIdFieldName": "ext_id__c",
    }
    response = api.post("/jobs/ingest", json={**body, **changes})
    assert response.status_code == 400
    assert response.json() == [{"errorCode": code, "message": message}]


def test_body_that_is_not_json_is_rejected(api: Api) -> None:
    response = api.post("/jobs/ingest", data=b"{")
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        400,
        "JSON_PARSER_ERROR",
    )


def test_ended_job_cannot_change_state_and_open_job_cannot_be_deleted(api: Api) -> None:
    job_id = api.new_job()
    assert api.delete(f"/jobs/ingest/{job_id}").status_code == 400
    api.upload(job_id, "ext_id__c\na\n")
    api.set_job_state(job_id, "UploadComplete")
    api.wait_for_job(job_id)
    assert api.set_job_state(job_id, "Aborted").json() == [
        {
            "errorCode": "INVALIDJOBSTATE",
            "message": "Aborting already Completed Job not allowed",
        }
    ]
    assert api.set_job_state(job_id, "UploadComplete").status_code == 400
    assert api.set_job_state(job_id, "Open").status_code == 400
    deleted = api.delete(f"/jobs/ingest/{job_id}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert api.get(f"/jobs/ingest/{job_id}").status_code == 404


def test_job_interrupted_by_a_stop_completes_after_the_next_start(
    tmp_path: Path,
) -> None:
    rows = 30_000
    body = "ext_id__c\n" + "".join(f"{number}\n" for number in range(rows))
    with running_emulator(tmp_path, Settings(objects=OBJECTS)) as emulator:
        api = Api(emulator)
        job_id = api.new_job()
        api.upload(job_id, body)
        api.set_job_state(job_id, "UploadComplete")
        _wait_for_state(api, job_id, "InProgress")
    with running_emulator(tmp_path, Settings(objects=OBJECTS)) as emulator:
        api = Api(emulator)
        result = api.fetch_results(api.wait_for_job(job_id))
        assert result.job["numberRecordsProcessed"] == rows
        assert len(result.accepted) == rows
        assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == rows


def test_job_deleted_while_queued_does_not_block_others(api: Api) -> None:
    api.org.faults.add(faults.parse_fault({"kind": "stick_job"}))
    job_id = api.new_job()
    api.upload(job_id, "ext_id__c\na\n")
    api.set_job_state(job_id, "UploadComplete")
    _wait_for_state(api, job_id, "InProgress")
    (job,) = api.org.jobs
    api.org.jobs.remove(job)
    api.emulator.worker.release(job)
    assert len(api.load("ext_id__c\nb\n").accepted) == 1
    assert api.query_column("SELECT ext_id__c FROM Order__c") == ["b"]


def test_aborted_job_returns_its_rows_as_unprocessed(api: Api) -> None:
    job_id = api.new_job()
    api.upload(job_id, 'Ext_Id__c,notes__c\na,"x, y"\nb,\n')
    assert api.set_job_state(job_id, "Aborted").json()["state"] == "Aborted"
    result = api.fetch_results(api.wait_for_job(job_id))
    assert result.unprocessed == 'Ext_Id__c,notes__c\n"a","x, y"\n"b",""\n'
    assert result.job["numberRecordsProcessed"] == 0
    assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == 0


def test_short_ids_and_trailing_slashes_are_accepted(api: Api) -> None:
    job_id = api.new_job()
    assert api.get(f"/jobs/ingest/{job_id[:15]}/").json()["id"] == job_id
    assert api.upload(job_id[:15], "ext_id__c\na\n").status_code == 201
    api.set_job_state(f"{job_id[:15]}/", "UploadComplete")
    api.wait_for_job(job_id)
    for name in ("unprocessedRecords", "unprocessedrecords", "successfulResults/"):
        response = api.get(f"/jobs/ingest/{job_id[:15]}/{name}")
        assert (response.status_code, response.headers["Content-Type"]) == (
            200,
            "text/csv",
        )


def test_results_of_an_open_job_are_rejected(api: Api) -> None:
    job_id = api.new_job()
    response = api.get(f"/jobs/ingest/{job_id}/failedResults")
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        400,
        "INVALIDJOBSTATE",
    )


def test_jobs_are_listed_in_pages_and_by_type(api: Api) -> None:
    created = [api.new_job() for _ in range(7)]
    seen: list[str] = []
    path = "/jobs/ingest?jobType=V2Ingest"
    while path:
        page = api.get(path).json()
        assert len(page["records"]) <= 3
        seen += [record["id"] for record in page["records"]]
        assert page["done"] is (page["nextRecordsUrl"] is None)
        path = (page["nextRecordsUrl"] or "").removeprefix("/services/data/v60.0")
    assert seen == created
    assert api.get("/jobs/ingest?jobType=Classic").json()["records"] == []
    assert api.get("/jobs/ingest?isPkChunkingEnabled=true").json()["records"] == []


def test_insert_update_and_delete_by_id(api: Api) -> None:
    def ids(result: JobResult) -> list[str]:
        return [row["sf__Id"] for row in result.accepted]

    inserted = ids(api.load("notes__c\nx\ny\n", operation="insert"))
    assert len(inserted) == 2
    body = (
        f"Id,notes__c\n{inserted[0][:15]},z\n{inserted[1]},#N/A\na075f0000000zzzAAA,q\n"
    )
    updated = api.load(body, operation="update")
    assert ids(updated) == inserted
    assert {row["sf__Created"] for row in updated.accepted} == {"false"}
    assert updated.errors == [
        "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"
    ]
    assert api.query_column("SELECT notes__c FROM Order__c ORDER BY Id") == ["z", None]
    deleted = api.load(f"Id\n{inserted[0]}\nnonsense\n", operation="delete")
    assert ids(deleted) == inserted[:1]
    assert deleted.errors[0].startswith("MALFORMED_ID:")
    assert api.query_column("SELECT Id FROM Order__c") == inserted[1:]
    repeated = api.load(f"Id\n{inserted[0]}\n", operation="delete")
    assert repeated.errors == ["ENTITY_IS_DELETED:entity is deleted:--"]
    query_all = api.get("/queryAll", params={"q": "SELECT COUNT() FROM Order__c"})
    assert query_all.json()["totalSize"] == 2
