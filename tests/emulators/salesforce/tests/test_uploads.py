"""What is uploaded to a job: once, whole, packed, in pieces, with any delimiter."""

import gzip
import http.client
import json
import time
from collections.abc import Iterator

import pytest

from tests.emulators.salesforce.tests.api import Api

MARKS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}


def test_a_second_upload_is_refused(api: Api) -> None:
    job_id = api.new_job()
    assert api.upload(job_id, "ext_id__c\na\n").status_code == 201
    reply = api.upload(job_id, "ext_id__c\nb\n")
    assert reply.status_code == 400
    assert reply.json() == [
        {
            "errorCode": "BULK_API_ERROR",
            "message": f"Found multipe contents for job: <{job_id}>, please 'Close' / "
            "'Abort' / 'Delete' the current Job then create a new Job and make sure "
            "you only do 'PUT' once on a given Job.",
        }
    ]
    api.move(job_id, "UploadComplete")
    assert [row["ext_id__c"] for row in api.results(api.wait(job_id)).accepted] == ["a"]


def test_an_upload_after_the_close_is_refused(api: Api) -> None:
    job_id = api.new_job()
    api.move(job_id, "Aborted")
    reply = api.upload(job_id, "ext_id__c\na\n")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")


@pytest.mark.parametrize("body", ["", "ext_id__c\n", "ext_id__c"])
def test_an_upload_without_rows_is_complete_with_none(api: Api, body: str) -> None:
    outcome = api.load(body)
    assert outcome.job["state"] == "JobComplete"
    assert outcome.job["numberRecordsProcessed"] == 0
    assert outcome.accepted == outcome.errors == []


def test_an_upload_that_breaks_off_leaves_the_job_open_for_another(api: Api) -> None:
    job_id = api.new_job()
    address = api.running.http_url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.putrequest("PUT", f"/services/data/v60.0/jobs/ingest/{job_id}/batches")
    connection.putheader("Authorization", str(api.session.headers["Authorization"]))
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"ext_id__c\nhalf")
    connection.close()
    deadline = time.monotonic() + 30
    while api.upload(job_id, "ext_id__c\nwhole\n").status_code != 201:
        assert time.monotonic() < deadline
    api.move(job_id, "UploadComplete")
    outcome = api.results(api.wait(job_id))
    assert [row["ext_id__c"] for row in outcome.accepted] == ["whole"]


def test_a_chunked_body_arrives_whole(api: Api) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"ext_id__c,notes__c\n"
        for number in range(50):
            yield f"k{number},é".encode()[:-1]
            yield "é".encode()[1:] + b"\n"

    job_id = api.new_job()
    reply = api.call(
        "PUT",
        f"/jobs/ingest/{job_id}/batches",
        data=blocks(),
        headers={"content-type": "text/csv; charset=UTF-8"},
    )
    assert reply.status_code == 201
    api.move(job_id, "UploadComplete")
    outcome = api.results(api.wait(job_id))
    assert len(outcome.accepted) == 50
    assert {row["notes__c"] for row in outcome.accepted} == {"é"}


def test_a_compressed_upload_and_compressed_results(api: Api) -> None:
    rows = "".join(f"k{number},n\n" for number in range(500))
    job_id = api.new_job()
    packed = gzip.compress(f"ext_id__c,notes__c\n{rows}".encode())
    assert api.upload(job_id, packed, **{"Content-Encoding": "gzip"}).status_code == 201
    api.move(job_id, "UploadComplete")
    assert len(api.results(api.wait(job_id)).accepted) == 500
    path = f"/jobs/ingest/{job_id}/successfulResults"
    asked = api.get(path, headers={"Accept-Encoding": "gzip"})
    plain = api.get(path, headers={"Accept-Encoding": "identity"})
    assert asked.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert asked.content == plain.content


@pytest.mark.parametrize("ending", ["LF", "CRLF"])
@pytest.mark.parametrize(("name", "mark"), MARKS.items())
def test_every_delimiter_and_line_ending_is_read_and_written(
    api: Api, *, name: str, mark: str, ending: str
) -> None:
    end = {"LF": "\n", "CRLF": "\r\n"}[ending]
    lines = [f"ext_id__c{mark}notes__c", f'a{mark}"x{mark}""y"', f"b{mark}", ""]
    outcome = api.load(end.join(lines), columnDelimiter=name, lineEnding=ending)
    assert outcome.job["state"] == "JobComplete", outcome.job
    assert outcome.job["columnDelimiter"] == name
    first, *rows = outcome.successful.split(end)
    assert first == mark.join(['"sf__Id"', '"sf__Created"', "ext_id__c", "notes__c"])
    assert rows[0].endswith(mark.join(['"true"', '"a"', f'"x{mark}""y"']))
    notes = "SELECT notes__c FROM Order__c WHERE ext_id__c = 'a'"
    assert api.column(notes) == [f'x{mark}"y']


def _whole(api: Api, content: str, **changes: str) -> tuple[int, dict]:
    job = {"object": "Order__c", "operation": "insert", **changes}
    reply = api.post(
        "/jobs/ingest",
        files={
            "job": (None, json.dumps(job), "application/json"),
            "content": ("content", content, "text/csv"),
        },
    )
    return reply.status_code, reply.json()


def test_a_whole_job_in_one_form(api: Api) -> None:
    status, told = _whole(api, "ext_id__c\na\nb\n")
    assert (status, told["state"]) == (200, "UploadComplete")
    assert len(api.results(api.wait(told["id"])).accepted) == 2
    status, told = _whole(api, "ext_id__c\n" + "x" * 100_000)
    assert status == 400
