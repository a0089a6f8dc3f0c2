"""Bulk query jobs: the answer as one CSV file, handed out page by page."""

import csv
import math
import time

from tests.stack.salesforce import query, upload, values
from tests.stack.salesforce.jobs import ABORTED, COMPLETE, DELIMITERS, Job
from tests.stack.salesforce.org import Org

RESULTS = "results.csv"


def run(org: Org, job: Job) -> None:
    """Run the job's query and end the job."""
    began = time.monotonic()
    compiled = query.prepare(
        org, job.query or "", sees_deleted=job.operation == "queryAll"
    )
    rows = org.store.select(*compiled.sql())
    path = org.jobs.folder(job) / RESULTS
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(
            file,
            delimiter=DELIMITERS[job.delimiter],
            lineterminator=upload.line_ending(job),
            quoting=csv.QUOTE_ALL,
        )
        names = [
            ".".join([*(relation for relation, _ in column.parents), column.name])
            for column in compiled.columns
        ]
        writer.writerow(names)
        kinds = [column.field for column in compiled.columns]
        writer.writerows(
            [
                values.as_text(kind, value) if kind else str(value)
                for kind, value in zip(kinds, row, strict=False)
            ]
            for row in rows
        )
    with org.jobs.lock:
        if job.state != ABORTED:
            job.state = COMPLETE
        job.processed = len(rows)
        job.milliseconds = math.ceil((time.monotonic() - began) * 1000)
        job.changed_at = org.author().at
        org.jobs.save(job)
        job.ended.set()
