"""Sync one mart to one Salesforce object and record the result of every row.

The steps are login, preflight check, recovery of interrupted syncs, comparison, safety
check, quota check, and sending as collections or bulk jobs. Rows that fail with a
transient error are sent again in smaller chunks. The row of `ops.salesforce_syncs` is
written last. No row is lost: rows of the mart = accepted + rejected + unchanged.
"""

import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from loaders import warehouse
from loaders.config.settings import Salesforce as Settings
from loaders.salesforce import (
    bulk,
    client,
    diff,
    dry_run,
    ledger,
    outcome,
    preflight,
    quota,
    recovery,
    rejects,
    safety_check,
    sobject_collections,
    spool,
    sync_state,
    verification,
)
from loaders.salesforce.context import ProgressCallback, SyncContext, ignore_progress
from loaders.salesforce.mapping import Mapping
from loaders.salesforce.outcome import SyncResult
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.staging_db import StagingDb
from loaders.warehouse import bulk_rows

log = structlog.get_logger()


@dataclass(frozen=True)
class SyncRequest:
    """What to sync, for which data date, and how.

    `spool` is the folder for working files. `fingerprint` identifies the tested build
    of the mart and is stored in the ledger. `full` sends unchanged rows too;
    `only_rejected` sends only rows that were rejected before. `as_of` sends the values
    of an earlier data date instead of the mart's. `approved_plan_id` is the id of a
    plan that the safety check stopped and a person approved. `allow_older` sends a data
    date although a later one was already sent.
    """

    mapping: Mapping
    data_date: date
    spool: Path
    env: str = "prod"
    version: str = "1"
    run_id: str = ""
    fingerprint: str = ""
    full: bool = False
    dry_run: bool = False
    only_rejected: bool = False
    as_of: date | None = None
    approved_plan_id: str | None = None
    allow_older: bool = False


def run(
    request: SyncRequest,
    settings: Settings,
    *,
    policy: SyncPolicy | None = None,
    on_progress: ProgressCallback = ignore_progress,
) -> SyncResult:
    """Sync the mart to the object and return the result.

    Raises `ConfigError` (settings, permissions, mapping), `DataError` (safety check,
    results that do not match, the mart's data date) or `TransientError` (Salesforce
    busy, quota exhausted, a job still running). After any error, the next run resumes.
    """
    policy = policy or SyncPolicy()
    root = request.spool / request.mapping.object
    with spool.locked(root), context_for(request, settings, policy=policy) as context:
        context = replace(context, on_progress=on_progress)
        started_at = ledger.now()
        recovered = recovery.RecoveryResult(0, ())
        if not request.dry_run:
            recovered = recovery.recover_open_chunks(context, spool_folder=root)
            recovery.record_interrupted_syncs(
                context, env=request.env, version=request.version
            )
            recovery.remove_closed_spools(context, spool_folder=root)
        path, identity = context.staging_db_path, context.sync.as_dict()
        with closing(StagingDb.create(path, identity=identity)) as staging_db:
            result = _sync_rows(
                replace(request, full=request.full or bool(recovered.lost)),
                context,
                staging_db,
            )
            result = replace(
                result, started_at=started_at, recovered=recovered.accepted
            )
            outcome.write_rejects(staging_db, context.folder / spool.REJECTS)
            if not request.dry_run:
                _record_sync(
                    request, context, staging_db, result=result, lost=recovered.lost
                )
        if not request.dry_run and not policy.keep_spool:
            spool.clear(context.folder)
    log.info(
        "salesforce sync",
        sync_id=result.sync_id,
        object=result.object,
        data_date=str(result.data_date),
        **result.ledger_columns(),
        codes=result.codes,
    )
    return result


@contextmanager
def context_for(
    request: SyncRequest, settings: Settings, *, policy: SyncPolicy
) -> Iterator[SyncContext]:
    """Log in, run the preflight check, and yield the context of a new sync."""
    mapping = request.mapping
    if policy.missing_rows == "flag":
        mapping = mapping.with_flag(policy.missing_flag_field)
    connection = client.connect(settings, policy.retry_policy)
    try:
        destination = preflight.check(
            connection, mapping, expect_sandbox=settings.expect_sandbox
        )
        sync_id = f"{ledger.now():%Y%m%dT%H%M%S}-{uuid4().hex[:12]}"
        yield SyncContext(
            sync=ledger.Sync(
                sync_id=sync_id,
                object=mapping.object,
                data_date=request.as_of or request.data_date,
                mapping_version=destination.mapping_version(mapping),
                run_id=request.run_id,
            ),
            mapping=mapping,
            client=connection,
            destination=destination,
            policy=policy,
            folder=request.spool / mapping.object / sync_id,
        )
    finally:
        connection.close()


def prepare_rows(
    request: SyncRequest, context: SyncContext, staging_db: StagingDb
) -> str:
    """Load rows and state, assign actions, and return the id of the plan."""
    if request.as_of:
        diff.load_rows_as_of(staging_db, context, request.as_of)
    else:
        diff.load_rows(staging_db, context, data_date=request.data_date)
    diff.assign_actions(staging_db, context, full=request.full)
    if request.only_rejected:
        diff.keep_only_rejected(staging_db)
    return safety_check.compute_plan_id(staging_db, context)


def _sync_rows(
    request: SyncRequest, context: SyncContext, staging_db: StagingDb
) -> SyncResult:
    """Compare, check and send the rows, unless the sync is superseded or a dry run."""
    result = SyncResult(
        sync_id=context.sync.sync_id,
        object=context.mapping.object,
        data_date=context.sync.data_date,
        status=outcome.SUCCESS,
        warnings=context.destination.warnings,
    )
    if _is_superseded(request, context):
        return replace(result, status=outcome.SUPERSEDED)
    plan_id = prepare_rows(request, context, staging_db)
    result = replace(result, plan_id=plan_id, actions=staging_db.count_by_action())
    if request.dry_run:
        return dry_run.complete_dry_run(context, staging_db, result)
    job_ids: list[str] = []
    policy = context.policy
    if staging_db.count_pending():
        safety_check.check(
            staging_db, context, plan_id=plan_id, approved_id=request.approved_plan_id
        )
        required = quota.estimate_required(staging_db, policy)
        quota.check(context.client, required, reserve_ratio=policy.quota_reserve_ratio)
        job_ids = _send(context, staging_db)
    counts: dict[str, Any] = outcome.count_rows(staging_db)
    rows = sum(result.actions.values())
    status = outcome.decide_status(counts, policy, rows=rows)
    if request.as_of and status == outcome.SUCCESS:
        status = outcome.ROLLED_BACK
    return replace(
        result,
        status=status,
        job_ids=tuple(job_ids),
        codes=outcome.count_codes(staging_db),
        verification=_verify_sample(context, staging_db),
        **counts,
    )


def _is_superseded(request: SyncRequest, context: SyncContext) -> bool:
    """Return whether a later data date was already sent to this Salesforce org."""
    if request.as_of or request.allow_older:
        return False
    sync = context.sync
    with warehouse.session() as connection:
        newest = sync_state.newest_data_date(
            connection, sync.object, salesforce_org_id=sync.salesforce_org_id
        )
    return newest is not None and newest > request.data_date


def _send(context: SyncContext, staging_db: StagingDb) -> list[str]:
    """Send the pending rows, retry transient failures, and return the job ids."""
    policy = context.policy
    job_ids: list[str] = []
    for attempt in range(1, policy.send_attempts + 1):
        pending = staging_db.count_pending()
        if not pending:
            break
        if attempt > 1:
            pause = policy.send_pause_seconds * 2 ** (attempt - 2)
            time.sleep(pause * random.uniform(0.5, 1.5))
        if pending <= policy.bulk_above_rows:
            sobject_collections.send(context, staging_db, attempt=attempt)
        else:
            job_ids += bulk.send(context, staging_db, attempt=attempt)
    return job_ids


def _verify_sample(
    context: SyncContext, staging_db: StagingDb
) -> verification.Verification | None:
    if not context.policy.read_back_rows:
        return None
    result = verification.verify_sample(
        context.client,
        context.destination,
        mapping=context.mapping,
        staging_db=staging_db,
        sample=context.policy.read_back_rows,
    )
    if result.differences:
        log.warning("read-back records differ", differences=result.differences)
    return result


def _record_sync(
    request: SyncRequest,
    context: SyncContext,
    staging_db: StagingDb,
    *,
    result: SyncResult,
    lost: tuple[ledger.Chunk, ...],
) -> None:
    """Record the sync, the rejects of rows that were never sent, and withdrawn rejects.

    Also closes the lost chunks if this sync sent all rows.
    """
    columns = {
        **result.ledger_columns(),
        "env": request.env,
        "version": request.version,
        "fingerprint": request.fingerprint,
    }
    never_sent = staging_db.query_int("select count(*) from failures where chunk = 0")
    with bulk_rows.transaction(never_sent) as connection:
        ledger.record_rejects(connection, context.sync, staging_db.failures(0))
        if not request.as_of:
            ledger.record_rejects(
                connection, context.sync, rejects.withdrawn_rejects(staging_db)
            )
        ledger.record_sync(connection, context.sync, columns)
        if result.deferred or result.status == outcome.SUPERSEDED:
            return
        for chunk in lost:
            ledger.update_chunk(
                connection,
                chunk.sync_id,
                chunk=chunk.chunk,
                state=ledger.ABANDONED,
                job_id=chunk.job_id,
            )
