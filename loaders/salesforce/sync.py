"""The sync: one mart's rows become one object's records, and every answer is kept.

Login, preflight, recovery of what was left in flight, difference, brake, quota, then
the small or the large path; rows that fail for a passing reason go again, smaller and
later. The ledger row of the sync is the last thing written. Nothing is sent twice,
nothing is lost in silence: rows of the mart = accepted + rejected + unchanged.
"""

import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import structlog

from loaders import warehouse
from loaders.config.settings import Salesforce as Settings
from loaders.salesforce import (
    bulk,
    circuit_breaker,
    client,
    composite,
    diff,
    ledger,
    outcome,
    preflight,
    quota,
    recovery,
    rejects,
    spool,
    sync_state,
    verification,
)
from loaders.salesforce import dry_run as rehearsal
from loaders.salesforce.context import Errand, ProgressHook, tell_nobody
from loaders.salesforce.mapping import Mapping
from loaders.salesforce.outcome import SyncResult
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.staging_db import Workbook
from loaders.warehouse import bulk_rows

log = structlog.get_logger()


@dataclass(frozen=True)
class SyncRequest:
    """What to sync, for which night, and how; `spool` is a folder of the caller's.

    `fingerprint` identifies the mart that was tested, for the ledger. `full` sends
    unchanged rows too; `only_refused` none but those refused before; `as_of` sends the
    values of an earlier night instead of the mart's. `approve` is the id of a plan
    that the brake stopped. `allow_older` sends a night although a later one was sent.
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
    only_refused: bool = False
    as_of: date | None = None
    approve: str | None = None
    allow_older: bool = False


def run(
    request: SyncRequest,
    settings: Settings,
    *,
    policy: SyncPolicy | None = None,
    tell: ProgressHook = tell_nobody,
) -> SyncResult:
    """Bring the object up to the mart; return what came of it.

    Raises `ConfigError` (settings, rights, mapping), `DataError` (the brake, answers
    that do not match, the mart's date), `TransientError` (busy, out of quota, a job
    still running). Whatever is raised, a later run goes on where this one stopped.
    """
    policy = policy or SyncPolicy()
    root = request.spool / request.mapping.object
    with spool.locked(root), errand_for(request, settings, policy=policy) as errand:
        errand = replace(errand, tell=tell)
        started_at = ledger.now()
        recovered = recovery.Recovered(0, 0, ())
        if not request.dry_run:
            recovered = recovery.finish(errand, spool_folder=root)
            recovery.close_unfinished(errand, env=request.env, version=request.version)
            recovery.sweep(errand, spool_folder=root)
        with closing(_workbook(errand)) as workbook:
            result = _bring_up(
                replace(request, full=request.full or bool(recovered.lost)),
                errand,
                workbook,
            )
            result = replace(
                result, started_at=started_at, recovered=recovered.accepted
            )
            outcome.write_rejects(workbook, errand.folder / spool.REJECTS)
            if not request.dry_run:
                _record(request, errand, workbook, result=result, recovered=recovered)
        if not request.dry_run and not policy.keep_spool:
            spool.clear(errand.folder)
    log.info("salesforce sync", **_told(result))
    return result


@contextmanager
def errand_for(
    request: SyncRequest, settings: Settings, *, policy: SyncPolicy
) -> Iterator[Errand]:
    """Log in and look at the object: what every command on it begins with."""
    mapping = request.mapping
    if policy.missing_rows == "flag":
        mapping = mapping.with_flag(policy.missing_flag_field)
    connection = client.connect(settings, policy.patience)
    try:
        destination = preflight.check(
            connection, mapping, expect_sandbox=settings.expect_sandbox
        )
        now = ledger.now()
        sync_id = f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:12]}"
        yield Errand(
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


def fill(request: SyncRequest, errand: Errand, workbook: Workbook) -> str:
    """Bring rows and state into the workbook and judge them; return the plan's id."""
    if request.as_of:
        diff.fill_as_of(workbook, errand, request.as_of)
    else:
        diff.fill(workbook, errand, data_date=request.data_date)
    diff.judge(workbook, errand, full=request.full)
    if request.only_refused:
        diff.only_refused(workbook)
    return circuit_breaker.plan_id(workbook, errand)


def _bring_up(request: SyncRequest, errand: Errand, workbook: Workbook) -> SyncResult:
    result = SyncResult(
        sync_id=errand.sync.sync_id,
        object=errand.mapping.object,
        data_date=errand.sync.data_date,
        status=outcome.SUCCESS,
        warnings=errand.destination.warnings,
    )
    if _is_superseded(request, errand):
        return replace(result, status=outcome.SUPERSEDED)
    plan = fill(request, errand, workbook)
    result = replace(result, plan_id=plan, verdicts=workbook.counts())
    if request.dry_run:
        return rehearsal.rehearse(errand, workbook, result)
    job_ids: list[str] = []
    policy = errand.policy
    if workbook.count_pending():
        circuit_breaker.check(workbook, errand, plan=plan, approved=request.approve)
        need = quota.needed(workbook, policy)
        quota.check(errand.client, need, reserve_ratio=policy.quota_reserve_ratio)
        job_ids = _send(errand, workbook)
    counts = outcome.counted(workbook)
    rows = sum(result.verdicts.values())
    status = outcome.status(counts, policy, rows=rows)
    if request.as_of and status == outcome.SUCCESS:
        status = outcome.ROLLED_BACK
    return replace(
        result,
        status=status,
        job_ids=tuple(job_ids),
        codes=outcome.codes(workbook),
        read_back=_read_back(errand, workbook),
        **counts,
    )


def _is_superseded(request: SyncRequest, errand: Errand) -> bool:
    """Say whether a later night was sent, whose values must not be overwritten."""
    if request.as_of or request.allow_older:
        return False
    with warehouse.session() as connection:
        newest = sync_state.newest_date(
            connection, errand.mapping.object, org_id=errand.sync.org_id
        )
    return newest is not None and newest > request.data_date


def _send(errand: Errand, workbook: Workbook) -> list[str]:
    """Send what is pending, and again what fails for a passing reason."""
    policy = errand.policy
    job_ids: list[str] = []
    for attempt in range(1, policy.send_attempts + 1):
        pending = workbook.count_pending()
        if not pending:
            break
        if attempt > 1:
            pause = policy.send_pause_seconds * 2 ** (attempt - 2)
            time.sleep(pause * random.uniform(0.5, 1.5))
        if pending <= policy.bulk_above_rows:
            composite.send(errand, workbook, attempt=attempt)
        else:
            job_ids += bulk.send(errand, workbook, attempt=attempt)
    return job_ids


def _read_back(errand: Errand, workbook: Workbook) -> verification.ReadBack | None:
    if not errand.policy.read_back_rows:
        return None
    found = verification.spot_check(
        errand.client,
        errand.destination,
        mapping=errand.mapping,
        workbook=workbook,
        sample=errand.policy.read_back_rows,
    )
    if found.differences:
        log.warning("salesforce holds other values", differences=found.differences)
    return found


def _workbook(errand: Errand) -> Workbook:
    return Workbook.create(errand.workbook_path, identity=errand.sync.told())


def _record(
    request: SyncRequest,
    errand: Errand,
    workbook: Workbook,
    *,
    result: SyncResult,
    recovered: recovery.Recovered,
) -> None:
    """Write the last row: the sync itself, with the rows that were never sent."""
    figures = {
        **result.figures(),
        "env": request.env,
        "version": request.version,
        "fingerprint": request.fingerprint,
    }
    never_sent = workbook.number("select count(*) from failures where chunk = 0")
    with bulk_rows.transaction(never_sent) as connection:
        ledger.record_failures(connection, errand.sync, workbook.failures(0))
        if not request.as_of:
            ledger.record_failures(connection, errand.sync, rejects.withdrawn(workbook))
        ledger.record_sync(connection, errand.sync, figures)
        if result.deferred or result.status == outcome.SUPERSEDED:
            return  # lost chunks stay open until all rows are known to have arrived
        for chunk in recovered.lost:
            ledger.set_chunk(
                connection,
                chunk.sync_id,
                chunk=chunk.chunk,
                state=ledger.ABANDONED,
                job_id=chunk.job_id,
            )


def _told(result: SyncResult) -> dict[str, object]:
    return {
        "sync_id": result.sync_id,
        "object": result.object,
        "data_date": str(result.data_date),
        **result.figures(),
        "codes": result.codes,
    }
