"""What jobs of both kinds, ingest and query, have in common on the wire."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import Call
from tests.emulators.salesforce.bulk.jobs import (
    ABORTED,
    COMPLETE,
    DELIMITERS,
    ENDED,
    LINE_ENDINGS,
    Job,
)
from tests.emulators.salesforce.errors import Refusal, not_found

SETTLE_SECONDS = 30
READ_BYTES = 1 << 18


def told(call: Call) -> dict[str, Any]:
    """Return the body of a request about a job."""
    return _checked(call.json())


def parsed(text: str) -> dict[str, Any]:
    """Return the same of a part of a form."""
    try:
        return _checked(json.loads(text))
    except ValueError:
        raise Refusal(400, "JSON_PARSER_ERROR", "The part job is no JSON") from None


def _checked(body: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if not isinstance(body, dict):
        raise Refusal(400, "JSON_PARSER_ERROR", "An object is wanted")
    return body


def choice(
    body: dict[str, Any], name: str, known: tuple[str, ...], *, default: str | None
) -> str:
    """Return a property that has one of a few values, or refuse."""
    value = body.get(name, default)
    if value not in known:
        raise api_error("" if value is None else value, name)
    return str(value)


def invalid_job(message: str) -> Refusal:
    """Return the refusal of a job that cannot be made."""
    return Refusal(400, "INVALIDJOB", f"InvalidJob : {message}")


def new_job(
    call: Call,
    body: dict[str, Any],
    *,
    kind: str,
    operation: str,
    object_name: str,
    external_id: str | None = None,
) -> Job:
    """Make a job with what both kinds have; it is not taken in yet."""
    delimiter = choice(body, "columnDelimiter", tuple(DELIMITERS), default="COMMA")
    ending = choice(body, "lineEnding", tuple(LINE_ENDINGS), default="LF")
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
        line_ending=ending,
        external_id=external_id,
        assignment_rule=body.get("assignmentRuleId"),
    )


def find(call: Call, job_id: str, kind: str) -> Job:
    """Return a job, or refuse as for any unknown address."""
    job = call.org.jobs.get(job_id, kind)
    if job is None:
        raise not_found()
    return job


def change(call: Call, job: Job, state: str) -> None:
    """Close or abort a job; an ended one refuses to be aborted."""
    if state == ABORTED and job.state in ENDED:
        raise wrong_state(f"Aborting already {word(job.state)} Job not allowed")
    job.state = state
    job.changed_at = call.org.author().at
    call.org.jobs.save(job)


def word(state: str) -> str:
    """Return a state as messages have it."""
    return "Completed" if state == COMPLETE else state


def listed(call: Call, kind: str) -> dict[str, Any]:
    """Return a page of jobs, the oldest first."""
    arguments = call.request.args
    wanted = {"ingest": ("V2Ingest",), "query": ("V2Query",)}[kind]
    jobs = [job for job in call.org.jobs if job.kind == kind]
    if arguments.get("jobType", wanted[0]) not in wanted:
        jobs = []
    if arguments.get("isPkChunkingEnabled", "").lower() == "true":
        jobs = []
    start = _start(arguments.get("queryLocator", ""))
    size = call.org.settings.page_jobs
    more = start + size < len(jobs)
    url = None
    if more:
        locator = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        url = f"{call.base}/jobs/{kind}?queryLocator={locator}"
        if "jobType" in arguments:
            url += f"&jobType={arguments['jobType']}"
    page = [
        {**job.as_json(), "jobType": wanted[0]} for job in jobs[start : start + size]
    ]
    return {"done": not more, "records": page, "nextRecordsUrl": url}


def _start(locator: str) -> int:
    if not locator:
        return 0
    try:
        return int(base64.urlsafe_b64decode(locator))
    except ValueError:
        raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator") from None


def wait_for_end(job: Job) -> None:
    """Refuse results of a job that goes on; wait while an aborted one settles."""
    if job.state not in ENDED:
        raise wrong_state(f"Job is {job.state}, results are not there yet")
    job.ended.wait(SETTLE_SECONDS)


def csv_reply(
    call: Call,
    path: Path,
    *,
    head: bytes = b"",
    start: int = 0,
    end: int | None = None,
) -> Response:
    """Return a CSV file as it lies on disk, or `head` and then a part of it."""
    length = (path.stat().st_size if end is None else end) - start

    def blocks() -> Iterator[bytes]:
        left = length
        yield head
        with path.open("rb") as file:
            file.seek(start)
            while left > 0 and (block := file.read(min(READ_BYTES, left))):
                left -= len(block)
                yield block

    charset = call.org.settings.charset
    content_type = f"text/csv; charset={charset}" if charset else "text/csv"
    response = Response(blocks(), 200, content_type=content_type)
    response.content_length = len(head) + length
    return response


def api_error(value: object, name: str) -> Refusal:
    """Return the refusal of a property's value."""
    return Refusal(
        400, "API_ERROR", f"Invalid value: '{value}' supplied for property: '{name}'"
    )


def wrong_state(message: str) -> Refusal:
    """Return the refusal of what a job's state does not allow."""
    return Refusal(400, "INVALIDJOBSTATE", message)
