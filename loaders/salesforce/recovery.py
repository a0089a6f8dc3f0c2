"""Finish interrupted syncs before new rows are sent.

Every chunk that is open in the ledger is looked up in Salesforce. Open jobs are
aborted, because none of their rows was processed; running jobs are waited for; results
of ended jobs are read; the records of collections are read back. Without this, an old
job could overwrite a newer value.
"""

import csv
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from loaders import warehouse
from loaders.errors import DataError
from loaders.ledger.salesforce import (
    ABANDONED,
    INTERRUPTED,
    OUTCOME_UNKNOWN,
    PLANNED,
    RECORDED,
    SENDING,
    Chunk,
    count_sync_rows,
    open_chunks,
    unfinished_sync_ids,
)
from loaders.private_files import make_folder
from loaders.salesforce import bulk, ledger, results, sobject_collections
from loaders.salesforce.context import (
    STAGING_DB_FILE,
    SyncContext,
    remove_sync_folders,
)
from loaders.salesforce.staging_db import StagingDb
from loaders.salesforce_api import jobs
from loaders.salesforce_api.request_errors import NotFoundError
from loaders.salesforce_api.rows import Failure, RowResult

RECOVERED_FILE = "recovered.duckdb"

log = structlog.get_logger()


@dataclass(frozen=True)
class RecoveryResult:
    """The number of rows found to be accepted, and the chunks of unknown outcome.

    Neither the job nor the staging database of a `lost` chunk exists any more. The next
    sync therefore sends all rows, and then closes the chunk in the ledger.
    """

    accepted: int
    lost: tuple[Chunk, ...]


def recover_open_chunks(context: SyncContext, *, spool_folder: Path) -> RecoveryResult:
    """Finish every open chunk of the object.

    `spool_folder` has one folder per sync. Raises `TransientError` when a job is still
    running, because nothing may be sent until it ends.
    """
    with warehouse.session() as connection:
        chunks = open_chunks(connection, context.mapping.object)
    if not chunks:
        return RecoveryResult(0, ())
    if any(chunk.state == PLANNED for chunk in chunks):
        bulk.abort_orphaned_jobs(
            context, since=min(chunk.created_at for chunk in chunks)
        )
    accepted = 0
    lost: list[Chunk] = []
    for chunk in chunks:
        accepted_in_chunk = _recover_chunk(context, chunk, spool_folder / chunk.sync_id)
        if accepted_in_chunk is None:
            lost.append(chunk)
        else:
            accepted += accepted_in_chunk
    log.info(
        "salesforce chunks recovered",
        object=context.mapping.object,
        chunks=len(chunks),
        accepted=accepted,
        lost=len(lost),
    )
    return RecoveryResult(accepted, tuple(lost))


def _recover_chunk(context: SyncContext, chunk: Chunk, folder: Path) -> int | None:
    """Finish one chunk with the identity and, if it exists, the spool of its sync.

    Returns the number of accepted rows, or None when the chunk is lost.
    """
    staging_db = StagingDb.reopen(folder / STAGING_DB_FILE)
    if staging_db is None:
        sync = replace(context.sync, sync_id=chunk.sync_id)
        return _finish_chunk(replace(context, sync=sync, folder=folder), chunk, None)
    try:
        sync = ledger.Sync.from_dict(staging_db.identity())
        if sync.salesforce_org_id != context.sync.salesforce_org_id:
            return 0  # the chunk belongs to another Salesforce org
        return _finish_chunk(
            replace(context, sync=sync, folder=folder), chunk, staging_db
        )
    finally:
        staging_db.close()


def _finish_chunk(
    context: SyncContext, chunk: Chunk, staging_db: StagingDb | None
) -> int | None:
    if chunk.state == PLANNED:
        return _mark_abandoned(chunk)
    if chunk.state == SENDING:
        return None if staging_db is None else _read_back(context, chunk, staging_db)
    try:
        job = jobs.get(context.client, chunk.job_id)
        if job.state == jobs.OPEN:
            job = jobs.abort(context.client, chunk.job_id)
            if job.state == "Aborted":
                return _mark_abandoned(chunk)
    except NotFoundError:
        if staging_db is None:
            return None
        return _record_as_unknown(context, chunk, staging_db)
    if staging_db is None:
        return _record_keys_as_unknown(context, chunk)
    try:
        outcome = bulk.collect_results(
            context, staging_db, chunk=chunk.chunk, job_id=chunk.job_id, attempt=1
        )
    except DataError as error:
        # Not raised: the results are recorded, and this sync sends the rows again.
        log.warning("salesforce recovered job", job_id=job.id, error=str(error))
        return 0
    return outcome.accepted


def _mark_abandoned(chunk: Chunk) -> int:
    with warehouse.transaction() as connection:
        ledger.update_chunks(
            connection,
            chunk.sync_id,
            [chunk.chunk],
            state=ABANDONED,
            job_id=chunk.job_id,
        )
    return 0


def _read_back(context: SyncContext, chunk: Chunk, staging_db: StagingDb) -> int:
    """Read a collection's records back, unless its results were already staged."""
    has_results = staging_db.query_int(
        "select count(*) from local.results where chunk = ?", chunk.chunk
    )
    if not has_results:
        rows = staging_db.chunk_rows(chunk.chunk)
        row_results = sobject_collections.find_accepted(context, rows)
        accepted_keys = {result.folded_key for result in row_results}
        row_results += [
            _unknown_result(row.folded_key)
            for row in rows
            if row.folded_key not in accepted_keys
        ]
        staging_db.add_results(row_results, chunk=chunk.chunk)
    return _record(context, chunk, staging_db)


def _record_as_unknown(
    context: SyncContext, chunk: Chunk, staging_db: StagingDb
) -> int:
    """Record an unknown outcome for all rows of a chunk, so that they are sent again.

    Salesforce has deleted the chunk's job, so its results cannot be read.
    """
    staging_db.execute("delete from local.results where chunk = ?", chunk.chunk)
    rows = staging_db.chunk_rows(chunk.chunk)
    staging_db.add_results(
        (_unknown_result(row.folded_key) for row in rows), chunk=chunk.chunk
    )
    _record(context, chunk, staging_db)
    return 0


def _record(context: SyncContext, chunk: Chunk, staging_db: StagingDb) -> int:
    """Record the staged results of a chunk; return the number of accepted rows."""
    outcome = results.record_results(staging_db, chunk=chunk.chunk, attempt=1)
    with staging_db.ledger_transaction(chunk.rows) as connection:
        ledger.record_chunks(
            connection,
            context.sync,
            staging_db,
            [chunk.chunk],
            scope=context.scope,
            job_id=chunk.job_id,
        )
    return outcome.accepted


def _record_keys_as_unknown(context: SyncContext, chunk: Chunk) -> int | None:
    """Record an unknown outcome for the keys in a job's result files.

    Without the staging database, the values that were sent are not available. Returns
    None, so that all rows are sent, if the files do not have the chunk's keys.
    """
    job = jobs.wait(context.client, chunk.job_id, context.policy)
    if not context.mapping.creates:
        return None  # the files have the ids of records instead
    keys = _read_keys(context, job)
    if len(keys) != chunk.rows:
        log.warning("salesforce results incomplete", job_id=job.id, rows=chunk.rows)
        return None
    path = context.folder / RECOVERED_FILE
    with closing(StagingDb.create(path, identity=context.sync.as_dict())) as staging_db:
        staging_db.add_failures(_unknown_failure(chunk, key) for key in keys)
        with staging_db.ledger_transaction(chunk.rows) as connection:
            ledger.record_rejects(connection, context.sync, staging_db, "true")
            ledger.update_chunks(
                connection,
                chunk.sync_id,
                [chunk.chunk],
                state=RECORDED,
                job_id=chunk.job_id,
            )
    return 0


def _read_keys(context: SyncContext, job: jobs.Job) -> set[str]:
    """Return the keys in a job's result files, spelled as they were sent."""
    make_folder(context.folder)
    keys: set[str] = set()
    key_name = context.mapping.external_id.lower()
    for kind in jobs.RESULT_RESOURCES:
        with (
            jobs.downloaded(
                context.client, context.mapping, job.id, kind, folder=context.folder
            ) as path,
            path.open(encoding="utf-8", errors="replace", newline="") as file,
        ):
            reader = csv.reader(file)
            header = [name.lower() for name in next(reader, [key_name])]
            key = header.index(key_name)
            keys.update(cells[key] for cells in reader if len(cells) > key)
    return keys


def _unknown_failure(chunk: Chunk, key: str) -> Failure:
    return Failure(
        key=key,
        hash="",
        code=OUTCOME_UNKNOWN,
        message="The spool of the sync that sent this row no longer exists.",
        fields="",
        is_transient=True,
        chunk=chunk.chunk,
        job_id=chunk.job_id,
    )


def _unknown_result(folded_key: str) -> RowResult:
    return RowResult(
        folded_key,
        "failed",
        code=OUTCOME_UNKNOWN,
        message="The sync was interrupted before the result was received.",
    )


def record_interrupted_syncs(context: SyncContext, *, env: str, version: str) -> None:
    """Append a ledger row for each interrupted sync that has no open chunk left."""
    with warehouse.transaction() as connection:
        open_sync_ids = {
            chunk.sync_id for chunk in open_chunks(connection, context.mapping.object)
        }
        for sync_id in unfinished_sync_ids(connection, context.mapping.object):
            if sync_id in open_sync_ids:
                continue
            columns = count_sync_rows(connection, sync_id)
            ledger.record_sync(
                connection,
                replace(context.sync, sync_id=sync_id),
                {
                    "env": env,
                    "version": version,
                    "status": INTERRUPTED,
                    **columns,
                },
            )


def remove_closed_spools(context: SyncContext, *, spool_folder: Path) -> None:
    """Remove the spool folder of every sync that has no open chunk."""
    with warehouse.session() as connection:
        chunks = open_chunks(connection, context.mapping.object)
    remove_sync_folders(spool_folder, keep={chunk.sync_id for chunk in chunks})
