"""The life of an ingest job: its making, its states, and what is refused."""

import time
from pathlib import Path

import pytest

from tests.emulators.salesforce import faults
from tests.emulators.salesforce.org import Settings
from tests.emulators.salesforce.serve import started
from tests.emulators.salesforce.tests.api import Api, Outcome
from tests.emulators.salesforce.tests.conftest import OBJECTS


def test_a_new_job_tells_all_of_itself(api: Api) -> None:
    reply = api.post(
        "/jobs/ingest/",
        json={
            "object": "order__c",
            "operation": "upsert",
            "externalIdFieldName": "EXT_ID__C",
            "contentType": "CSV",
        },
    )
    told = reply.json()
    assert reply.status_code == 200
    job_id = told.pop("id")
    assert len(job_id) == 18
    assert job_id.startswith("750")
    created = told.pop("createdDate")
    assert created.endswith("+0000")
    assert told.pop("systemModstamp") == created
    assert told == {
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


def test_a_job_goes_through_its_states(api: Api) -> None:
    api.org.faults.add(faults.make({"kind": "stick_job"}))
    job_id = api.new_job()
    uploaded = api.upload(job_id, "ext_id__c,small__c\na,1\nb,x\n")
    assert (uploaded.status_code, uploaded.content) == (201, b"")
    assert "Content-Type" not in uploaded.headers
    closed = api.move(job_id, "UploadComplete").json()
    assert closed["state"] == "UploadComplete"
    assert not {"contentUrl", "lineEnding", "columnDelimiter"} & set(closed)
    _until(api, job_id, "InProgress")
    job = next(iter(api.org.jobs))
    api.running.worker.release(job)
    ended = api.wait(job_id)
    assert ended["state"] == "JobComplete"
    assert (ended["numberRecordsProcessed"], ended["numberRecordsFailed"]) == (2, 1)
    assert (ended["jobType"], ended["retries"]) == ("V2Ingest", 0)
    assert ended["totalProcessingTime"] >= 1
    assert {"apiActiveProcessingTime", "apexProcessingTime"} <= set(ended)
    assert "errorMessage" not in ended


def _until(api: Api, job_id: str, state: str) -> None:
    deadline = time.monotonic() + 30
    while api.get(f"/jobs/ingest/{job_id}").json()["state"] != state:
        assert time.monotonic() < deadline, f"never {state}"
        time.sleep(0.01)


def test_states_last_as_long_as_asked_for(tmp_path: Path) -> None:
    with started(tmp_path, Settings(objects=OBJECTS, state_seconds=0.3)) as running:
        api = Api(running)
        job_id = api.new_job()
        api.upload(job_id, "ext_id__c\na\n")
        began = time.monotonic()
        api.move(job_id, "UploadComplete")
        assert api.get(f"/jobs/ingest/{job_id}").json()["state"] == "UploadComplete"
        _until(api, job_id, "InProgress")
        api.wait(job_id)
        assert time.monotonic() - began >= 0.6


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
def test_a_job_that_cannot_be_is_refused(
    api: Api, *, changes: dict[str, str], code: str, message: str
) -> None:
    body = {
        "object": "Order__c",
        "operation": "upsert",
        "externalIdFieldName": "ext_id__c",
    }
    reply = api.post("/jobs/ingest", json={**body, **changes})
    assert reply.status_code == 400
    assert reply.json() == [{"errorCode": code, "message": message}]


def test_a_body_that_is_no_json_is_refused(api: Api) -> None:
    reply = api.post("/jobs/ingest", data=b"{")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (
        400,
        "JSON_PARSER_ERROR",
    )


def test_an_ended_job_is_not_moved_and_only_an_ended_or_closed_one_deleted(
    api: Api,
) -> None:
    job_id = api.new_job()
    assert api.delete(f"/jobs/ingest/{job_id}").status_code == 400
    api.upload(job_id, "ext_id__c\na\n")
    api.move(job_id, "UploadComplete")
    api.wait(job_id)
    assert api.move(job_id, "Aborted").json() == [
        {
            "errorCode": "INVALIDJOBSTATE",
            "message": "Aborting already Completed Job not allowed",
        }
    ]
    assert api.move(job_id, "UploadComplete").status_code == 400
    assert api.move(job_id, "Open").status_code == 400
    gone = api.delete(f"/jobs/ingest/{job_id}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert api.get(f"/jobs/ingest/{job_id}").status_code == 404


def test_a_job_that_a_stop_interrupts_is_done_at_the_next_start(
    tmp_path: Path,
) -> None:
    rows = 30_000
    body = "ext_id__c\n" + "".join(f"{number}\n" for number in range(rows))
    with started(tmp_path, Settings(objects=OBJECTS)) as running:
        api = Api(running)
        job_id = api.new_job()
        api.upload(job_id, body)
        api.move(job_id, "UploadComplete")
        _until(api, job_id, "InProgress")
    with started(tmp_path, Settings(objects=OBJECTS)) as running:
        api = Api(running)
        outcome = api.results(api.wait(job_id))
        assert outcome.job["numberRecordsProcessed"] == rows
        assert len(outcome.accepted) == rows
        assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == rows


def test_a_job_deleted_before_its_turn_holds_up_no_other(api: Api) -> None:
    api.org.faults.add(faults.make({"kind": "stick_job"}))
    job_id = api.new_job()
    api.upload(job_id, "ext_id__c\na\n")
    api.move(job_id, "UploadComplete")
    _until(api, job_id, "InProgress")
    (job,) = api.org.jobs
    api.org.jobs.remove(job)
    api.running.worker.release(job)
    assert len(api.load("ext_id__c\nb\n").accepted) == 1
    assert api.column("SELECT ext_id__c FROM Order__c") == ["b"]


def test_an_aborted_job_gives_its_rows_back(api: Api) -> None:
    job_id = api.new_job()
    api.upload(job_id, 'Ext_Id__c,notes__c\na,"x, y"\nb,\n')
    assert api.move(job_id, "Aborted").json()["state"] == "Aborted"
    outcome = api.results(api.wait(job_id))
    assert outcome.unprocessed == 'Ext_Id__c,notes__c\n"a","x, y"\n"b",""\n'
    assert outcome.job["numberRecordsProcessed"] == 0
    assert api.query("SELECT COUNT() FROM Order__c")["totalSize"] == 0


def test_ids_of_fifteen_characters_and_slashes_lead_there_too(api: Api) -> None:
    job_id = api.new_job()
    assert api.get(f"/jobs/ingest/{job_id[:15]}/").json()["id"] == job_id
    assert api.upload(job_id[:15] + "", "ext_id__c\na\n").status_code == 201
    api.move(f"{job_id[:15]}/", "UploadComplete")
    api.wait(job_id)
    for name in ("unprocessedRecords", "unprocessedrecords", "successfulResults/"):
        reply = api.get(f"/jobs/ingest/{job_id[:15]}/{name}")
        assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/csv")


def test_results_of_a_job_that_goes_on_are_refused(api: Api) -> None:
    job_id = api.new_job()
    reply = api.get(f"/jobs/ingest/{job_id}/failedResults")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")


def test_jobs_are_listed_by_pages_and_kinds(api: Api) -> None:
    made = [api.new_job() for _ in range(7)]
    seen: list[str] = []
    path = "/jobs/ingest?jobType=V2Ingest"
    while path:
        page = api.get(path).json()
        assert len(page["records"]) <= 3
        seen += [record["id"] for record in page["records"]]
        assert page["done"] is (page["nextRecordsUrl"] is None)
        path = (page["nextRecordsUrl"] or "").removeprefix("/services/data/v60.0")
    assert seen == made
    assert api.get("/jobs/ingest?jobType=Classic").json()["records"] == []
    assert api.get("/jobs/ingest?isPkChunkingEnabled=true").json()["records"] == []


def test_insert_update_and_delete_by_id(api: Api) -> None:
    def ids(outcome: Outcome) -> list[str]:
        return [row["sf__Id"] for row in outcome.accepted]

    made = ids(api.load("notes__c\nx\ny\n", operation="insert"))
    assert len(made) == 2
    body = f"Id,notes__c\n{made[0][:15]},z\n{made[1]},#N/A\na075f0000000zzzAAA,q\n"
    changed = api.load(body, operation="update")
    assert ids(changed) == made
    assert {row["sf__Created"] for row in changed.accepted} == {"false"}
    assert changed.errors == [
        "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--"
    ]
    assert api.column("SELECT notes__c FROM Order__c ORDER BY Id") == ["z", None]
    gone = api.load(f"Id\n{made[0]}\nnonsense\n", operation="delete")
    assert ids(gone) == made[:1]
    assert gone.errors[0].startswith("MALFORMED_ID:")
    assert api.column("SELECT Id FROM Order__c") == made[1:]
    again = api.load(f"Id\n{made[0]}\n", operation="delete")
    assert again.errors == ["ENTITY_IS_DELETED:entity is deleted:--"]
    everything = api.get("/queryAll", params={"q": "SELECT COUNT() FROM Order__c"})
    assert everything.json()["totalSize"] == 2
