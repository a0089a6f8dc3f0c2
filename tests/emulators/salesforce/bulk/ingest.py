"""REST endpoints of Bulk API 2.0 ingest jobs."""

import gzip
import io
import zlib
from contextlib import ExitStack
from typing import IO, Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import (
    ApiCall,
    Rule,
    empty_response,
    json_response,
)
from tests.emulators.salesforce.bulk import jobs_api, processing
from tests.emulators.salesforce.bulk.jobs import (
    ABORTED,
    IN_PROGRESS,
    OPEN,
    UPLOAD_COMPLETE,
    Job,
)
from tests.emulators.salesforce.errors import ApiError
from tests.emulators.salesforce.objects.schema import SObject

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
MAX_UPLOAD_BYTES = 100 << 20  # at most 150 MB as base64
MAX_MULTIPART_CHARACTERS = 100_000
BLOCK_BYTES = 1 << 18
REPEATED_UPLOAD = (
    "Found multipe contents for job: <{}>, please 'Close' / 'Abort' / 'Delete' the "
    "current Job then create a new Job and make sure you only do 'PUT' once on a given "
    "Job."
)


def create(call: ApiCall) -> Response:
    """POST /jobs/ingest: JSON, or a multipart form with the job and its content."""
    if call.request.mimetype == "multipart/form-data":
        return _create_multipart(call)
    job = _new_job(call, jobs_api.request_body(call))
    call.org.jobs.add(job)
    return json_response(job.as_json())


def _create_multipart(call: ApiCall) -> Response:
    parts = {**call.request.form}
    for name, part in call.request.files.items():
        parts[name] = part.read().decode()
    if "job" not in parts or "content" not in parts:
        raise ApiError(
            400,
            "CLIENTINPUTERROR",
            "ClientInputError : the parts job and content are required",
        )
    if len(parts["content"]) > MAX_MULTIPART_CHARACTERS:
        raise ApiError(
            400,
            "CLIENTINPUTERROR",
            "ClientInputError : content is longer than "
            f"{MAX_MULTIPART_CHARACTERS} characters",
        )
    job = _new_job(call, jobs_api.parse_body(parts["job"]))
    job.state, job.is_uploaded = UPLOAD_COMPLETE, True
    call.org.jobs.add(job)
    call.org.jobs.upload_path(job).write_text(
        parts["content"], encoding="utf-8", newline=""
    )
    call.worker.submit(job)
    return json_response(job.as_json())


def _new_job(call: ApiCall, body: dict[str, Any]) -> Job:
    """Return the job that a request body describes; raise if it is invalid."""
    operation = jobs_api.enum_property(body, "operation", OPERATIONS, default=None)
    jobs_api.enum_property(body, "contentType", ("CSV",), default="CSV")
    name = str(body.get("object") or "")
    sobject = call.org.schema.get(name)
    if sobject is None or sobject.is_tooling:
        raise jobs_api.invalid_job(f"Unable to find object: {name}")
    if sobject.is_read_only:
        raise jobs_api.invalid_job(
            f"Entity {sobject.name} is not supported for {operation}"
        )
    external_id = body.get("externalIdFieldName")
    if operation == "upsert":
        external_id = _validate_external_id(sobject, external_id)
    return jobs_api.new_job(
        call,
        body,
        kind="ingest",
        operation=operation,
        object_name=sobject.name,
        external_id=external_id if operation == "upsert" else None,
    )


def _validate_external_id(sobject: SObject, name: str | None) -> str:
    """Return the name of the external id field as the object has it."""
    if not name:
        raise jobs_api.invalid_job(
            f"External ID was blank for {sobject.name}. An External ID must be "
            "specified for upsert."
        )
    field = sobject.field(str(name))
    if field is None or not (field.external_id or field.name == "Id"):
        raise jobs_api.invalid_job(
            f"Field name provided, {name} does not match an External ID for "
            f"{sobject.name}"
        )
    return field.name


def upload(call: ApiCall, job_id: str) -> Response:
    """PUT /jobs/ingest/ID/batches: the only upload of a job.

    An upload that fails halfway leaves the job open, so that the client can repeat it.
    """
    job = _job(call, job_id)
    if call.request.mimetype not in ("", "text/csv"):
        raise ApiError(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            f"Content-Type {call.request.mimetype} is not supported, use text/csv",
        )
    with call.org.jobs.lock:
        if job.is_uploaded:
            raise ApiError(400, "BULK_API_ERROR", REPEATED_UPLOAD.format(job.id))
        if job.state != OPEN:
            raise jobs_api.invalid_job_state(
                f"Upload to a Job that is {job.state} not allowed"
            )
        job.is_uploaded = True
    path = call.org.jobs.upload_path(job)
    partial = path.with_suffix(".part")
    with ExitStack() as cleanup:
        cleanup.callback(partial.unlink, missing_ok=True)
        cleanup.callback(setattr, job, "is_uploaded", False)
        with partial.open("wb") as file:
            _save_body(call, file)
        cleanup.pop_all()  # the upload is complete
    partial.replace(path)
    call.org.jobs.save(job)
    return empty_response(201)


def _save_body(call: ApiCall, file: IO[bytes]) -> None:
    """Write the request body to a file, decompressed."""
    source: Any = call.request.stream
    if call.request.headers.get("Content-Encoding", "").lower() == "gzip":
        source = gzip.GzipFile(fileobj=io.BufferedReader(source, BLOCK_BYTES))
    size = 0
    try:
        while block := source.read(BLOCK_BYTES):
            size += len(block)
            if size > MAX_UPLOAD_BYTES:
                raise ApiError(
                    400,
                    "CLIENTINPUTERROR",
                    "ClientInputError : The upload is larger than 100 MB",
                )
            file.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ApiError(
            400,
            "CLIENTINPUTERROR",
            "ClientInputError : The upload is not a valid gzip stream",
        ) from None


def change_state(call: ApiCall, job_id: str) -> Response:
    """PATCH /jobs/ingest/ID: close the job or abort it."""
    job = _job(call, job_id)
    state = jobs_api.enum_property(
        jobs_api.request_body(call), "state", (UPLOAD_COMPLETE, ABORTED), default=None
    )
    with call.org.jobs.lock:
        before = job.state
        if state == UPLOAD_COMPLETE and before != OPEN:
            raise jobs_api.invalid_job_state(
                f"Closing already {jobs_api.state_in_message(before)} Job not allowed"
            )
        jobs_api.set_state(call, job, state)
        if state == UPLOAD_COMPLETE or before == OPEN or job.id in call.worker.stuck:
            call.worker.release(job)
    return json_response(job.as_json(is_short=True))


def get(call: ApiCall, job_id: str) -> Response:
    """GET /jobs/ingest/ID."""
    return json_response(_job(call, job_id).as_full_json())


def delete(call: ApiCall, job_id: str) -> Response:
    """DELETE /jobs/ingest/ID: delete a job that is closed or has ended."""
    job = _job(call, job_id)
    with call.org.jobs.lock:
        if job.state in (OPEN, IN_PROGRESS):
            raise jobs_api.invalid_job_state(
                f"Deleting a Job that is {job.state} not allowed"
            )
        call.org.jobs.remove(job)
    return empty_response(204)


def list_jobs(call: ApiCall) -> Response:
    """GET /jobs/ingest: a page of jobs."""
    return json_response(jobs_api.job_page(call, "ingest"))


def successful_results(call: ApiCall, job_id: str) -> Response:
    """GET /jobs/ingest/ID/successfulResults."""
    return _results(call, job_id, processing.SUCCESSFUL)


def failed_results(call: ApiCall, job_id: str) -> Response:
    """GET /jobs/ingest/ID/failedResults."""
    return _results(call, job_id, processing.FAILED_ROWS)


def unprocessed_records(call: ApiCall, job_id: str) -> Response:
    """GET /jobs/ingest/ID/unprocessedrecords (or unprocessedRecords)."""
    return _results(call, job_id, processing.UNPROCESSED)


def _results(call: ApiCall, job_id: str, name: str) -> Response:
    job = _job(call, job_id)
    path = call.org.jobs.folder(job) / f"{name}.csv"
    jobs_api.require_ended(job)
    return jobs_api.csv_response(call, path)


def _job(call: ApiCall, job_id: str) -> Job:
    return jobs_api.find_job(call, job_id, "ingest")


RULES: list[Rule] = [
    ("POST", "/jobs/ingest", create),
    ("GET", "/jobs/ingest", list_jobs),
    ("GET", "/jobs/ingest/<job_id>", get),
    ("PATCH", "/jobs/ingest/<job_id>", change_state),
    ("DELETE", "/jobs/ingest/<job_id>", delete),
    ("PUT", "/jobs/ingest/<job_id>/batches", upload),
    ("GET", "/jobs/ingest/<job_id>/successfulResults", successful_results),
    ("GET", "/jobs/ingest/<job_id>/failedResults", failed_results),
    ("GET", "/jobs/ingest/<job_id>/unprocessedrecords", unprocessed_records),
    ("GET", "/jobs/ingest/<job_id>/unprocessedRecords", unprocessed_records),
]
