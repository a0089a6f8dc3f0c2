"""The large path: Bulk API 2.0 jobs, one a chunk, never forgotten.

A chunk is noted in the ledger before its job is created, the job's id right after
and before anything is uploaded, and its rows once their answers are in. Whatever
breaks in between, the next sync finds the job and goes on from there (`recover`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from loaders import warehouse
from loaders.errors import DataError, NightshiftError, TransientError
from loaders.salesforce import chunks, jobs, ledger, orphaned_jobs, results
from loaders.salesforce.context import Errand, Progress
from loaders.salesforce.failures import (
    OutcomeUnknownError,
    RequestRefusedError,
)
from loaders.salesforce.staging_db import Workbook
from loaders.warehouse import bulk_rows

SHRINK = 4
OUR_FAULT = re.compile(r"InvalidBatch|ClientInputError|InvalidUser|FeatureNotEnabled")

log = structlog.get_logger()


@dataclass(frozen=True)
class _Sent:
    """A chunk whose job is running."""

    chunk: int
    job_id: str
    rows: int


def cut(
    errand: Errand, workbook: Workbook, *, attempt: int
) -> Iterator[chunks.ChunkFile]:
    """Write the pending rows to CSV files, one by one; smaller ones each attempt."""
    shrink = SHRINK ** (attempt - 1)
    return chunks.write(
        workbook.pending(),
        errand.mapping,
        folder=errand.folder,
        max_bytes=max(1, errand.policy.chunk_bytes // shrink),
        max_rows=max(1, errand.policy.chunk_rows // shrink),
    )


def send(errand: Errand, workbook: Workbook, *, attempt: int) -> list[str]:
    """Send all pending rows, wait, and record their answers; return the job ids.

    Raises what stopped it, after recording the answers of every job that was sent.
    """
    total, done = workbook.count_pending(), 0
    first = workbook.next_chunk()
    sent: list[_Sent] = []
    stopped_by: NightshiftError | None = None
    # Salesforce works on a job while the next one's rows are written.
    files = cut(errand, workbook, attempt=attempt)
    for chunk, file in enumerate(files, start=first):
        workbook.put_in_chunk(chunk, first=file.first, last=file.last)
        _note_planned(errand, chunk, file)
        try:
            job_id = _submit(errand, chunk, file)
        except NightshiftError as error:
            stopped_by = error
            break
        sent.append(_Sent(chunk, job_id, file.rows))
    for item in sent:
        errand.tell(Progress("send", done, total))
        collect(errand, workbook, chunk=item.chunk, job_id=item.job_id, attempt=attempt)
        done += item.rows
        errand.tell(Progress("send", done, total))
    if stopped_by:
        raise stopped_by
    return [item.job_id for item in sent]


def collect(
    errand: Errand, workbook: Workbook, *, chunk: int, job_id: str, attempt: int
) -> results.Settled:
    """Wait for a job's end, match its answers with its rows, and record both.

    Raises `DataError` after recording when answers and rows do not match, or when
    the job failed for a reason that no repetition mends.
    """
    job = ended(errand, job_id)
    workbook.run("delete from answers where chunk = ?", chunk)
    for kind in jobs.RESULTS:
        path = errand.folder / f"{job_id}-{kind}.csv"
        jobs.download(errand.client, job_id, kind=kind, path=path)
        answers = results.read_file(
            path,
            kind=kind,
            destination=errand.destination,
            external_id=errand.mapping.external_id,
        )
        workbook.add_answers(answers, chunk=chunk)
        path.unlink()
    settled = results.settle(
        workbook, errand.destination, chunk=chunk, attempt=attempt, job_id=job_id
    )
    with bulk_rows.transaction(settled.rows) as connection:
        ledger.record_chunk(
            connection, errand.sync, workbook=workbook, chunk=chunk, job_id=job_id
        )
    log.info(
        "salesforce job ended",
        job_id=job_id,
        state=job.state,
        message=job.message,
        accepted=settled.accepted,
        rejected=settled.rejected,
        transient=settled.transient,
    )
    _judge(job, settled)
    return settled


def ended(errand: Errand, job_id: str) -> jobs.Job:
    """Wait for a job's end as the policy says; abort a stuck one if it says so."""
    policy = errand.policy
    try:
        return jobs.wait(
            errand.client,
            job_id,
            first_seconds=policy.poll_first_seconds,
            max_seconds=policy.poll_max_seconds,
            timeout_seconds=policy.poll_timeout_seconds,
        )
    except jobs.StillRunningError:
        if not policy.abort_stuck_jobs:
            raise
    log.warning("salesforce job stuck, aborting it", job_id=job_id)
    return jobs.abort(errand.client, job_id)


def _submit(errand: Errand, chunk: int, file: chunks.ChunkFile) -> str:
    """Create, upload and close one job; begin anew when an upload breaks."""
    began_at = ledger.now()
    for _ in range(errand.client.attempts):
        try:
            job = jobs.create(errand.client, errand.mapping)
        except OutcomeUnknownError:
            orphaned_jobs.abort(errand, since=began_at)
            continue
        _note(errand, chunk, job_id=job.id, state=job.state)
        try:
            jobs.upload(errand.client, job.id, file.path)
        except (OutcomeUnknownError, RequestRefusedError) as error:
            # A job takes one upload; whether this one arrived nobody knows.
            jobs.abort(errand.client, job.id)
            # The next job may be created and its id lost: recovery looks for that one.
            _note(errand, chunk, job_id="", state=ledger.PLANNED)
            log.warning("salesforce upload broke", job_id=job.id, error=str(error))
            continue
        job = jobs.close(errand.client, job.id)
        _note(errand, chunk, job_id=job.id, state=job.state)
        log.info("salesforce job sent", job_id=job.id, rows=file.rows, bytes=file.bytes)
        return job.id
    raise TransientError(
        f"The upload of {file.path.name} ({file.bytes} bytes) breaks each time. "
        "Check the network, then run again."
    )


def _judge(job: jobs.Job, settled: results.Settled) -> None:
    if settled.mismatches:
        raise DataError(
            f"The answers of job {job.id} do not match what was sent: "
            + "; ".join(settled.mismatches)
            + ". What was answered is recorded; run again to send the rest."
        )
    if job.state == "Failed" and OUR_FAULT.search(job.message):
        raise DataError(
            f"Job {job.id} failed: {job.message} "
            "Compare the mapping with the object (nightshift doctor), then run again."
        )


def _note(errand: Errand, chunk: int, *, job_id: str, state: str) -> None:
    with warehouse.transaction() as connection:
        ledger.set_chunk(
            connection, errand.sync.sync_id, chunk=chunk, state=state, job_id=job_id
        )


def _note_planned(errand: Errand, chunk: int, file: chunks.ChunkFile) -> None:
    noted = ledger.Chunk(
        sync_id=errand.sync.sync_id,
        chunk=chunk,
        fingerprint=file.fingerprint,
        rows=file.rows,
        job_id="",
        state=ledger.PLANNED,
        created_at=ledger.now(),
    )
    with warehouse.transaction() as connection:
        ledger.add_chunks(connection, errand.sync, [noted])
