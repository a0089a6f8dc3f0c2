"""Bulk API 2.0 ingest jobs: one function per REST call.

A job goes through Open, UploadComplete and InProgress to JobComplete, Failed or
Aborted. JobComplete does not mean that its rows were accepted; only the result files
show that.
"""

import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import structlog

from loaders.config.salesforce_mapping import Mapping
from loaders.config.salesforce_policy import SyncPolicy
from loaders.errors import TransientError
from loaders.salesforce_api.client import Client
from loaders.salesforce_api.replies import CASE_SENSITIVE_ID_LENGTH
from loaders.salesforce_api.request_errors import ForbiddenError, OutcomeUnknownError

ResultKind = Literal["successful", "failed", "unprocessed"]

OPEN = "Open"
END_STATES = ("JobComplete", "Failed", "Aborted")
RESULT_RESOURCES: dict[ResultKind, str] = {
    "successful": "successfulResults",
    "failed": "failedResults",
    "unprocessed": "unprocessedrecords",
}
RESULT_COLUMNS: dict[ResultKind, set[str]] = {
    "successful": {"sf__id", "sf__created"},
    "failed": {"sf__id", "sf__error"},
    "unprocessed": set(),
}
CLOCK_SKEW = timedelta(minutes=10)
POLL_INTERVAL_RATIO = 0.2  # the pause before the next poll, as a share of the wait


log = structlog.get_logger()


@dataclass(frozen=True)
class Job:
    """An ingest job as Salesforce returns it; `message` is the cause of a failure."""

    id: str
    state: str
    object: str
    created_by: str
    created_at: datetime | None
    message: str


class StillRunningError(TransientError):
    """The job did not end within the timeout; it is still running in Salesforce."""


def create(client: Client, mapping: Mapping) -> Job:
    """Create a job of the mapping's operation and object."""
    body = {
        "object": mapping.object,
        "operation": mapping.operation,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    if mapping.creates:
        body["externalIdFieldName"] = mapping.external_id
    return _parse_job(client.request("POST", "jobs/ingest", json=body).json())


def upload(client: Client, job_id: str, path: Path) -> None:
    """Upload the job's CSV file as a stream.

    Raises `OutcomeUnknownError` when the connection breaks. The job must then be
    aborted, because a job accepts one upload only.
    """
    with path.open("rb") as file:
        client.request(
            "PUT",
            f"jobs/ingest/{job_id}/batches",
            data=file,
            headers={"Content-Type": "text/csv; charset=UTF-8"},
        )


def close(client: Client, job_id: str) -> Job:
    """Mark the upload as complete, so that Salesforce starts processing."""
    return _set_state(client, job_id, state="UploadComplete")


def abort(client: Client, job_id: str) -> Job:
    """Abort the job and return it; it may have ended in the meantime."""
    return _set_state(client, job_id, state="Aborted")


def get(client: Client, job_id: str) -> Job:
    """Return the job; raises `NotFoundError` when Salesforce has deleted it."""
    return _parse_job(client.request("GET", f"jobs/ingest/{job_id}").json())


def list_jobs(client: Client) -> Iterator[Job]:
    """Yield every ingest job of the Salesforce org, page by page."""
    path = "jobs/ingest?jobType=V2Ingest"
    while path:
        page = client.request("GET", path).json()
        yield from (_parse_job(record) for record in page["records"])
        next_url = page.get("nextRecordsUrl") or ""
        path = "" if page.get("done", True) else next_url.rpartition("/data/")[2]
        path = path.partition("/")[2]


def abort_orphaned(
    client: Client, object_name: str, *, since: datetime, known: Collection[str]
) -> None:
    """Abort the open jobs of this user and object whose id was never received.

    When a connection or a process breaks right after a job was created, the job stays
    open without rows. Such a job was created since a time (UTC, naive), and its id is
    not among the known ones. If the user may not read its own id, the jobs are left
    open with a warning: Salesforce removes them after some days.
    """
    try:
        user = client.user_id()[:CASE_SENSITIVE_ID_LENGTH]
    except ForbiddenError as error:
        log.warning("salesforce orphaned jobs left open", error=str(error))
        return
    opened_after = since.replace(tzinfo=UTC) - CLOCK_SKEW
    orphaned = [
        job.id
        for job in list_jobs(client)
        if job.state == OPEN
        and job.object == object_name
        and job.created_by[:CASE_SENSITIVE_ID_LENGTH] == user
        and job.id not in known
        and job.created_at is not None
        and job.created_at >= opened_after
    ]
    for job_id in orphaned:
        abort(client, job_id)
        log.warning("salesforce orphaned job aborted", job_id=job_id)


def wait(client: Client, job_id: str, policy: SyncPolicy) -> Job:
    """Poll the job until it has ended, with pauses that grow with the time waited.

    After the policy's timeout the job is aborted, or `StillRunningError` is raised and
    the job continues to run.
    """
    started_at = time.monotonic()
    deadline = started_at + policy.poll_timeout_seconds
    first_seconds, max_seconds = policy.poll_first_seconds, policy.poll_max_seconds
    while True:
        job = get(client, job_id)
        if job.state in END_STATES:
            return job
        waited = time.monotonic() - started_at
        pause = min(max(first_seconds, waited * POLL_INTERVAL_RATIO), max_seconds)
        if time.monotonic() + pause > deadline:
            if policy.abort_stuck_jobs:
                log.warning("salesforce job stuck, aborting it", job_id=job_id)
                return abort(client, job_id)
            raise StillRunningError(
                f"Job {job_id} is still {job.state} after "
                f"{policy.poll_timeout_seconds:.0f} s. It keeps running in Salesforce. "
                "Run again later to fetch its results."
            )
        time.sleep(pause)


@contextmanager
def downloaded(
    client: Client, mapping: Mapping, job_id: str, kind: ResultKind, *, folder: Path
) -> Iterator[Path]:
    """Download one result file of an ended job to a folder, for the block."""
    path = folder / f"{job_id}-{kind}.csv"
    client.save_csv(
        f"jobs/ingest/{job_id}/{RESULT_RESOURCES[kind]}",
        path,
        columns=RESULT_COLUMNS[kind] | {mapping.result_key.lower()},
    )
    yield path
    path.unlink()


def parse_row_error(text: str) -> tuple[str, str, str]:
    """Split `CODE:message:fields --` into code, message and comma-separated fields.

    The message may contain colons. A text in another form becomes the message.
    """
    match = re.fullmatch(r"(\w+):(.*):([^:]*?)\s*--\s*", text, flags=re.DOTALL)
    if match is None:
        code, _, message = text.partition(":")
        return (code, message, "") if re.fullmatch(r"\w+", code) else ("", text, "")
    fields = ",".join(part for part in re.split(r"[,\s]+", match[3]) if part)
    return match[1], match[2], fields


def _set_state(client: Client, job_id: str, *, state: str) -> Job:
    """Set a job's state and return the job; retry while the outcome is unknown."""
    for _ in range(client.attempts):
        try:
            response = client.request(
                "PATCH", f"jobs/ingest/{job_id}", json={"state": state}
            )
            return _parse_job(response.json())
        except OutcomeUnknownError:
            job = get(client, job_id)
            if job.state != OPEN:
                return job
    raise TransientError(
        f"Job {job_id} could not be set to {state}: no usable reply came "
        f"{client.attempts} times. Run again later; the next sync recovers the job."
    )


def _parse_job(record: dict[str, Any]) -> Job:
    created = record.get("createdDate")
    return Job(
        id=record["id"],
        state=record["state"],
        object=record.get("object", ""),
        created_by=record.get("createdById", ""),
        created_at=datetime.fromisoformat(created) if created else None,
        message=record.get("errorMessage") or "",
    )
