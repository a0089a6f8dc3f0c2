"""Recovery: what an earlier sync left in flight is finished before anything new.

Every chunk that the ledger does not know the end of is looked up in Salesforce: open
jobs are aborted (none of their rows was processed), running ones waited for, ended
ones read, collections read back. Only then may new rows go out, or an old job could
overwrite a newer value.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from loaders import warehouse
from loaders.errors import DataError
from loaders.salesforce import (
    bulk,
    jobs,
    ledger,
    orphaned_jobs,
    results,
    spool,
    verification,
)
from loaders.salesforce.context import WORKBOOK, Errand
from loaders.salesforce.failures import NotFoundError
from loaders.salesforce.staging_db import Answer, Failure, Workbook
from loaders.warehouse import bulk_rows

log = structlog.get_logger()


@dataclass(frozen=True)
class Recovered:
    """What was found: rows accepted after all, and chunks nobody can tell about.

    Of `lost` chunks neither the rows nor the job are known any more: a sync of all
    rows settles them, and closes them in the ledger.
    """

    accepted: int
    chunks: int
    lost: tuple[ledger.Chunk, ...]


def finish(errand: Errand, *, spool_folder: Path) -> Recovered:
    """Finish every open chunk of the object; `spool_folder` has a folder a sync.

    `TransientError` when a job is still running: nothing new may be sent then.
    """
    with warehouse.session() as connection:
        chunks = ledger.open_chunks(connection, errand.mapping.object)
    if not chunks:
        return Recovered(0, 0, ())
    if any(chunk.state == ledger.PLANNED for chunk in chunks):
        orphaned_jobs.abort(errand, since=min(chunk.created_at for chunk in chunks))
    accepted = 0
    lost: list[ledger.Chunk] = []
    for chunk in chunks:
        found = _look(errand, chunk, spool_folder / chunk.sync_id)
        if found is None:
            lost.append(chunk)
        else:
            accepted += found
    log.info(
        "salesforce chunks recovered",
        object=errand.mapping.object,
        chunks=len(chunks),
        accepted=accepted,
        lost=len(lost),
    )
    return Recovered(accepted, len(chunks), tuple(lost))


def _look(errand: Errand, chunk: ledger.Chunk, folder: Path) -> int | None:
    """Take the part of the sync that made the chunk, as far as its spool is here."""
    workbook = Workbook.reopen(folder / WORKBOOK)
    if workbook is None:
        sync = replace(errand.sync, sync_id=chunk.sync_id)
        return _finish_one(replace(errand, sync=sync, folder=folder), chunk, None)
    try:
        sync = ledger.Sync.from_told(workbook.identity())
        if sync.org_id != errand.sync.org_id:
            return 0  # on its way to another org, which is not the one asked today
        return _finish_one(replace(errand, sync=sync, folder=folder), chunk, workbook)
    finally:
        workbook.close()


def _finish_one(
    errand: Errand, chunk: ledger.Chunk, workbook: Workbook | None
) -> int | None:
    """Finish one chunk; return the rows found accepted, None when it is lost."""
    if chunk.state == ledger.PLANNED:
        return _abandon(errand, chunk)
    if chunk.state == ledger.SENDING:
        return None if workbook is None else _read_back(errand, chunk, workbook)
    try:
        job = jobs.get(errand.client, chunk.job_id)
        if job.state == jobs.OPEN:
            job = jobs.abort(errand.client, chunk.job_id)
            if job.state == "Aborted":
                return _abandon(errand, chunk)
    except NotFoundError:
        return None if workbook is None else _forget(errand, chunk, workbook)
    if workbook is None:
        return _read_keys(errand, chunk)
    try:
        settled = bulk.collect(
            errand,
            workbook,
            chunk=chunk.chunk,
            job_id=chunk.job_id,
            attempt=1,
        )
    except DataError as error:
        # Told when it happens to a new job; here the rows will be sent again.
        log.warning("salesforce recovered job", job_id=job.id, error=str(error))
        return 0
    return settled.accepted


def _abandon(errand: Errand, chunk: ledger.Chunk) -> int:
    with warehouse.transaction() as connection:
        ledger.set_chunk(
            connection,
            chunk.sync_id,
            chunk=chunk.chunk,
            state=ledger.ABANDONED,
            job_id=chunk.job_id,
        )
    return 0


def _read_back(errand: Errand, chunk: ledger.Chunk, workbook: Workbook) -> int:
    """Find out what a collection did, unless the answer had already come."""
    rows = list(workbook.chunk_rows(chunk.chunk))
    answered = workbook.number(
        "select count(*) from answers where chunk = ?", chunk.chunk
    )
    if not answered:
        answers = verification.arrived(
            errand.client, errand.destination, mapping=errand.mapping, rows=rows
        )
        known = {answer.folded for answer in answers}
        fold = errand.destination.fold
        answers += [
            _unknown(fold(row.key)) for row in rows if fold(row.key) not in known
        ]
        workbook.add_answers(answers, chunk=chunk.chunk)
    settled = results.settle(workbook, errand.destination, chunk=chunk.chunk, attempt=1)
    _record(errand, chunk, workbook)
    return settled.accepted


def _forget(errand: Errand, chunk: ledger.Chunk, workbook: Workbook) -> int:
    """Note that nobody can tell any more; these rows will be sent again."""
    fold = errand.destination.fold
    workbook.run("delete from answers where chunk = ?", chunk.chunk)
    workbook.add_answers(
        (_unknown(fold(row.key)) for row in list(workbook.chunk_rows(chunk.chunk))),
        chunk=chunk.chunk,
    )
    results.settle(workbook, errand.destination, chunk=chunk.chunk, attempt=1)
    _record(errand, chunk, workbook)
    return 0


def _record(errand: Errand, chunk: ledger.Chunk, workbook: Workbook) -> None:
    with bulk_rows.transaction(chunk.rows) as connection:
        ledger.record_chunk(
            connection,
            errand.sync,
            workbook=workbook,
            chunk=chunk.chunk,
            job_id=chunk.job_id,
        )


def _read_keys(errand: Errand, chunk: ledger.Chunk) -> int:
    """Without the spool only the keys can be had; what they hold is then unknown."""
    job = bulk.ended(errand, chunk.job_id)
    failures = list(_unknown_failures(errand, chunk, job))
    with bulk_rows.transaction(chunk.rows) as connection:
        ledger.record_failures(connection, errand.sync, failures)
        ledger.set_chunk(
            connection,
            chunk.sync_id,
            chunk=chunk.chunk,
            state=ledger.RECORDED,
            job_id=chunk.job_id,
        )
    return 0


def _unknown_failures(
    errand: Errand, chunk: ledger.Chunk, job: jobs.Job
) -> Iterator[Failure]:
    errand.folder.mkdir(parents=True, exist_ok=True)
    for kind in jobs.RESULTS:
        path = errand.folder / f"{job.id}-{kind}.csv"
        jobs.download(errand.client, job.id, kind=kind, path=path)
        for key in results.read_keys(path, external_id=errand.mapping.external_id):
            yield Failure(
                key=key,
                hash="",
                code=ledger.OUTCOME_UNKNOWN,
                message="sent by a process whose spool is gone",
                fields="",
                is_transient=True,
                chunk=chunk.chunk,
                job_id=job.id,
            )
        path.unlink()


def _unknown(folded: str) -> Answer:
    return Answer(
        folded,
        "failed",
        code=ledger.OUTCOME_UNKNOWN,
        message="the process ended before the answer came",
    )


def close_unfinished(errand: Errand, *, env: str, version: str) -> None:
    """Give syncs that a kill ended their ledger row, once all of them is known."""
    with warehouse.transaction() as connection:
        still_open = {
            chunk.sync_id
            for chunk in ledger.open_chunks(connection, errand.mapping.object)
        }
        for sync_id in ledger.unfinished(connection, errand.mapping.object):
            if sync_id in still_open:
                continue
            figures = ledger.sync_counts(connection, sync_id)
            ledger.record_sync(
                connection,
                replace(errand.sync, sync_id=sync_id),
                {
                    "env": env,
                    "version": version,
                    "status": ledger.INTERRUPTED,
                    **figures,
                },
            )


def sweep(errand: Errand, *, spool_folder: Path) -> None:
    """Remove the spool of every sync that has nothing in flight."""
    with warehouse.session() as connection:
        chunks = ledger.open_chunks(connection, errand.mapping.object)
    spool.sweep(spool_folder, keep={chunk.sync_id for chunk in chunks})
