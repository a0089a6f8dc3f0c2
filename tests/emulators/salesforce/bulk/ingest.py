"""Bulk API 2.0 ingest: the addresses of its jobs, and what they refuse."""

import gzip
import io
import zlib
from contextlib import ExitStack
from typing import IO, Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import Call, Rule, as_json, empty
from tests.emulators.salesforce.bulk import jobs_api, processing
from tests.emulators.salesforce.bulk.jobs import ABORTED, CLOSED, OPEN, RUNNING, Job
from tests.emulators.salesforce.errors import Refusal

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
MAX_UPLOAD = 150_000_000
MAX_MULTIPART = 100_000
BLOCK = 1 << 18
REPEATED_UPLOAD = (
    "Found multipe contents for job: <{}>, please 'Close' / 'Abort' / 'Delete' the "
    "current Job then create a new Job and make sure you only do 'PUT' once on a given "
    "Job."
)


def create(call: Call) -> Response:
    """POST /jobs/ingest: JSON, or a multipart form with the job and its content."""
    if call.request.mimetype == "multipart/form-data":
        return _create_whole(call)
    job = _make(call, jobs_api.told(call))
    call.org.jobs.add(job)
    return as_json(job.as_json())


def _create_whole(call: Call) -> Response:
    parts = {**call.request.form}
    for name, part in call.request.files.items():
        parts[name] = part.read().decode()
    if "job" not in parts or "content" not in parts:
        raise Refusal(
            400,
            "CLIENTINPUTERROR",
            "ClientInputError : parts job and content are wanted",
        )
    if len(parts["content"]) > MAX_MULTIPART:
        raise Refusal(
            400,
            "CLIENTINPUTERROR",
            f"ClientInputError : content is longer than {MAX_MULTIPART} characters",
        )
    job = _make(call, jobs_api.parsed(parts["job"]))
    job.state, job.is_uploaded = CLOSED, True
    call.org.jobs.add(job)
    call.org.jobs.content(job).write_text(
        parts["content"], encoding="utf-8", newline=""
    )
    call.worker.take(job)
    return as_json(job.as_json())


def _make(call: Call, told: dict[str, Any]) -> Job:
    """Make a job of what is asked for, or refuse."""
    operation = jobs_api.choice(told, "operation", OPERATIONS, default=None)
    jobs_api.choice(told, "contentType", ("CSV",), default="CSV")
    name = told.get("object") or ""
    sobject = call.org.schema.get(name)
    if sobject is None or sobject.is_tooling:
        raise jobs_api.invalid_job(f"Unable to find object: {name}")
    if sobject.is_read_only:
        raise jobs_api.invalid_job(
            f"Entity {sobject.name} is not supported for {operation}"
        )
    external_id = told.get("externalIdFieldName")
    if operation == "upsert":
        external_id = _external_id(sobject.name, sobject.field(external_id or ""), told)
    return jobs_api.new_job(
        call,
        told,
        kind="ingest",
        operation=operation,
        object_name=sobject.name,
        external_id=external_id if operation == "upsert" else None,
    )


def _external_id(name: str, field: Any, told: dict[str, Any]) -> str:  # noqa: ANN401 - a Field or None
    asked = told.get("externalIdFieldName")
    if not asked:
        raise jobs_api.invalid_job(
            f"External ID was blank for {name}. An External ID must be specified for "
            "upsert."
        )
    if field is None or not (field.external_id or field.name == "Id"):
        raise jobs_api.invalid_job(
            f"Field name provided, {asked} does not match an External ID for {name}"
        )
    return str(field.name)


def upload(call: Call, job_id: str) -> Response:
    """PUT /jobs/ingest/ID/batches: the job's one upload, of any length."""
    job = _job(call, job_id)
    with call.org.jobs.lock:
        if job.is_uploaded:
            raise Refusal(400, "BULK_API_ERROR", REPEATED_UPLOAD.format(job.id))
        if job.state != OPEN:
            raise jobs_api.wrong_state(
                f"Upload to a Job that is {job.state} not allowed"
            )
        job.is_uploaded = True
    path = call.org.jobs.content(job)
    part = path.with_suffix(".part")
    with ExitStack() as undo:
        undo.callback(part.unlink, missing_ok=True)
        undo.callback(setattr, job, "is_uploaded", False)
        with part.open("wb") as file:
            _copy(call, file)
        undo.pop_all()  # it is all there: nothing to undo
    part.replace(path)
    call.org.jobs.save(job)
    return empty(201)


def _copy(call: Call, file: IO[bytes]) -> None:
    """Copy the body; unpacked if it is compressed."""
    source: Any = call.request.stream
    if call.request.headers.get("Content-Encoding", "").lower() == "gzip":
        source = gzip.GzipFile(fileobj=io.BufferedReader(source, BLOCK))
    size = 0
    try:
        while block := source.read(BLOCK):
            size += len(block)
            if size > MAX_UPLOAD:
                raise Refusal(
                    400,
                    "CLIENTINPUTERROR",
                    "ClientInputError : The upload is larger than 150 MB",
                )
            file.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise Refusal(
            400, "CLIENTINPUTERROR", "ClientInputError : The upload is no gzip stream"
        ) from None


def move(call: Call, job_id: str) -> Response:
    """PATCH /jobs/ingest/ID: close it or abort it."""
    job = _job(call, job_id)
    state = jobs_api.choice(
        jobs_api.told(call), "state", (CLOSED, ABORTED), default=None
    )
    with call.org.jobs.lock:
        before = job.state
        if state == CLOSED and before != OPEN:
            raise jobs_api.wrong_state(
                f"Closing already {jobs_api.word(before)} Job not allowed"
            )
        jobs_api.change(call, job, state)
        if state == CLOSED or before == OPEN or job.id in call.worker.stuck:
            call.worker.release(job)
    return as_json(job.as_json(is_short=True))


def get(call: Call, job_id: str) -> Response:
    """GET /jobs/ingest/ID."""
    return as_json(_job(call, job_id).as_full_json())


def delete(call: Call, job_id: str) -> Response:
    """DELETE /jobs/ingest/ID: a job that is closed or has ended."""
    job = _job(call, job_id)
    with call.org.jobs.lock:
        if job.state in (OPEN, RUNNING):
            raise jobs_api.wrong_state(
                f"Deleting a Job that is {job.state} not allowed"
            )
        call.org.jobs.remove(job)
    return empty(204)


def listed(call: Call) -> Response:
    """GET /jobs/ingest: a page of them."""
    return as_json(jobs_api.listed(call, "ingest"))


def successful(call: Call, job_id: str) -> Response:
    """GET /jobs/ingest/ID/successfulResults."""
    return _results(call, job_id, processing.SUCCESSFUL)


def failed(call: Call, job_id: str) -> Response:
    """GET /jobs/ingest/ID/failedResults."""
    return _results(call, job_id, processing.FAILED_ROWS)


def unprocessed(call: Call, job_id: str) -> Response:
    """GET /jobs/ingest/ID/unprocessedrecords, with a capital or without."""
    return _results(call, job_id, processing.UNPROCESSED)


def _results(call: Call, job_id: str, name: str) -> Response:
    job = _job(call, job_id)
    path = call.org.jobs.folder(job) / f"{name}.csv"
    jobs_api.wait_for_end(job)
    return jobs_api.csv_reply(call, path)


def _job(call: Call, job_id: str) -> Job:
    return jobs_api.find(call, job_id, "ingest")


RULES: list[Rule] = [
    ("POST", "/jobs/ingest", create),
    ("GET", "/jobs/ingest", listed),
    ("GET", "/jobs/ingest/<job_id>", get),
    ("PATCH", "/jobs/ingest/<job_id>", move),
    ("DELETE", "/jobs/ingest/<job_id>", delete),
    ("PUT", "/jobs/ingest/<job_id>/batches", upload),
    ("GET", "/jobs/ingest/<job_id>/successfulResults", successful),
    ("GET", "/jobs/ingest/<job_id>/failedResults", failed),
    ("GET", "/jobs/ingest/<job_id>/unprocessedrecords", unprocessed),
    ("GET", "/jobs/ingest/<job_id>/unprocessedRecords", unprocessed),
]
