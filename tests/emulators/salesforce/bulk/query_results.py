"""Results of bulk query jobs: one CSV file per job, returned page by page.

Values may contain line breaks, so an index file holds the byte offset of the end of the
header and of each row, in eight bytes each.
"""

import csv
import io
import math
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.emulators.salesforce.bulk import csv_upload
from tests.emulators.salesforce.bulk.jobs import ABORTED, DELIMITERS, JOB_COMPLETE, Job
from tests.emulators.salesforce.objects import values
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.soql import query
from tests.emulators.salesforce.soql.sql import CompiledQuery

RESULTS, INDEX = "results.csv", "results.index"
OFFSET = struct.Struct("<Q")


@dataclass(frozen=True)
class Page:
    """A page of rows: the number of rows and their byte range in the file."""

    path: Path
    header: bytes
    start: int
    end: int
    rows: int
    is_last: bool


def run_job(org: Org, job: Job) -> None:
    """Run a job's query, write the result file and end the job."""
    started = time.monotonic()
    compiled = query.compile_soql(
        org, job.query or "", include_deleted=job.operation == "queryAll"
    )
    rows = org.store.select(*compiled.sql())
    folder = org.jobs.folder(job)
    with (folder / RESULTS).open("wb") as file, (folder / INDEX).open("wb") as index:
        offset = 0
        for line in _csv_lines(job, compiled, rows):
            offset += file.write(line)
            index.write(OFFSET.pack(offset))
    with org.jobs.lock:
        if job.state != ABORTED:
            job.state = JOB_COMPLETE
        job.processed = len(rows)
        job.milliseconds = math.ceil((time.monotonic() - started) * 1000)
        job.changed_at = org.author().at
        org.jobs.save(job)
        job.ended.set()


def _csv_lines(
    job: Job, compiled: CompiledQuery, rows: Iterable[tuple[Any, ...]]
) -> Iterator[bytes]:
    """Yield the header and each row, encoded as CSV."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=DELIMITERS[job.delimiter],
        lineterminator=csv_upload.line_ending(job),
        quoting=csv.QUOTE_ALL,
    )
    fields = [column.field for column in compiled.columns]
    header = [column.path for column in compiled.columns]
    # Each row has the record's id at the end, which is not a column of the query.
    rows_of_cells = (
        [
            values.to_csv(field, value) if field else str(value)
            for field, value in zip(fields, row, strict=False)
        ]
        for row in rows
    )
    for cells in (header, *rows_of_cells):
        writer.writerow(cells)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()


def read_page(org: Org, job: Job, *, start: int, max_rows: int) -> Page:
    """Return at most `max_rows` rows from row `start` (counted from 0)."""
    folder = org.jobs.folder(job)
    path = folder / RESULTS
    with (folder / INDEX).open("rb") as index:
        total = path.with_name(INDEX).stat().st_size // OFFSET.size - 1
        first = min(start, total)
        rows = min(max_rows, total - first)

        def read_offset(row: int) -> int:
            index.seek(row * OFFSET.size)
            return int(OFFSET.unpack(index.read(OFFSET.size))[0])

        header_end = read_offset(0)
        start_offset, end_offset = read_offset(first), read_offset(first + rows)
    with path.open("rb") as file:
        header = file.read(header_end)
    is_last = first + rows >= total
    return Page(path, header, start_offset, end_offset, rows, is_last)
