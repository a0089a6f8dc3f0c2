"""Bulk jobs: what is known of each, kept in the store; their files in a folder.

An ingest job goes Open, UploadComplete, InProgress, then JobComplete, Failed or
Aborted; a query job starts as UploadComplete.
"""

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.emulators.salesforce.objects import identifiers
from tests.emulators.salesforce.objects.store import Store

OPEN, CLOSED, RUNNING = "Open", "UploadComplete", "InProgress"
COMPLETE, FAILED, ABORTED = "JobComplete", "Failed", "Aborted"
ENDED = (COMPLETE, FAILED, ABORTED)
PREFIX = "750"
DELIMITERS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
CONTENT = "content.csv"


@dataclass
class Job:
    """One job; the names are the API's where it tells them."""

    id: str
    kind: str
    operation: str
    object: str
    created_by: str
    created_at: str
    api_version: float
    delimiter: str = "COMMA"
    line_ending: str = "LF"
    external_id: str | None = None
    assignment_rule: str | None = None
    query: str | None = None
    state: str = OPEN
    changed_at: str = ""
    message: str = ""
    is_uploaded: bool = False
    rows: int = 0
    processed: int = 0
    failed: int = 0
    retries: int = 0
    milliseconds: int = 0
    ended: threading.Event = field(default_factory=threading.Event, repr=False)

    def as_json(self, *, is_short: bool = False) -> dict[str, Any]:
        """Return the JobInfo of a reply; short as the reply to PATCH is."""
        told: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.created_by,
            "createdDate": self.created_at,
            "systemModstamp": self.changed_at or self.created_at,
            "state": self.state,
        }
        if self.external_id:
            told["externalIdFieldName"] = self.external_id
        if self.assignment_rule:
            told["assignmentRuleId"] = self.assignment_rule
        told |= {
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": self.api_version,
        }
        if is_short:
            return told
        if self.kind == "ingest":
            told["contentUrl"] = (
                f"services/data/v{self.api_version}/jobs/ingest/{self.id}/batches"
            )
        return told | {
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }

    def as_full_json(self) -> dict[str, Any]:
        """Return the JobInfo of a reply to GET: with counters."""
        told = self.as_json()
        told["jobType"] = "V2Ingest" if self.kind == "ingest" else "V2Query"
        told["numberRecordsProcessed"] = self.processed
        if self.kind == "ingest":
            told["numberRecordsFailed"] = self.failed
        told["retries"] = self.retries
        told["totalProcessingTime"] = self.milliseconds
        if self.kind == "ingest":
            told["apiActiveProcessingTime"] = self.milliseconds
            told["apexProcessingTime"] = 0
        if self.message:
            told["errorMessage"] = self.message
        return told


class Jobs:
    """All jobs; `lock` guards changes of their states."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.lock = threading.RLock()
        self._store = store
        self._folder = folder
        self._jobs: dict[str, Job] = {}
        for (told,) in store.select("select told from jobs order by rowid"):
            job = Job(**json.loads(told))
            if job.state in ENDED:
                job.ended.set()
            self._jobs[job.id] = job

    def __iter__(self) -> Iterator[Job]:
        with self.lock:
            return iter(list(self._jobs.values()))

    def __contains__(self, job: Job) -> bool:
        return self._jobs.get(job.id) is job

    def new_id(self) -> str:
        """Return an id for a new job."""
        return self._store.new_id(PREFIX)

    def add(self, job: Job) -> None:
        """Take a new job in."""
        with self.lock:
            self._jobs[job.id] = job
            self.folder(job).mkdir(parents=True, exist_ok=True)
            self.content(job).touch()
            self.save(job)

    def save(self, job: Job) -> None:
        """Keep what is now known of a job."""
        told = {name: value for name, value in vars(job).items() if name != "ended"}
        if job.id not in self._jobs:
            return  # deleted while it was processed
        self._store.write(
            "insert into jobs values (?, ?) "
            "on conflict do update set told = excluded.told",
            [job.id, json.dumps(told)],
        )

    def get(self, told_id: str, kind: str) -> Job | None:
        """Return a job by its id of 15 or 18 characters."""
        job = self._jobs.get(identifiers.canonical(told_id) or "")
        return job if job is not None and job.kind == kind else None

    def remove(self, job: Job) -> None:
        """Forget a job and its files."""
        with self.lock:
            self._jobs.pop(job.id, None)
            self._store.write("delete from jobs where id = ?", [job.id])
            shutil.rmtree(self.folder(job), ignore_errors=True)

    def folder(self, job: Job) -> Path:
        """Return where a job's files are."""
        return self._folder / job.id

    def content(self, job: Job) -> Path:
        """Return the file of what was uploaded."""
        return self.folder(job) / CONTENT
