"""Uploads of ingest jobs: repeated, partial, chunked, compressed, and delimiters."""

import gzip
import http.client
import json
import time
from collections.abc import Iterator

import pytest

from tests.emulators.salesforce.bulk import ingest
from tests.emulators.salesforce.tests.api import Api

DELIMITERS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}


def test_second_upload_is_rejected(api: Api) -> None:
    job_id = api.new_job()
    assert api.upload(job_id, "ext_id__c\na\n").status_code == 201
    response = api.upload(job_id, "ext_id__c\nb\n")
    assert response.status_code == 400
    assert response.json() == [
        {
            "errorCode": "BULK_API_ERROR",
            "message": f"Found multipe contents for job: <{job_id}>, please 'Close' / "
            "'Abort' / 'Delete' the current Job then create a new Job and make sure "
            "you only do 'PUT' once on a given Job.",
        }
    ]
    api.set_job_state(job_id, "UploadComplete")
    assert [
        row["ext_id__c"] for row in api.fetch_results(api.wait_for_job(job_id)).accepted
    ] == ["a"]


def test_upload_has_at_most_100_mb_and_is_csv(api: Api) -> None:
    job_id = api.new_job()
    packed = {"Content-Encoding": "gzip"}
    for count, status in ((ingest.MAX_UPLOAD_BYTES + 1, 400), (100, 201)):
        compressed = gzip.compress(b"ext_id__c\n" + bytes(count - 10), 1)
        assert api.upload(job_id, compressed, **packed).status_code == status
    for content_type in ("application/json", "text/plain", "application/octet-stream"):
        response = api.upload(
            api.new_job(), "ext_id__c\na\n", **{"Content-Type": content_type}
        )
        assert (response.status_code, response.json()[0]["errorCode"]) == (
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        )
    charset = {"Content-Type": "text/csv; charset=UTF-8"}
    assert api.upload(api.new_job(), "ext_id__c\n", **charset).status_code == 201


def test_upload_to_an_aborted_job_is_rejected(api: Api) -> None:
    job_id = api.new_job()
    api.set_job_state(job_id, "Aborted")
    response = api.upload(job_id, "ext_id__c\na\n")
    assert (response.status_code, response.json()[0]["errorCode"]) == (
        400,
        "INVALIDJOBSTATE",
    )


@pytest.mark.parametrize("body", ["", "ext_id__c\n", "ext_id__c"])
def test_upload_without_rows_completes_with_zero_records(api: Api, body: str) -> None:
    result = api.load(body)
    assert result.job["state"] == "JobComplete"
    assert result.job["numberRecordsProcessed"] == 0
    assert result.accepted == result.errors == []


def test_interrupted_upload_can_be_repeated(api: Api) -> None:
    job_id = api.new_job()
    host = api.emulator.http_url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.putrequest("PUT", f"/services/data/v60.0/jobs/ingest/{job_id}/batches")
    connection.putheader("Authorization", str(api.session.headers["Authorization"]))
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"ext_id__c\nhalf")
    connection.close()
    deadline = time.monotonic() + 30
    while api.upload(job_id, "ext_id__c\nwhole\n").status_code != 201:
        assert time.monotonic() < deadline
    api.set_job_state(job_id, "UploadComplete")
    result = api.fetch_results(api.wait_for_job(job_id))
    assert [row["ext_id__c"] for row in result.accepted] == ["whole"]


def test_chunked_upload_is_accepted(api: Api) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"ext_id__c,notes__c\n"
        for number in range(50):
            yield f"k{number},é".encode()[:-1]
            yield "é".encode()[1:] + b"\n"

    job_id = api.new_job()
    response = api.call(
        "PUT",
        f"/jobs/ingest/{job_id}/batches",
        data=blocks(),
        headers={"content-type": "text/csv; charset=UTF-8"},
    )
    assert response.status_code == 201
    api.set_job_state(job_id, "UploadComplete")
    result = api.fetch_results(api.wait_for_job(job_id))
    assert len(result.accepted) == 50
    assert {row["notes__c"] for row in result.accepted} == {"é"}


def test_upload_and_results_may_be_compressed(api: Api) -> None:
    rows = "".join(f"k{number},n\n" for number in range(500))
    job_id = api.new_job()
    compressed = gzip.compress(f"ext_id__c,notes__c\n{rows}".encode())
    assert (
        api.upload(job_id, compressed, **{"Content-Encoding": "gzip"}).status_code
        == 201
    )
    api.set_job_state(job_id, "UploadComplete")
    assert len(api.fetch_results(api.wait_for_job(job_id)).accepted) == 500
    path = f"/jobs/ingest/{job_id}/successfulResults"
    gzipped = api.get(path, headers={"Accept-Encoding": "gzip"})
    plain = api.get(path, headers={"Accept-Encoding": "identity"})
    assert gzipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzipped.content == plain.content


@pytest.mark.parametrize("line_ending", ["LF", "CRLF"])
@pytest.mark.parametrize(("name", "delimiter"), DELIMITERS.items())
def test_every_delimiter_and_line_ending_is_accepted(
    api: Api, *, name: str, delimiter: str, line_ending: str
) -> None:
    end = {"LF": "\n", "CRLF": "\r\n"}[line_ending]
    lines = [
        f"ext_id__c{delimiter}notes__c",
        f'a{delimiter}"x{delimiter}""y"',
        f"b{delimiter}",
        "",
    ]
    result = api.load(end.join(lines), columnDelimiter=name, lineEnding=line_ending)
    assert result.job["state"] == "JobComplete", result.job
    assert result.job["columnDelimiter"] == name
    first, *rows = result.successful.split(end)
    assert first == delimiter.join(
        ['"sf__Id"', '"sf__Created"', "ext_id__c", "notes__c"]
    )
    assert rows[0].endswith(delimiter.join(['"true"', '"a"', f'"x{delimiter}""y"']))
    notes = "SELECT notes__c FROM Order__c WHERE ext_id__c = 'a'"
    assert api.query_column(notes) == [f'x{delimiter}"y']


def _post_multipart(api: Api, content: str, **changes: str) -> tuple[int, dict]:
    job = {"object": "Order__c", "operation": "insert", **changes}
    response = api.post(
        "/jobs/ingest",
        files={
            "job": (None, json.dumps(job), "application/json"),
            "content": ("content", content, "text/csv"),
        },
    )
    return response.status_code, response.json()


def test_multipart_form_creates_job_with_its_content(api: Api) -> None:
    status, job = _post_multipart(api, "ext_id__c\na\nb\n")
    assert (status, job["state"]) == (200, "UploadComplete")
    assert len(api.fetch_results(api.wait_for_job(job["id"])).accepted) == 2
    status, job = _post_multipart(api, "ext_id__c\n" + "x" * 100_000)
    assert status == 400
