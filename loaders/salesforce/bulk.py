"""Send many rows as Bulk API 2.0 ingest jobs, one job per chunk.

The ledger records a chunk before its job is created, the job's id before anything is
uploaded, and the chunk's rows once their results are read. A sync that is interrupted
between those steps leaves enough behind for the next one to resume (see `recovery`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from loaders import warehouse
from loaders.errors import DataError, NightshiftError, TransientError
from loaders.salesforce import chunks, jobs, ledger, orphaned_jobs, results
from loaders.salesforce.context import Progress, SyncContext
from loaders.salesforce.request_errors import OutcomeUnknownError, RequestRejectedError
from loaders.salesforce.staging_db import StagingDb
from loaders.warehouse import bulk_rows

SHRINK_FACTOR = 4
PERMANENT_JOB_ERRORS = re.compile(
    r"InvalidBatch|ClientInputError|InvalidUser|FeatureNotEnabled"
)

log = structlog.get_logger()


@dataclass(frozen=True)
class _SentChunk:
    """A chunk whose job is running; `rows` is its number of rows."""

    chunk: int
    job_id: str
    rows: int


def write_chunk_files(
    context: SyncContext, staging_db: StagingDb, *, attempt: int
) -> Iterator[chunks.ChunkFile]:
    """Write the pending rows to CSV files; each attempt uses smaller files."""
    divisor = SHRINK_FACTOR ** (attempt - 1)
    return chunks.write(
        staging_db.pending_rows(),
        context.mapping,
        folder=context.folder,
        max_bytes=max(1, context.policy.chunk_bytes // divisor),
        max_rows=max(1, context.policy.chunk_rows // divisor),
    )


def send(context: SyncContext, staging_db: StagingDb, *, attempt: int) -> list[str]:
    """Send all pending rows, wait for their results, and return the job ids.

    When a chunk cannot be submitted, the results of the jobs already sent are recorded
    before the error is raised.
    """
    total, done = staging_db.count_pending(), 0
    first = staging_db.next_chunk_number()
    sent: list[_SentChunk] = []
    submit_error: NightshiftError | None = None
    # Salesforce processes a job while the next chunk is written.
    files = write_chunk_files(context, staging_db, attempt=attempt)
    for chunk, file in enumerate(files, start=first):
        staging_db.assign_chunk(chunk, first=file.first, last=file.last)
        _record_planned_chunk(context, chunk, file)
        try:
            job_id = _submit_job(context, chunk, file)
        except NightshiftError as error:
            submit_error = error
            break
        sent.append(_SentChunk(chunk, job_id, file.rows))
    for item in sent:
        context.on_progress(Progress("send", done, total))
        collect_results(
            context, staging_db, chunk=item.chunk, job_id=item.job_id, attempt=attempt
        )
        done += item.rows
        context.on_progress(Progress("send", done, total))
    if submit_error:
        raise submit_error
    return [item.job_id for item in sent]


def collect_results(
    context: SyncContext,
    staging_db: StagingDb,
    *,
    chunk: int,
    job_id: str,
    attempt: int,
) -> results.ChunkOutcome:
    """Wait for a job to end and record the result of each of its rows.

    Raises `DataError`, after recording, when results and rows do not match or when the
    job failed for a reason that a retry cannot fix.
    """
    job = wait_for_job(context, job_id)
    staging_db.execute("delete from results where chunk = ?", chunk)
    for kind in jobs.RESULT_RESOURCES:
        path = context.folder / f"{job_id}-{kind}.csv"
        jobs.download(context.client, job_id, kind=kind, path=path)
        row_results = results.read_results(
            path,
            kind=kind,
            destination=context.destination,
            external_id=context.mapping.external_id,
        )
        staging_db.add_results(row_results, chunk=chunk)
        path.unlink()
    outcome = results.record_results(
        staging_db, chunk=chunk, attempt=attempt, job_id=job_id
    )
    with bulk_rows.transaction(outcome.rows) as connection:
        ledger.record_chunk(
            connection, context.sync, staging_db=staging_db, chunk=chunk, job_id=job_id
        )
    log.info(
        "salesforce job ended",
        job_id=job_id,
        state=job.state,
        message=job.message,
        accepted=outcome.accepted,
        rejected=outcome.rejected,
        transient=outcome.transient,
    )
    _raise_for_problems(job, outcome)
    return outcome


def wait_for_job(context: SyncContext, job_id: str) -> jobs.Job:
    """Wait for a job to end; abort it after the timeout with `abort_stuck_jobs`."""
    policy = context.policy
    try:
        return jobs.wait(
            context.client,
            job_id,
            first_seconds=policy.poll_first_seconds,
            max_seconds=policy.poll_max_seconds,
            timeout_seconds=policy.poll_timeout_seconds,
        )
    except jobs.StillRunningError:
        if not policy.abort_stuck_jobs:
            raise
    log.warning("salesforce job stuck, aborting it", job_id=job_id)
    return jobs.abort(context.client, job_id)


def _submit_job(context: SyncContext, chunk: int, file: chunks.ChunkFile) -> str:
    """Create, upload and close one job; start over with a new one if that fails."""
    started_at = ledger.now()
    for _ in range(context.client.attempts):
        try:
            job = jobs.create(context.client, context.mapping)
        except OutcomeUnknownError:
            orphaned_jobs.abort_orphaned_jobs(context, since=started_at)
            continue
        _update_chunk(context, chunk, job_id=job.id, state=job.state)
        try:
            jobs.upload(context.client, job.id, file.path)
        except (OutcomeUnknownError, RequestRejectedError) as error:
            # A job accepts one upload only, and this one may have been received.
            jobs.abort(context.client, job.id)
            # If the next job's id is lost, recovery finds that job because the chunk
            # is in the planned state.
            _update_chunk(context, chunk, job_id="", state=ledger.PLANNED)
            log.warning("salesforce upload failed", job_id=job.id, error=str(error))
            continue
        job = jobs.close(context.client, job.id)
        _update_chunk(context, chunk, job_id=job.id, state=job.state)
        log.info("salesforce job sent", job_id=job.id, rows=file.rows, bytes=file.bytes)
        return job.id
    raise TransientError(
        f"Uploading {file.path.name} ({file.bytes} bytes) to Salesforce failed "
        f"{context.client.attempts} times. Check the network, then run again."
    )


def _raise_for_problems(job: jobs.Job, outcome: results.ChunkOutcome) -> None:
    if outcome.mismatches:
        raise DataError(
            f"The results of job {job.id} do not match the rows that were sent: "
            + "; ".join(outcome.mismatches)
            + ". The results received are recorded. Run again to send the rest."
        )
    if job.state == "Failed" and PERMANENT_JOB_ERRORS.search(job.message):
        raise DataError(
            f"Job {job.id} failed: {job.message}. Compare the mapping with the object "
            "(nightshift doctor), then run again."
        )


def _update_chunk(context: SyncContext, chunk: int, *, job_id: str, state: str) -> None:
    with warehouse.transaction() as connection:
        ledger.update_chunk(
            connection, context.sync.sync_id, chunk=chunk, state=state, job_id=job_id
        )


def _record_planned_chunk(
    context: SyncContext, chunk: int, file: chunks.ChunkFile
) -> None:
    planned = ledger.Chunk(
        sync_id=context.sync.sync_id,
        chunk=chunk,
        fingerprint=file.fingerprint,
        rows=file.rows,
        job_id="",
        state=ledger.PLANNED,
        created_at=ledger.now(),
    )
    with warehouse.transaction() as connection:
        ledger.add_chunks(connection, context.sync, [planned])
