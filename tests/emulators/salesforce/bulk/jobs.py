"""Bulk API jobs: their state is kept in the store, their files in a folder.

An ingest job goes through Open, UploadComplete and InProgress to JobComplete, Failed or
Aborted. A query job starts as UploadComplete.
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

OPEN, UPLOAD_COMPLETE, IN_PROGRESS = "Open", "UploadComplete", "InProgress"
JOB_COMPLETE, FAILED, ABORTED = "JobComplete", "Failed", "Aborted"
END_STATES = (JOB_COMPLETE, FAILED, ABORTED)
KEY_PREFIX = "750"
DELIMITERS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
UPLOAD_FILE = "content.csv"


@dataclass
class Job:
    """One ingest or query job; `kind` is "ingest" or "query".

    `ended` is set once the job is in an end state and its result files are complete.
    """

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
        """Return the JobInfo of a response; the response to PATCH is short."""
        info: dict[str, Any] = {
            "id": self.id,
            "operation": self.operation,
            "object": self.object,
            "createdById": self.created_by,
            "createdDate": self.created_at,
            "systemModstamp": self.changed_at or self.created_at,
            "state": self.state,
        }
        if self.external_id:
            info["externalIdFieldName"] = self.external_id
        if self.assignment_rule:
            info["assignmentRuleId"] = self.assignment_rule
        info |= {
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": self.api_version,
        }
        if is_short:
            return info
        if self.kind == "ingest":
            info["contentUrl"] = (
                f"services/data/v{self.api_version}/jobs/ingest/{self.id}/batches"
            )
        return info | {
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }

    def as_full_json(self) -> dict[str, Any]:
        """Return the JobInfo of the response to GET, with counters."""
        info = self.as_json()
        info["jobType"] = "V2Ingest" if self.kind == "ingest" else "V2Query"
        info["numberRecordsProcessed"] = self.processed
        if self.kind == "ingest":
            info["numberRecordsFailed"] = self.failed
        info["retries"] = self.retries
        info["totalProcessingTime"] = self.milliseconds
        if self.kind == "ingest":
            info["apiActiveProcessingTime"] = self.milliseconds
            info["apexProcessingTime"] = 0
        if self.message:
            info["errorMessage"] = self.message
        return info


class Jobs:
    """All jobs; `lock` guards changes of their states."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.lock = threading.RLock()
        self._store = store
        self._folder = folder
        self._jobs: dict[str, Job] = {}
        for (attributes,) in store.select("select job from jobs order by rowid"):
            job = Job(**json.loads(attributes))
            if job.state in END_STATES:
                job.ended.set()
            self._jobs[job.id] = job

    def __iter__(self) -> Iterator[Job]:
        with self.lock:
            return iter(list(self._jobs.values()))

    def __contains__(self, job: Job) -> bool:
        return self._jobs.get(job.id) is job

    def new_id(self) -> str:
        """Return an id for a new job."""
        return self._store.new_id(KEY_PREFIX)

    def add(self, job: Job) -> None:
        """Add a new job."""
        with self.lock:
            self._jobs[job.id] = job
            self.folder(job).mkdir(parents=True, exist_ok=True)
            self.upload_path(job).touch()
            self.save(job)

    def save(self, job: Job) -> None:
        """Save the attributes of a job."""
        if job.id not in self._jobs:
            return  # the job was deleted while it was processed
        attributes = {
            name: value for name, value in vars(job).items() if name != "ended"
        }
        self._store.execute(
            "insert into jobs values (?, ?) "
            "on conflict do update set job = excluded.job",
            [job.id, json.dumps(attributes)],
        )

    def get(self, job_id: str, kind: str) -> Job | None:
        """Return the job with this id of 15 or 18 characters, or None."""
        job = self._jobs.get(identifiers.canonical(job_id) or "")
        return job if job is not None and job.kind == kind else None

    def remove(self, job: Job) -> None:
        """Delete a job and its files."""
        with self.lock:
            self._jobs.pop(job.id, None)
            self._store.execute("delete from jobs where id = ?", [job.id])
            shutil.rmtree(self.folder(job), ignore_errors=True)

    def folder(self, job: Job) -> Path:
        """Return the folder of a job's files."""
        return self._folder / job.id

    def upload_path(self, job: Job) -> Path:
        """Return the path of a job's uploaded CSV file."""
        return self.folder(job) / UPLOAD_FILE
