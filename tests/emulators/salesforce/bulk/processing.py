"""Processing of an ingest job: transactions of 200 rows and three result files.

Rows that were written before a job fails or is aborted stay written; the others are
returned as unprocessed.
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

from tests.emulators.salesforce.bulk import csv_upload
from tests.emulators.salesforce.bulk.csv_upload import (
    CellFormatter,
    CellParser,
    Column,
    CsvUpload,
    JobError,
)
from tests.emulators.salesforce.bulk.jobs import (
    ABORTED,
    DELIMITERS,
    FAILED,
    JOB_COMPLETE,
    Job,
)
from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.faults import Fault
from tests.emulators.salesforce.limits import BATCHES
from tests.emulators.salesforce.objects import parents
from tests.emulators.salesforce.objects.record_writer import (
    TRANSACTION_ROWS,
    RecordWriter,
)
from tests.emulators.salesforce.objects.row_results import RowResult
from tests.emulators.salesforce.org import Org

BATCH_ROWS = 10_000
SUCCESSFUL, FAILED_ROWS, UNPROCESSED = (
    "successfulResults",
    "failedResults",
    "unprocessedrecords",
)


@dataclass
class ResultFiles:
    """The three result files while they are written, and a CSV writer for each."""

    job: Job
    successful_file: TextIO
    failed_file: TextIO
    unprocessed_file: TextIO

    def __post_init__(self) -> None:
        self.successful = self._csv_writer(self.successful_file)
        self.failed = self._csv_writer(self.failed_file)
        self.unprocessed = self._csv_writer(self.unprocessed_file)

    def _csv_writer(self, file: TextIO) -> Any:  # noqa: ANN401 - csv's writer is private
        return csv.writer(
            file,
            delimiter=DELIMITERS[self.job.delimiter],
            lineterminator=csv_upload.line_ending(self.job),
            quoting=csv.QUOTE_ALL,
        )

    def write_headers(self, header: str) -> None:
        """Write the uploaded header line, after the result columns."""
        end = csv_upload.line_ending(self.job)
        delimiter = DELIMITERS[self.job.delimiter]
        line = f"{delimiter}{header}{end}"
        self.successful_file.write(f'"sf__Id"{delimiter}"sf__Created"{line}')
        self.failed_file.write(f'"sf__Id"{delimiter}"sf__Error"{line}')
        self.unprocessed_file.write(header + end)


class IngestProcessor:
    """Processes the rows of one ingest job."""

    def __init__(
        self, org: Org, job: Job, is_stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._org = org
        self._is_stopped = is_stopped
        self.job = job
        self._started = time.monotonic()
        self._parsers: list[CellParser] = []
        self._formatters: list[tuple[int, CellFormatter]] = []
        self._random = random.Random(job.id)
        self._parent_ids: dict[tuple[int, str], str | RowError] = {}
        self._unwritten: list[list[str]] = []  # rows read, without a result so far

    def run(self, fault: Fault | None = None) -> None:
        """Process the rows and end the job; a fault may fail it early."""
        folder = self._org.jobs.folder(self.job)
        names = (SUCCESSFUL, FAILED_ROWS, UNPROCESSED)
        paths = [folder / f"{name}.csv" for name in names]
        files = [path.open("w", encoding="utf-8", newline="") for path in paths]
        try:
            state, message = self._process(ResultFiles(self.job, *files), fault)
        finally:
            for file in files:
                file.close()
        self.finish(state, message)

    def _process(self, files: ResultFiles, fault: Fault | None) -> tuple[str, str]:
        """Return the job's end state and error message."""
        source = CsvUpload(self._org.jobs.upload_path(self.job), self.job)
        rows: Iterator[list[str]] = iter(())
        message = ""
        try:
            rows = source.open()
            if source.header:
                files.write_headers(source.header_text)
                self._process_rows(source, rows, files, fault)
        except JobError as error:
            message = str(error)
        except _JobAbortedError:
            message = ""
        files.unprocessed.writerows(self._unwritten)
        with suppress(JobError):  # rows that cannot be parsed cannot be returned
            files.unprocessed.writerows(rows)
        return (FAILED, message) if message else (JOB_COMPLETE, "")

    def _process_rows(
        self,
        source: CsvUpload,
        rows: Iterator[list[str]],
        files: ResultFiles,
        fault: Fault | None,
    ) -> None:
        sobject = self._org.schema.get(self.job.object)
        if sobject is None:
            raise JobError(f"InvalidJob : Unable to find object: {self.job.object}")
        columns = csv_upload.match_columns(source.header, sobject, self._org.schema)
        self._parsers = [
            (column.position, column.parse_cell, column) for column in columns
        ]
        self._formatters = [
            (number, column.format_cell)
            for number, column in enumerate(columns)
            if column.format_cell is not None
        ]
        key = sobject.field(self.job.external_id) if self.job.external_id else None
        writer = RecordWriter(
            self._org.store,
            sobject,
            self.job.operation,
            key=key,
            faults=self._org.faults,
        )
        rows_before_fault = fault.rows if fault is not None else None
        while True:
            size = TRANSACTION_ROWS
            if rows_before_fault is not None:
                size = min(size, rows_before_fault)
            for cells in islice(rows, size):
                self._unwritten.append(cells)
            batch = self._unwritten
            if not batch:
                break
            self._process_transaction(batch, writer, files)
            self._unwritten = []
            if rows_before_fault is not None:
                rows_before_fault -= len(batch)
        if fault is not None:
            raise JobError(fault.message)

    def _process_transaction(
        self, batch: list[list[str]], writer: RecordWriter, files: ResultFiles
    ) -> None:
        org, job = self._org, self.job
        if self._is_stopped():
            raise StoppedError
        rows = [
            csv_upload.parse_row(cells, self._parsers, self._find_parent_id)
            for cells in batch
        ]
        with org.jobs.lock:
            if job.state == ABORTED:
                raise _JobAbortedError
            if job.rows % BATCH_ROWS == 0 and not org.limits.spend(BATCHES):
                raise JobError(
                    "ExceededQuota : Batches exceed the limit of the last 24 hours"
                )
            row_results = writer.write(rows, org.author())
            job.rows += len(batch)
            job.processed += len(batch)
            job.failed += sum(1 for result in row_results if result.error)
        self._write_results(batch, row_results, files)

    def _write_results(
        self,
        batch: list[list[str]],
        row_results: list[RowResult],
        files: ResultFiles,
    ) -> None:
        successful: list[list[str]] = []
        for cells, result in zip(batch, row_results, strict=True):
            formatted = csv_upload.format_cells(cells, self._formatters)
            if result.error is None:
                created = "true" if result.created else "false"
                successful.append([result.id, created, *formatted])
            else:
                files.failed.writerow([result.id, result.error.as_text(), *formatted])
        if self._org.settings.shuffle_results:
            self._random.shuffle(successful)
        files.successful.writerows(successful)

    def _find_parent_id(self, column: Column, value: object) -> str:
        """Return the id of a parent; raise `RowError` if the key has no record."""
        path = column.parent
        if path is None:
            raise LookupError(column.field.name)
        cache_key = (column.position, path.key.lookup_key(value))
        if cache_key not in self._parent_ids:
            try:
                parent_id = parents.find_parent(self._org.store, path, value)
            except RowError as error:
                self._parent_ids[cache_key] = error
            else:
                self._parent_ids[cache_key] = parent_id
        found = self._parent_ids[cache_key]
        if isinstance(found, RowError):
            raise found
        return found

    def finish(self, state: str, message: str) -> None:
        """Set the end state of the job, after its files are complete."""
        job = self.job
        with self._org.jobs.lock:
            if job.state != ABORTED:
                job.state, job.message = state, message
            if state == FAILED and not job.processed:
                job.failed = 0
            job.milliseconds += math.ceil((time.monotonic() - self._started) * 1000)
            job.changed_at = self._org.author().at
            self._org.jobs.save(job)
            job.ended.set()


class StoppedError(Exception):
    """The emulator stops; the job runs from its first row at the next start."""


class _JobAbortedError(Exception):
    """The job was aborted between two transactions."""
