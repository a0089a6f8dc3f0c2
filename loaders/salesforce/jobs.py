"""Bulk API 2.0 ingest, one thin call each; what the reply says, nothing more.

A job goes Open, UploadComplete, InProgress, then JobComplete, Failed or Aborted.
JobComplete says that it ended, not that its rows were accepted: only the result
files do. Replies are read as bytes and decoded here, since their charset is often
left unsaid.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from loaders.errors import TransientError
from loaders.salesforce.client import Client
from loaders.salesforce.failures import OutcomeUnknownError
from loaders.salesforce.mapping import Mapping

OPEN = "Open"
TERMINAL = ("JobComplete", "Failed", "Aborted")
RESULTS = {
    "successful": "successfulResults",
    "failed": "failedResults",
    "unprocessed": "unprocessedrecords",
}
WAIT_SHARE = 0.2  # of the time that a job took so far, before it is asked again
ResultKind = Literal["successful", "failed", "unprocessed"]


@dataclass(frozen=True)
class Job:
    """An ingest job as a reply tells it; `message` is why it failed, if it did."""

    id: str
    state: str
    object: str
    created_by: str
    created_at: datetime | None
    message: str


class StillRunningError(TransientError):
    """The job has not ended in the time given; it goes on by itself."""


def create(client: Client, mapping: Mapping) -> Job:
    """Open an upsert job for the mapping's object."""
    body = {
        "object": mapping.object,
        "operation": "upsert",
        "externalIdFieldName": mapping.external_id,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    return _from(client.request("POST", "jobs/ingest", json=body).json())


def upload(client: Client, job_id: str, path: Path) -> None:
    """Send the job's one CSV file, as a stream.

    Raises `OutcomeUnknownError` when the connection breaks: the job is then good for
    nothing but to be aborted, because a job takes one upload only.
    """
    with path.open("rb") as file:
        client.request(
            "PUT",
            f"jobs/ingest/{job_id}/batches",
            data=file,
            headers={"Content-Type": "text/csv; charset=UTF-8"},
        )


def close(client: Client, job_id: str) -> Job:
    """Say that the upload is complete."""
    return _move(client, job_id, state="UploadComplete")


def abort(client: Client, job_id: str) -> Job:
    """Abort the job, and return it as it then is (it may just have ended)."""
    return _move(client, job_id, state="Aborted")


def get(client: Client, job_id: str) -> Job:
    """Return the job's present state; `NotFoundError` when it has expired."""
    return _from(client.request("GET", f"jobs/ingest/{job_id}").json())


def listed(client: Client) -> Iterator[Job]:
    """Yield every ingest job that the org still knows, page by page."""
    path = "jobs/ingest?jobType=V2Ingest"
    while path:
        page = client.request("GET", path).json()
        yield from (_from(record) for record in page["records"])
        more = page.get("nextRecordsUrl") or ""
        path = "" if page.get("done", True) else more.rpartition("/data/")[2]
        path = path.partition("/")[2]


def wait(
    client: Client,
    job_id: str,
    *,
    first_seconds: float,
    max_seconds: float,
    timeout_seconds: float,
) -> Job:
    """Ask for the job until it has ended, the less often the longer it takes.

    Raises `StillRunningError` when `timeout_seconds` pass; the job is left to go on.
    """
    began_at = time.monotonic()
    ends_at = began_at + timeout_seconds
    while True:
        job = get(client, job_id)
        if job.state in TERMINAL:
            return job
        waited = time.monotonic() - began_at
        pause = min(max(first_seconds, waited * WAIT_SHARE), max_seconds)
        if time.monotonic() + pause > ends_at:
            raise StillRunningError(
                f"Job {job_id} is still {job.state} after {timeout_seconds:.0f} s. "
                "It was left to go on; run again later, its results are then fetched."
            )
        time.sleep(pause)


def download(client: Client, job_id: str, *, kind: ResultKind, path: Path) -> Path:
    """Fetch one result file of an ended job to `path`, whole or not at all."""
    address = f"jobs/ingest/{job_id}/{RESULTS[kind]}"
    client.save(address, path, accept="text/csv")
    return path


def _move(client: Client, job_id: str, *, state: str) -> Job:
    """Ask for a state until it is known whether the job took it."""
    for _ in range(client.attempts):
        try:
            reply = client.request(
                "PATCH", f"jobs/ingest/{job_id}", json={"state": state}
            )
            return _from(reply.json())
        except OutcomeUnknownError:
            job = get(client, job_id)
            if job.state != OPEN:
                return job
    raise TransientError(
        f"Job {job_id} cannot be moved to {state}: the connection breaks each time. "
        "Run again later; the job is looked up first."
    )


def _from(record: dict[str, Any]) -> Job:
    created = record.get("createdDate")
    return Job(
        id=record["id"],
        state=record["state"],
        object=record.get("object", ""),
        created_by=record.get("createdById", ""),
        created_at=datetime.fromisoformat(created) if created else None,
        message=record.get("errorMessage") or "",
    )
