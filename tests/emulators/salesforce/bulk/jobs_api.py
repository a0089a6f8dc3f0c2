"""Request and response handling that ingest and query jobs share."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import ApiCall
from tests.emulators.salesforce.bulk.jobs import (
    ABORTED,
    DELIMITERS,
    END_STATES,
    JOB_COMPLETE,
    LINE_ENDINGS,
    Job,
)
from tests.emulators.salesforce.errors import ApiError, not_found

ABORT_TIMEOUT_SECONDS = 30
BLOCK_BYTES = 1 << 18


def request_body(call: ApiCall) -> dict[str, Any]:
    """Return the JSON object in the body of a request."""
    return _require_object(call.json())


def parse_body(text: str) -> dict[str, Any]:
    """Return the JSON object in the `job` part of a multipart form."""
    try:
        return _require_object(json.loads(text))
    except ValueError:
        raise ApiError(
            400, "JSON_PARSER_ERROR", "The part job is not valid JSON"
        ) from None


def _require_object(body: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if not isinstance(body, dict):
        raise ApiError(
            400, "JSON_PARSER_ERROR", "The request body must be a JSON object"
        )
    return body


def enum_property(
    body: dict[str, Any], name: str, allowed: tuple[str, ...], *, default: str | None
) -> str:
    """Return a property; raise API_ERROR if its value is not allowed."""
    value = body.get(name, default)
    if value not in allowed:
        raise invalid_property("" if value is None else value, name)
    return str(value)


def invalid_job(message: str) -> ApiError:
    """Return the error of a job that cannot be created."""
    return ApiError(400, "INVALIDJOB", f"InvalidJob : {message}")


def new_job(
    call: ApiCall,
    body: dict[str, Any],
    *,
    kind: str,
    operation: str,
    object_name: str,
    external_id: str | None = None,
) -> Job:
    """Return a new job with the properties of both kinds; the caller adds it."""
    delimiter = enum_property(
        body, "columnDelimiter", tuple(DELIMITERS), default="COMMA"
    )
    line_ending = enum_property(body, "lineEnding", tuple(LINE_ENDINGS), default="LF")
    author = call.org.author()
    return Job(
        id=call.org.jobs.new_id(),
        kind=kind,
        operation=operation,
        object=object_name,
        created_by=author.user_id,
        created_at=author.at,
        changed_at=author.at,
        api_version=float(call.version),
        delimiter=delimiter,
        line_ending=line_ending,
        external_id=external_id,
        assignment_rule=body.get("assignmentRuleId"),
    )


def find_job(call: ApiCall, job_id: str, kind: str) -> Job:
    """Return a job; raise NOT_FOUND if there is none."""
    job = call.org.jobs.get(job_id, kind)
    if job is None:
        raise not_found()
    return job


def set_state(call: ApiCall, job: Job, state: str) -> None:
    """Close or abort a job; raise INVALIDJOBSTATE to abort one that has ended."""
    if state == ABORTED and job.state in END_STATES:
        raise invalid_job_state(
            f"Aborting already {state_in_message(job.state)} Job not allowed"
        )
    job.state = state
    job.changed_at = call.org.author().at
    call.org.jobs.save(job)


def state_in_message(state: str) -> str:
    """Return the name of a state in error messages."""
    return "Completed" if state == JOB_COMPLETE else state


def job_page(call: ApiCall, kind: str) -> dict[str, Any]:
    """Return a page of jobs, oldest first."""
    arguments = call.request.args
    job_type = {"ingest": "V2Ingest", "query": "V2Query"}[kind]
    jobs = [job for job in call.org.jobs if job.kind == kind]
    if arguments.get("jobType", job_type) != job_type:
        jobs = []
    if arguments.get("isPkChunkingEnabled", "").lower() == "true":
        jobs = []
    start = _decode_locator(arguments.get("queryLocator", ""))
    size = call.org.settings.jobs_per_page
    has_more = start + size < len(jobs)
    url = None
    if has_more:
        locator = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        url = f"{call.base_path}/jobs/{kind}?queryLocator={locator}"
        if "jobType" in arguments:
            url += f"&jobType={arguments['jobType']}"
    page = [
        {**job.as_json(), "jobType": job_type} for job in jobs[start : start + size]
    ]
    return {"done": not has_more, "records": page, "nextRecordsUrl": url}


def _decode_locator(locator: str) -> int:
    if not locator:
        return 0
    try:
        return int(base64.urlsafe_b64decode(locator))
    except ValueError:
        raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator") from None


def require_ended(job: Job) -> None:
    """Raise INVALIDJOBSTATE if a job runs; wait for the files of an aborted job."""
    if job.state not in END_STATES:
        raise invalid_job_state(f"Job is {job.state}, results are not available yet")
    job.ended.wait(ABORT_TIMEOUT_SECONDS)


def csv_response(
    call: ApiCall,
    path: Path,
    *,
    header: bytes = b"",
    start: int = 0,
    end: int | None = None,
) -> Response:
    """Return a CSV file, or `header` and the bytes from `start` to `end` of it."""
    length = (path.stat().st_size if end is None else end) - start

    def blocks() -> Iterator[bytes]:
        remaining = length
        yield header
        with path.open("rb") as file:
            file.seek(start)
            while remaining > 0 and (block := file.read(min(BLOCK_BYTES, remaining))):
                remaining -= len(block)
                yield block

    charset = call.org.settings.charset
    content_type = f"text/csv; charset={charset}" if charset else "text/csv"
    response = Response(blocks(), 200, content_type=content_type)
    response.content_length = len(header) + length
    return response


def invalid_property(value: object, name: str) -> ApiError:
    """Return the error of a property with an invalid value."""
    return ApiError(
        400, "API_ERROR", f"Invalid value: '{value}' supplied for property: '{name}'"
    )


def invalid_job_state(message: str) -> ApiError:
    """Return the error of an operation that the job's state does not allow."""
    return ApiError(400, "INVALIDJOBSTATE", message)
