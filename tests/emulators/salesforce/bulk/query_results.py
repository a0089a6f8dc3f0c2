"""Bulk query jobs: the answer as one CSV file, handed out page by page.

Beside the file lies an index of where each row begins, since values may hold line
breaks: eight bytes a row, and the file's end as the last.
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

from tests.emulators.salesforce.bulk import csv_upload as upload
from tests.emulators.salesforce.bulk.jobs import ABORTED, COMPLETE, DELIMITERS, Job
from tests.emulators.salesforce.objects import values
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.soql import query
from tests.emulators.salesforce.soql.sql import Compiled

RESULTS, INDEX = "results.csv", "results.index"
PLACE = struct.Struct("<Q")


@dataclass(frozen=True)
class Page:
    """Rows of a result: where they are in the file, and how many."""

    path: Path
    head: bytes
    start: int
    end: int
    rows: int
    is_last: bool


def run(org: Org, job: Job) -> None:
    """Run the job's query and end the job."""
    began = time.monotonic()
    compiled = query.prepare(
        org, job.query or "", sees_deleted=job.operation == "queryAll"
    )
    rows = org.store.select(*compiled.sql())
    folder = org.jobs.folder(job)
    with (folder / RESULTS).open("wb") as file, (folder / INDEX).open("wb") as index:
        place = 0
        for line in _lines(job, compiled, rows):
            place += file.write(line)
            index.write(PLACE.pack(place))
    with org.jobs.lock:
        if job.state != ABORTED:
            job.state = COMPLETE
        job.processed = len(rows)
        job.milliseconds = math.ceil((time.monotonic() - began) * 1000)
        job.changed_at = org.author().at
        org.jobs.save(job)
        job.ended.set()


def _lines(
    job: Job, compiled: Compiled, rows: Iterable[tuple[Any, ...]]
) -> Iterator[bytes]:
    """Yield the header and each row as they stand in the file."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        delimiter=DELIMITERS[job.delimiter],
        lineterminator=upload.line_ending(job),
        quoting=csv.QUOTE_ALL,
    )
    kinds = [column.field for column in compiled.columns]
    header = [
        ".".join([*(relation for relation, _ in column.parents), column.name])
        for column in compiled.columns
    ]
    told = (
        [
            values.as_text(kind, value) if kind else str(value)
            for kind, value in zip(kinds, row, strict=False)
        ]
        for row in rows
    )
    for cells in (header, *told):
        writer.writerow(cells)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()


def page(org: Org, job: Job, *, start: int, most: int) -> Page:
    """Return the rows from number `start` (counted from 0) on, `most` of them."""
    folder = org.jobs.folder(job)
    path = folder / RESULTS
    with (folder / INDEX).open("rb") as index:
        total = path.with_name(INDEX).stat().st_size // PLACE.size - 1
        first = min(start, total)
        rows = min(most, total - first)

        def ends(row: int) -> int:
            index.seek(row * PLACE.size)
            return int(PLACE.unpack(index.read(PLACE.size))[0])

        header_end, begin, end = ends(0), ends(first), ends(first + rows)
    with path.open("rb") as file:
        head = file.read(header_end)
    return Page(path, head, begin, end, rows, first + rows >= total)
