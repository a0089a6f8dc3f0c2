"""Bulk query: jobs, and results page by page."""

import csv
import io

import pytest

from tests.emulators.salesforce.tests.api import Api


def _job(api: Api, soql: str, **told: str) -> str:
    reply = api.post("/jobs/query", json={"operation": "query", "query": soql, **told})
    assert reply.status_code == 200, reply.text
    return reply.json()["id"]


def test_a_query_job_begins_at_once_and_tells_its_rows(api: Api) -> None:
    api.load('ext_id__c,small__c,is_open__c,long_notes__c\na,1,true,"x\ny"\nb,,,\n')
    soql = (
        "SELECT ext_id__c, small__c, is_open__c, long_notes__c, CreatedBy.Name "
        "FROM Order__c ORDER BY ext_id__c"
    )
    made = api.post("/jobs/query", json={"operation": "query", "query": soql}).json()
    assert made["state"] == "UploadComplete"
    assert made["object"] == "Order__c"
    assert "contentUrl" not in made
    ended = api.wait(made["id"], "query")
    assert (ended["state"], ended["jobType"]) == ("JobComplete", "V2Query")
    assert ended["numberRecordsProcessed"] == 2
    reply = api.get(f"/jobs/query/{made['id']}/results")
    assert reply.headers["Content-Type"] == "text/csv"
    assert reply.headers["Sforce-Locator"] == "null"
    assert reply.headers["Sforce-NumberOfRecords"] == "2"
    assert reply.content.decode() == (
        '"ext_id__c","small__c","is_open__c","long_notes__c","CreatedBy.Name"\n'
        '"a","1.0","true","x\ny","Nightshift Integration"\n'
        '"b","","false","","Nightshift Integration"\n'
    )


def test_results_come_in_pages_each_with_the_header(api: Api) -> None:
    api.load("ext_id__c,notes__c\n" + "".join(f'k{n},"{n}\n"\n' for n in range(7)))
    soql = "SELECT ext_id__c, notes__c FROM Order__c"
    job_id = _job(api, soql, columnDelimiter="PIPE", lineEnding="CRLF")
    api.wait(job_id, "query")
    seen, locator, pages = [], "", 0
    while locator != "null":
        parameters = {"maxRecords": "3", "locator": locator}
        reply = api.get(f"/jobs/query/{job_id}/results", params=parameters)
        text = io.StringIO(reply.content.decode(), newline="")
        header, *rows = csv.reader(text, delimiter="|")
        assert header == ["ext_id__c", "notes__c"]
        assert reply.headers["Sforce-NumberOfRecords"] == str(len(rows))
        seen += rows
        locator = reply.headers["Sforce-Locator"]
        pages += 1
    assert (pages, seen) == (3, [[f"k{n}", f"{n}\n"] for n in range(7)])


def test_no_rows_are_a_header_only(api: Api) -> None:
    job_id = _job(api, "SELECT Id FROM Order__c")
    api.wait(job_id, "query")
    reply = api.get(f"/jobs/query/{job_id}/results")
    assert (reply.text, reply.headers["Sforce-NumberOfRecords"]) == ('"Id"\n', "0")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"operation": "query", "query": ""}, "supplied for property: 'query'"),
        ({"operation": "insert", "query": "x"}, "supplied for property: 'operation'"),
        ({"operation": "query", "query": "SELECT x FROM Order__c"}, "No such column"),
        (
            {"operation": "query", "query": "SELECT COUNT(Id) FROM Order__c"},
            "Aggregate Relationships not supported in Bulk Query",
        ),
    ],
)
def test_a_query_that_cannot_be_is_refused(
    api: Api, body: dict[str, str], told: str
) -> None:
    reply = api.post("/jobs/query", json=body)
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "API_ERROR")
    assert told in reply.json()[0]["message"]


def test_query_jobs_are_listed_deleted_and_not_ingest_jobs(api: Api) -> None:
    job_id = _job(api, "SELECT Id FROM Order__c")
    api.wait(job_id, "query")
    assert [job["id"] for job in api.get("/jobs/query").json()["records"]] == [job_id]
    assert api.get("/jobs/ingest").json()["records"] == []
    assert api.get(f"/jobs/ingest/{job_id}").status_code == 404
    reply = api.patch(f"/jobs/query/{job_id}", json={"state": "Aborted"})
    assert reply.json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert api.delete(f"/jobs/query/{job_id[:15]}").status_code == 204
    assert api.get(f"/jobs/query/{job_id}").status_code == 404
    left = api.get("/limits").json()["DailyBulkV2QueryJobs"]
    assert left["Max"] - left["Remaining"] == 1


def test_deleted_records_are_seen_by_query_all_only(api: Api) -> None:
    (made,) = api.load("ext_id__c\na\n").accepted
    api.delete(f"/sobjects/Order__c/{made['sf__Id']}")
    counts = []
    for operation in ("query", "queryAll"):
        job_id = _job(api, "SELECT Id FROM Order__c", operation=operation)
        counts.append(api.wait(job_id, "query")["numberRecordsProcessed"])
    assert counts == [0, 1]
