"""Processing an ingest job: its rows in transactions of 200, its three result files.

What was done before a job fails or is aborted stays done; the rest is unprocessed.
"""

import csv
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, TextIO

from tests.emulators.salesforce.bulk import csv_upload as upload
from tests.emulators.salesforce.bulk.csv_upload import (
    Column,
    JobError,
    Lean,
    Tell,
    Upload,
)
from tests.emulators.salesforce.bulk.jobs import (
    ABORTED,
    COMPLETE,
    DELIMITERS,
    FAILED,
    Job,
)
from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.faults import Fault
from tests.emulators.salesforce.limits import BATCHES
from tests.emulators.salesforce.objects.record_writer import TRANSACTION_ROWS, Writer
from tests.emulators.salesforce.objects.verdicts import Verdict
from tests.emulators.salesforce.org import Org

BATCH_ROWS = 10_000
SUCCESSFUL, FAILED_ROWS, UNPROCESSED = (
    "successfulResults",
    "failedResults",
    "unprocessedrecords",
)


@dataclass
class Results:
    """The three files while they are written."""

    successful: TextIO
    failed: TextIO
    unprocessed: TextIO

    def writers(self, job: Job) -> list[Any]:
        """Return a CSV writer for each, in the order of the fields."""
        return [
            csv.writer(
                file,
                delimiter=DELIMITERS[job.delimiter],
                lineterminator=upload.line_ending(job),
                quoting=csv.QUOTE_ALL,
            )
            for file in (self.successful, self.failed, self.unprocessed)
        ]


class Load:
    """One job on its way through the rows."""

    def __init__(
        self, org: Org, job: Job, is_stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._org = org
        self._is_stopped = is_stopped
        self.job = job
        self._began = time.monotonic()
        self._layout: list[Lean] = []
        self._retold: list[tuple[int, Tell]] = []
        self._random = random.Random(job.id)
        self._parents: dict[tuple[str, object], str | RowError] = {}

    def run(self, fault: Fault | None = None) -> None:
        """Do the rows and end the job; a fault may end it early."""
        folder = self._org.jobs.folder(self.job)
        names = (SUCCESSFUL, FAILED_ROWS, UNPROCESSED)
        paths = [folder / f"{name}.csv" for name in names]
        files = [path.open("w", encoding="utf-8", newline="") for path in paths]
        try:
            state, message = self._fill(Results(*files), fault)
        finally:
            for file in files:
                file.close()
        self.end(state, message)

    def _fill(self, results: Results, fault: Fault | None) -> tuple[str, str]:
        writers = results.writers(self.job)
        source = Upload(self._org.jobs.content(self.job), self.job)
        rows: Iterator[list[str]] = iter(())
        message = ""
        try:
            rows = source.open()
            self._head(results, source)
            if source.header:
                self._rows(source, rows, writers, fault)
        except JobError as error:
            message = str(error)
        except _Aborted:
            message = ""
        with suppress(JobError):  # what cannot be read cannot be given back
            writers[2].writerows(rows)
        return (FAILED, message) if message else (COMPLETE, "")

    def _head(self, results: Results, source: Upload) -> None:
        if not source.header:
            return
        end = upload.line_ending(self.job)
        mark = DELIMITERS[self.job.delimiter]
        head = source.header_text
        results.successful.write(f'"sf__Id"{mark}"sf__Created"{mark}{head}{end}')
        results.failed.write(f'"sf__Id"{mark}"sf__Error"{mark}{head}{end}')
        results.unprocessed.write(head + end)

    def _rows(
        self,
        source: Upload,
        rows: Iterator[list[str]],
        writers: list[Any],
        fault: Fault | None,
    ) -> None:
        sobject = self._org.schema.get(self.job.object)
        if sobject is None:
            raise JobError(f"InvalidJob : Unable to find object: {self.job.object}")
        columns = upload.columns(source.header, sobject, self._org.schema.get)
        self._layout = [(column.place, column.make, column) for column in columns]
        self._retold = [
            (number, column.tell)
            for number, column in enumerate(columns)
            if column.tell is not None
        ]
        key = sobject.field(self.job.external_id) if self.job.external_id else None
        writer = Writer(
            self._org.store,
            sobject,
            self.job.operation,
            key=key,
            faults=self._org.faults,
        )
        left = fault.rows if fault is not None else None
        while True:
            size = TRANSACTION_ROWS if left is None else min(TRANSACTION_ROWS, left)
            piece = list(islice(rows, size))
            if not piece:
                break
            self._transaction(piece, writer, writers)
            if left is not None:
                left -= len(piece)
        if fault is not None:
            raise JobError(fault.message)

    def _transaction(
        self, piece: list[list[str]], writer: Writer, writers: list[Any]
    ) -> None:
        org, job = self._org, self.job
        if self._is_stopped():
            raise StoppedError
        made = [upload.row(cells, self._layout, self._parent) for cells in piece]
        with org.jobs.lock:
            if job.state == ABORTED:
                writers[2].writerows(piece)
                raise _Aborted
            if job.rows % BATCH_ROWS == 0 and not org.limits.spend(BATCHES):
                writers[2].writerows(piece)
                raise JobError(
                    "ExceededQuota : Batches exceed the limit of the last 24 hours"
                )
            verdicts = writer.write(made, org.author())
            job.rows += len(piece)
            job.processed += len(piece)
            job.failed += sum(1 for verdict in verdicts if verdict.error)
        self._tell(piece, verdicts, writers)

    def _tell(
        self, piece: list[list[str]], verdicts: list[Verdict], writers: list[Any]
    ) -> None:
        successful: list[list[str]] = []
        for cells, verdict in zip(piece, verdicts, strict=True):
            told = upload.echo(cells, self._retold)
            if verdict.error is None:
                created = "true" if verdict.created else "false"
                successful.append([verdict.id, created, *told])
            else:
                writers[1].writerow([verdict.id, verdict.error.as_text(), *told])
        if self._org.settings.shuffles_results:
            self._random.shuffle(successful)
        writers[0].writerows(successful)

    def _parent(self, column: Column, value: object) -> str:
        target = column.target
        parent = self._org.schema.get(column.parent)
        if target is None or parent is None:
            raise LookupError(column.parent)
        wanted = (column.parent, target.fold(value))
        if wanted not in self._parents:
            found = self._org.store.find(parent, target, [target.fold(value)])
            records = next(iter(found.values()), [])
            self._parents[wanted] = (
                records[0][0]
                if records
                else RowError(
                    "INVALID_FIELD",
                    f"Foreign key external ID: {value} not found for field "
                    f"{target.name} in entity {parent.name}",
                )
            )
        told = self._parents[wanted]
        if isinstance(told, RowError):
            raise told
        return told

    def end(self, state: str, message: str) -> None:
        """Bring the job to its end, once its files are written."""
        job = self.job
        with self._org.jobs.lock:
            if job.state != ABORTED:
                job.state, job.message = state, message
            if state == FAILED and not job.processed:
                job.failed = 0
            job.milliseconds += math.ceil((time.monotonic() - self._began) * 1000)
            job.changed_at = self._org.author().at
            self._org.jobs.save(job)
            job.ended.set()


class StoppedError(Exception):
    """The stand-in stops; the job is done anew when it starts again."""


class _Aborted(Exception):
    """The job was aborted between two transactions."""
