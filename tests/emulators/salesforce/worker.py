"""The background: one thread that takes closed jobs through their states, in order."""

import threading
import time
import traceback
from collections import deque

from tests.emulators.salesforce.bulk import query_results
from tests.emulators.salesforce.bulk.jobs import CLOSED, COMPLETE, FAILED, RUNNING, Job
from tests.emulators.salesforce.bulk.processing import Load, StoppedError
from tests.emulators.salesforce.org import Org

UNFORESEEN = (AttributeError, LookupError, OSError, TypeError, ValueError)


class Worker:
    """Processes jobs as they are handed over; jobs left from an earlier life first."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._is_stopped = False
        self.stuck: set[str] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        for job in org.jobs:
            if job.state in (CLOSED, RUNNING):
                self._waiting.append(job)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the transaction in hand."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()
        self._thread.join()

    def take(self, job: Job) -> None:
        """Process a job soon."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def release(self, job: Job) -> None:
        """Let a stuck job go on."""
        self.stuck.discard(job.id)
        self.take(job)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_stopped)
                if self._is_stopped:
                    return
                job = self._waiting.popleft()
            try:
                self._process(job)
            except StoppedError:
                return
            except UNFORESEEN as error:
                traceback.print_exc()
                self._give_up(job, error)

    def _process(self, job: Job) -> None:
        pause = self._org.settings.state_seconds
        time.sleep(pause)
        with self._org.jobs.lock:
            if job not in self._org.jobs:
                return  # deleted before its turn
            if job.state not in (CLOSED, RUNNING):
                self._abandon(job)
                return
            is_new = job.state == CLOSED
            job.state = RUNNING
            job.rows = job.processed = job.failed = 0
            job.changed_at = self._org.author().at
            self._org.jobs.save(job)
        fault = self._org.faults.of_job(job.object) if is_new else None
        if fault is not None and fault.kind == "stick_job":
            self.stuck.add(job.id)
            return
        time.sleep(pause)
        if job.kind == "query":
            query_results.run(self._org, job)
        else:
            Load(self._org, job, lambda: self._is_stopped).run(fault)

    def _give_up(self, job: Job, error: Exception) -> None:
        """Let a job fail that met a bug of the stand-in; the next ones must go on."""
        with self._org.jobs.lock:
            job.state, job.message = FAILED, f"InternalServerError : {error}"
            self._org.jobs.save(job)
            job.ended.set()

    def _abandon(self, job: Job) -> None:
        """Give back all rows of a job that was aborted before its turn."""
        if job.kind == "ingest" and job.state not in (COMPLETE, FAILED):
            Load(self._org, job).run()
