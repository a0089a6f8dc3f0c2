"""Background worker: one thread that processes closed jobs in order."""

import sqlite3
import threading
import time
import traceback
from collections import deque

from tests.emulators.salesforce.bulk import query_results
from tests.emulators.salesforce.bulk.jobs import (
    FAILED,
    IN_PROGRESS,
    JOB_COMPLETE,
    UPLOAD_COMPLETE,
    Job,
)
from tests.emulators.salesforce.bulk.processing import IngestProcessor, StoppedError
from tests.emulators.salesforce.org import Org

UNEXPECTED_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    sqlite3.Error,
)


class Worker:
    """Processes submitted jobs, and first the unfinished jobs of an earlier start.

    `stuck` has the ids of jobs that stay InProgress until they are released.
    """

    def __init__(self, org: Org) -> None:
        self._org = org
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._is_stopped = False
        self.stuck: set[str] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        for job in org.jobs:
            if job.state in (UPLOAD_COMPLETE, IN_PROGRESS):
                self._queue.append(job)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread after the current transaction."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self._thread.join()

    def submit(self, job: Job) -> None:
        """Queue a job for processing."""
        with self._changed:
            self._queue.append(job)
            self._changed.notify()

    def release(self, job: Job) -> None:
        """Resume a stuck job."""
        self.stuck.discard(job.id)
        self.submit(job)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._is_stopped)
                if self._is_stopped:
                    return
                job = self._queue.popleft()
            try:
                self._process(job)
            except StoppedError:
                return
            except UNEXPECTED_ERRORS as error:
                traceback.print_exc()
                self._fail(job, error)

    def _process(self, job: Job) -> None:
        pause = self._org.settings.state_seconds
        time.sleep(pause)
        with self._org.jobs.lock:
            if job not in self._org.jobs:
                return  # the job was deleted while it was queued
            if job.state not in (UPLOAD_COMPLETE, IN_PROGRESS):
                self._write_unprocessed(job)
                return
            is_new = job.state == UPLOAD_COMPLETE
            job.state = IN_PROGRESS
            job.rows = job.processed = job.failed = 0
            job.changed_at = self._org.author().at
            self._org.jobs.save(job)
        fault = self._org.faults.next_for_job(job.object) if is_new else None
        if fault is not None and fault.kind == "stick_job":
            self.stuck.add(job.id)
            return
        time.sleep(pause)
        if job.kind == "query":
            query_results.run_job(self._org, job)
        else:
            IngestProcessor(self._org, job, lambda: self._is_stopped).run(fault)

    def _fail(self, job: Job, error: Exception) -> None:
        """Fail a job that ran into a bug of the emulator; later jobs must still run."""
        with self._org.jobs.lock:
            job.state, job.message = FAILED, f"InternalServerError : {error}"
            self._org.jobs.save(job)
            job.ended.set()

    def _write_unprocessed(self, job: Job) -> None:
        """Return all rows of a job that was aborted while queued as unprocessed."""
        if job.kind == "ingest" and job.state not in (JOB_COMPLETE, FAILED):
            IngestProcessor(self._org, job).run()
