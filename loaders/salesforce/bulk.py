"""Send many rows as Bulk API 2.0 ingest jobs, one job per chunk.

The ledger records a chunk before its job is created, the job's id before anything is
uploaded, and the chunk's rows once their results are read. A sync that is interrupted
between those steps leaves enough behind for the next one to resume (see `recovery`).

Each chunk is a CSV file with a header of field names, LF line endings and UTF-8 without
a byte order mark. Rows are in key order. `#N/A` clears a field and an empty cell leaves
it unchanged.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from loaders import warehouse
from loaders.errors import DataError, NightshiftError, TransientError
from loaders.ledger import now
from loaders.ledger import salesforce as salesforce_ledger
from loaders.ledger.salesforce import PLANNED, Chunk
from loaders.private_files import make_folder
from loaders.salesforce import ledger, results
from loaders.salesforce.context import Progress, SyncContext
from loaders.salesforce.staging_db import PENDING, StagingDb
from loaders.salesforce_api import jobs
from loaders.salesforce_api.request_errors import (
    COMPARE_MAPPING,
    OutcomeUnknownError,
    RequestRejectedError,
)
from loaders.salesforce_api.rows import header_line

SHRINK_FACTOR = 4
FINGERPRINT_BYTES = 16
PERMANENT_JOB_ERRORS = re.compile(
    r"InvalidBatch|ClientInputError|InvalidUser|FeatureNotEnabled"
)

log = structlog.get_logger()


@dataclass(frozen=True)
class ChunkFile:
    """One CSV file on disk.

    `rows` excludes the header, `bytes` includes it. `first` and `last` are the
    `folded_key` of the first and the last row. `fingerprint` is a hash of the content.
    """

    path: Path
    rows: int
    bytes: int
    fingerprint: str
    first: str
    last: str


@dataclass(frozen=True)
class _SentChunk:
    """A chunk whose job is running; `rows` is its number of rows."""

    chunk: int
    job_id: str
    rows: int


def write_chunk_files(
    context: SyncContext, staging_db: StagingDb, *, attempt: int
) -> Iterator[ChunkFile]:
    """Write the pending rows to `chunk-NNNN.csv` files; yield each when done.

    Each attempt uses smaller files. A single row larger than the limit still gets a
    file of its own.
    """
    divisor = SHRINK_FACTOR ** (attempt - 1)
    max_bytes = max(1, context.policy.chunk_bytes // divisor)
    max_rows = max(1, context.policy.chunk_rows // divisor)
    header = f"{header_line(context.mapping)}\n".encode()
    make_folder(context.folder)
    ranges = _split(staging_db, max_bytes - len(header), max_rows)
    for number, (first, last) in enumerate(ranges, start=1):
        path = context.folder / f"chunk-{number:04d}.csv"
        yield _write_file(staging_db, path, header, first=first, last=last)


def _split(
    staging_db: StagingDb, max_bytes: int, max_rows: int
) -> list[tuple[str, str]]:
    """Return the first and last folded key of each chunk of the pending rows."""
    ranges: list[tuple[str, str]] = []
    rows = size = 0
    for folded_key, length in staging_db.stream(
        "select folded_key, strlen(line) + 1 from local.rows"
        f" where {PENDING} order by folded_key"
    ):
        if ranges and rows < max_rows and size + length <= max_bytes:
            ranges[-1] = (ranges[-1][0], folded_key)
            rows, size = rows + 1, size + length
        else:
            ranges.append((folded_key, folded_key))
            rows, size = 1, length
    return ranges


def _write_file(
    staging_db: StagingDb, path: Path, header: bytes, *, first: str, last: str
) -> ChunkFile:
    digest = hashlib.blake2b(header, digest_size=FINGERPRINT_BYTES)
    rows, size = 0, len(header)
    with path.open("wb") as file:
        file.write(header)
        for batch in staging_db.stream_batches(
            f"select line from local.rows where {PENDING}"
            " and folded_key between ? and ? order by folded_key",
            *(first, last),
        ):
            content = "".join([f"{line}\n" for (line,) in batch]).encode()
            file.write(content)
            digest.update(content)
            rows, size = rows + len(batch), size + len(content)
    return ChunkFile(path, rows, size, digest.hexdigest(), first, last)


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
    job = jobs.wait(context.client, job_id, context.policy)
    outcome = _read_results(
        context, staging_db, chunk=chunk, job_id=job_id, attempt=attempt
    )
    with staging_db.ledger_transaction(outcome.rows) as connection:
        ledger.record_chunks(
            connection,
            context.sync,
            staging_db,
            [chunk],
            scope=context.scope,
            job_id=job_id,
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
    if job.state == "Failed" and PERMANENT_JOB_ERRORS.search(job.message):
        raise DataError(f"Job {job.id} failed: {job.message}. {COMPARE_MAPPING}")
    results.raise_for_problems([outcome], context.mapping)
    return outcome


def _read_results(
    context: SyncContext,
    staging_db: StagingDb,
    *,
    chunk: int,
    job_id: str,
    attempt: int,
) -> results.ChunkOutcome:
    """Read an ended job's results, again with pauses while they do not match."""

    def read() -> results.ChunkOutcome:
        staging_db.execute("delete from local.results where chunk = ?", chunk)
        for kind in jobs.RESULT_RESOURCES:
            with jobs.downloaded(
                context.client, context.mapping, job_id, kind, folder=context.folder
            ) as path:
                results.stage_file(context, staging_db, path, kind=kind, chunk=chunk)
        outcome = results.record_results(
            staging_db, chunk=chunk, attempt=attempt, job_id=job_id
        )
        if outcome.mismatches:
            raise results.MismatchError(outcome)
        return outcome

    try:
        return context.client.retry_on(results.MismatchError, read)
    except results.MismatchError as error:
        return error.outcome


def abort_orphaned_jobs(context: SyncContext, *, since: datetime) -> None:
    """Abort the jobs created since a time (UTC, naive) whose id was never received."""
    with warehouse.session() as connection:
        known = salesforce_ledger.recorded_job_ids(connection, context.mapping.object)
    jobs.abort_orphaned(
        context.client, context.mapping.object, since=since, known=known
    )


def _submit_job(context: SyncContext, chunk: int, file: ChunkFile) -> str:
    """Create, upload and close one job; start over with a new one if that fails."""
    started_at = now()
    last_error: NightshiftError | None = None
    for _ in range(context.client.attempts):
        try:
            job = jobs.create(context.client, context.mapping)
        except OutcomeUnknownError as error:
            last_error = error
            abort_orphaned_jobs(context, since=started_at)
            continue
        _update_chunk(context, chunk, job_id=job.id, state=job.state)
        try:
            jobs.upload(context.client, job.id, file.path)
        except (OutcomeUnknownError, RequestRejectedError) as error:
            # A job accepts one upload only, and this one may have been received.
            jobs.abort(context.client, job.id)
            # If the next job's id is lost, recovery finds that job because the chunk
            # is in the planned state.
            _update_chunk(context, chunk, job_id="", state=PLANNED)
            log.warning("salesforce upload failed", job_id=job.id, error=str(error))
            last_error = error
            continue
        job = jobs.close(context.client, job.id)
        _update_chunk(context, chunk, job_id=job.id, state=job.state)
        log.info("salesforce job sent", job_id=job.id, rows=file.rows, bytes=file.bytes)
        return job.id
    raise TransientError(
        f"Uploading {file.path.name} ({file.bytes} bytes) to Salesforce failed "
        f"{context.client.attempts} times. {last_error}"
    )


def _update_chunk(context: SyncContext, chunk: int, *, job_id: str, state: str) -> None:
    with warehouse.transaction() as connection:
        ledger.update_chunks(
            connection, context.sync.sync_id, [chunk], state=state, job_id=job_id
        )


def _record_planned_chunk(context: SyncContext, chunk: int, file: ChunkFile) -> None:
    planned = Chunk(
        sync_id=context.sync.sync_id,
        chunk=chunk,
        fingerprint=file.fingerprint,
        rows=file.rows,
        job_id="",
        state=PLANNED,
        created_at=now(),
    )
    with warehouse.transaction() as connection:
        ledger.add_chunks(connection, context.sync, [planned])
