"""Sync one mart to one Salesforce object and record the result of every row.

The steps are login, preflight check, recovery of interrupted syncs, comparison, safety
check, quota check, and sending as collections or bulk jobs. Rows that fail with a
transient error are sent again in smaller chunks. The row of `ops.salesforce_syncs` is
written last. No row is lost: rows of the mart = accepted + rejected + unchanged.
`docs/salesforce.md` shows what is written before what.
"""

import csv
import random
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from loaders import warehouse
from loaders.config.salesforce_policy import SyncPolicy
from loaders.config.settings import Salesforce as Settings
from loaders.ledger import now
from loaders.ledger.salesforce import ABANDONED, SUCCESS, Chunk
from loaders.salesforce import (
    approvals,
    bulk,
    drift,
    ledger,
    pairing,
    plan,
    recovery,
    results,
    safety_check,
    sobject_collections,
)
from loaders.salesforce.context import (
    REJECTS_FILE,
    ProgressCallback,
    SyncContext,
    SyncRequest,
    clear,
    context_for,
    ignore_progress,
    locked,
)
from loaders.salesforce.plan import SyncResult
from loaders.salesforce.staging_db import StagingDb
from loaders.salesforce_api import preflight

log = structlog.get_logger()


def run(
    request: SyncRequest,
    settings: Settings,
    *,
    on_progress: ProgressCallback = ignore_progress,
) -> SyncResult:
    """Sync the mart to the object and return the result.

    Raises `ConfigError` (settings, permissions, mapping), `DataError` (safety check,
    results that do not match, the mart's data date) or `TransientError` (Salesforce
    busy, quota exhausted, a job still running). After any error, the next run resumes.
    """
    root = request.spool / request.mapping.object
    with locked(root), context_for(request, settings) as context:
        context = replace(context, on_progress=on_progress)
        started_at = now()
        recovered = recovery.RecoveryResult(0, ())
        if not request.dry_run:
            recovered = recovery.recover_open_chunks(context, spool_folder=root)
            with warehouse.keep_open():
                recovery.record_interrupted_syncs(
                    context, env=request.env, version=request.version
                )
                recovery.remove_closed_spools(context, spool_folder=root)
        path, identity = context.staging_db_path, context.sync.as_dict()
        with closing(StagingDb.create(path, identity=identity)) as staging_db:
            result = _sync_rows(
                request, context, staging_db, has_lost_rows=bool(recovered.lost)
            )
            result = replace(
                result, started_at=started_at, recovered=recovered.accepted
            )
            _write_rejects(staging_db, context.folder / REJECTS_FILE)
            if not request.dry_run:
                _record_sync(
                    request, context, staging_db, result=result, lost=recovered.lost
                )
        if not request.dry_run:
            clear(context.folder)
    log.info(
        "salesforce sync",
        sync_id=result.sync_id,
        object=result.object,
        data_date=str(result.data_date),
        **result.ledger_columns(),
        codes=result.codes,
    )
    return result


def _sync_rows(
    request: SyncRequest,
    context: SyncContext,
    staging_db: StagingDb,
    *,
    has_lost_rows: bool,
) -> SyncResult:
    """Compare, check and send the rows, unless the sync is superseded or a dry run.

    With `has_lost_rows`, rows that seem unchanged are sent as well.
    """
    result = SyncResult(
        sync_id=context.sync.sync_id,
        object=context.mapping.object,
        data_date=context.sync.data_date,
        status=SUCCESS,
        warnings=context.destination.warnings,
    )
    job_ids: list[str] = []
    policy = context.policy
    with warehouse.keep_open():  # not while Salesforce works
        if safety_check.superseding_date(request, context):
            return replace(result, status=plan.SUPERSEDED)
    found = drift.find(context, staging_db, is_complete=request.repair_drift)
    result = replace(result, drift=found)
    with warehouse.keep_open():
        plan_id = plan.prepare_rows(
            request, context, staging_db, resend_all=has_lost_rows
        )
        approved_id = request.approved_plan_id
        is_new = bool(approved_id) and approvals.check(
            staging_db, context, request, plan_id=plan_id
        )
        result = replace(
            result,
            plan_id=approved_id or plan_id,
            actions=staging_db.count_by_action(),
        )
        if request.dry_run:
            return plan.complete_dry_run(request, context, staging_db, result)
        if staging_db.count_pending():
            if not approved_id:
                safety_check.check(staging_db, context, request, plan_id=plan_id)
            elif is_new:
                approvals.record(staging_db, context, request, plan_id=plan_id)
    if staging_db.count_pending():
        preflight.check_quota(context.client, *staging_db.pending_size(), policy)
        job_ids = _send(context, staging_db)
    counts: dict[str, Any] = plan.count_rows(staging_db)
    counts["known_rejects"] = results.count_known_rejects(context, staging_db)
    rows = sum(result.actions.values())
    status = _decide_status(counts, policy, rows=rows)
    if request.as_of and status == SUCCESS:
        status = plan.ROLLED_BACK
    return replace(
        result,
        status=status,
        job_ids=tuple(job_ids),
        codes=results.count_codes(staging_db),
        drift=drift.without_repaired(staging_db, found),
        verification=_verify_sample(context, staging_db),
        **counts,
    )


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
) -> sobject_collections.Verification | None:
    """Count the object's records and compare a sample of the rows just accepted."""
    if not context.policy.read_back_rows:
        return None
    rows = staging_db.sample_accepted(context.policy.read_back_rows)
    differences: list[str] = []
    for row, record in sobject_collections.read_back(context, rows):
        if record is None:
            differences.append(f"{row.key} does not exist")
        else:
            found = sobject_collections.differences(context, row, record)
            differences += [f"{row.key}: {text}" for text in found]
    if differences:
        log.warning("read-back records differ", differences=differences)
    records = context.client.count(context.mapping.object)
    return sobject_collections.Verification(records, len(rows), tuple(differences))


def _record_sync(
    request: SyncRequest,
    context: SyncContext,
    staging_db: StagingDb,
    *,
    result: SyncResult,
    lost: tuple[Chunk, ...],
) -> None:
    """Record the sync, the rejects of rows that were never sent, and withdrawn rejects.

    Also closes the lost chunks if this sync sent all rows.
    """
    columns = {
        **result.ledger_columns(),
        "env": request.env,
        "version": request.version,
        "fingerprint": request.fingerprint,
        "api_calls": context.client.calls,
    }
    if not request.as_of:
        pairing.withdraw_rejects(staging_db)
    rows = staging_db.query_int(
        "select greatest((select count(*) from local.failures where chunk = 0),"
        " (select count(*) from local.rows where action = 'unchanged'))"
    )
    if result.drift and not result.drift.error:
        drift.record(context, staging_db, result.drift)
    with staging_db.ledger_transaction(rows) as connection:
        ledger.record_rejects(connection, context.sync, staging_db, "chunk = 0")
        ledger.refresh_source_hashes(connection, staging_db, context.scope)
        pairing.forget_unmatched(connection, staging_db, context.scope)
        ledger.expire_history(
            connection,
            context.sync,
            context.scope,
            days=context.policy.history_days,
        )
        ledger.record_sync(connection, context.sync, columns)
        if result.deferred or result.status == plan.SUPERSEDED:
            return
        for chunk in lost:
            ledger.update_chunks(
                connection,
                chunk.sync_id,
                [chunk.chunk],
                state=ABANDONED,
                job_id=chunk.job_id,
            )


def _decide_status(counts: dict[str, int], policy: SyncPolicy, *, rows: int) -> str:
    """Return deferred, rejected or success by the policy's reject threshold.

    Known rejects were counted when they were new.
    """
    if counts["deferred"]:
        return plan.DEFERRED
    allowed = max(policy.max_rejected_ratio * rows, policy.max_rejected_rows)
    new = counts["rejected"] - counts["known_rejects"]
    return plan.REJECTED if new > allowed else SUCCESS


def _write_rejects(staging_db: StagingDb, path: Path) -> Path | None:
    """Write every failed attempt to a CSV file; return None if there is none."""
    if not staging_db.query_int("select count(*) from local.failures"):
        return None
    columns = ["key", "code", "message", "fields", "attempt", "job_id", "is_transient"]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(
            staging_db.stream(
                f"select {', '.join(columns)} from local.failures order by chunk, key"
            )
        )
    return path
