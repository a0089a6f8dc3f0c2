"""Bulk query jobs and their result pages."""

import csv
import io

import pytest

from tests.emulators.salesforce.bulk import query_jobs
from tests.emulators.salesforce.tests.api import Api


def _create_job(api: Api, soql: str, **properties: str) -> str:
    body = {"operation": "query", "query": soql, **properties}
    response = api.post("/jobs/query", json=body)
    assert response.status_code == 200, response.text
    return response.json()["id"]


def test_query_job_starts_at_once_and_returns_its_rows(api: Api) -> None:
    api.load('ext_id__c,small__c,is_open__c,long_notes__c\na,1,true,"x\ny"\nb,,,\n')
    soql = (
        "SELECT ext_id__c, small__c, is_open__c, long_notes__c, CreatedBy.Name "
        "FROM Order__c ORDER BY ext_id__c"
    )
    created = api.post("/jobs/query", json={"operation": "query", "query": soql}).json()
    assert created["state"] == "UploadComplete"
    assert created["object"] == "Order__c"
    assert "contentUrl" not in created
    ended = api.wait_for_job(created["id"], "query")
    assert (ended["state"], ended["jobType"]) == ("JobComplete", "V2Query")
    assert ended["numberRecordsProcessed"] == 2
    response = api.get(f"/jobs/query/{created['id']}/results")
    assert response.headers["Content-Type"] == "text/csv"
    assert response.headers["Sforce-Locator"] == "null"
    assert response.headers["Sforce-NumberOfRecords"] == "2"
    assert response.content.decode() == (
        '"ext_id__c","small__c","is_open__c","long_notes__c","CreatedBy.Name"\n'
        '"a","1.0","true","x\ny","Nightshift Integration"\n'
        '"b","","false","","Nightshift Integration"\n'
    )


def test_each_result_page_has_the_header(api: Api) -> None:
    api.load("ext_id__c,notes__c\n" + "".join(f'k{n},"{n}\n"\n' for n in range(7)))
    soql = "SELECT ext_id__c, notes__c FROM Order__c"
    job_id = _create_job(api, soql, columnDelimiter="PIPE", lineEnding="CRLF")
    api.wait_for_job(job_id, "query")
    seen, locator, pages = [], "", 0
    while locator != "null":
        parameters = {"maxRecords": "3", "locator": locator}
        response = api.get(f"/jobs/query/{job_id}/results", params=parameters)
        text = io.StringIO(response.content.decode(), newline="")
        header, *rows = csv.reader(text, delimiter="|")
        assert header == ["ext_id__c", "notes__c"]
        assert response.headers["Sforce-NumberOfRecords"] == str(len(rows))
        seen += rows
        locator = response.headers["Sforce-Locator"]
        pages += 1
    assert (pages, seen) == (3, [[f"k{n}", f"{n}\n"] for n in range(7)])


def test_query_without_rows_returns_the_header_only(api: Api) -> None:
    job_id = _create_job(api, "SELECT Id FROM Order__c")
    api.wait_for_job(job_id, "query")
    response = api.get(f"/jobs/query/{job_id}/results")
    assert (response.text, response.headers["Sforce-NumberOfRecords"]) == (
        '"Id"\n',
        "0",
    )


@pytest.mark.parametrize(
    ("body", "message"),
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
def test_invalid_query_is_rejected(
    api: Api, body: dict[str, str], message: str
) -> None:
    response = api.post("/jobs/query", json=body)
    assert (response.status_code, response.json()[0]["errorCode"]) == (400, "API_ERROR")
    assert message in response.json()[0]["message"]


def test_query_jobs_can_be_listed_and_deleted(api: Api) -> None:
    job_id = _create_job(api, "SELECT Id FROM Order__c")
    api.wait_for_job(job_id, "query")
    assert [job["id"] for job in api.get("/jobs/query").json()["records"]] == [job_id]
    assert api.get("/jobs/ingest").json()["records"] == []
    assert api.get(f"/jobs/ingest/{job_id}").status_code == 404
    response = api.patch(f"/jobs/query/{job_id}", json={"state": "Aborted"})
    assert response.json()[0]["errorCode"] == "INVALIDJOBSTATE"
    assert api.delete(f"/jobs/query/{job_id[:15]}").status_code == 204
    assert api.get(f"/jobs/query/{job_id}").status_code == 404
    limit = api.get("/limits").json()["DailyBulkV2QueryJobs"]
    assert limit["Max"] - limit["Remaining"] == 1


def test_only_query_all_includes_deleted_records(api: Api) -> None:
    (created,) = api.load("ext_id__c\na\n").accepted
    api.delete(f"/sobjects/Order__c/{created['sf__Id']}")
    counts = []
    for operation in ("query", "queryAll"):
        job_id = _create_job(api, "SELECT Id FROM Order__c", operation=operation)
        counts.append(api.wait_for_job(job_id, "query")["numberRecordsProcessed"])
    assert counts == [0, 1]


def test_result_pages_can_be_read_in_parallel(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_jobs, "PAGE_ROWS", 2)
    api.load("ext_id__c\n" + "".join(f"{n:02}\n" for n in range(11)))
    job_id = _create_job(api, "SELECT ext_id__c FROM Order__c ORDER BY ext_id__c")
    api.wait_for_job(job_id, "query")
    pages, url = [], f"/jobs/query/{job_id}/resultPages"
    while url:
        body = api.get(url).json()
        pages.append(body["resultPages"])
        url = body.get("nextRecordsUrl", "").partition("/v60.0")[2]
        assert body["done"] == (not url)
    assert [len(page) for page in pages] == [5, 1]
    links = [link["resultLink"].partition("/v60.0")[2] for p in pages for link in p]
    rows = [line for link in links for line in api.get(link).text.splitlines()[1:]]
    assert rows == [f'"{n:02}"' for n in range(11)]
