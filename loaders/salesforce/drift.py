"""Drift: records of ours that somebody deleted or edited in Salesforce.

A record drifts when it no longer has the values that were last accepted for its key.
Every sync looks at few records: those that others modified or deleted since the last
check, and those known to drift. All are compared on request, if more are missing than
these explain, or if it is not known what a sync wrote. Only rows of the mart count.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from loaders.errors import NightshiftError
from loaders.ledger import now
from loaders.ledger.drift import (
    DELETED,
    EDITED,
    RESOLVED,
    Drift,
    DriftedRecord,
    read_last_check,
    read_open_drift,
)
from loaders.salesforce import mart_sql, state
from loaders.salesforce.context import SyncContext
from loaders.salesforce.staging_db import UNMATCHED, StagingDb
from loaders.salesforce_api import records
from loaders.warehouse import bulk_rows

SENDER = "-- loaders.salesforce.drift"
KEYS = "salesforce_keys"  # a temporary table of the warehouse
# A transaction may commit some minutes after the time that its records get.
OVERLAP = timedelta(hours=1)
MAX_READ_BY_KEY = 10_000  # more records are read page by page
MAX_EXAMPLES, MAX_FIELDS_LENGTH = 1_000, 4_000
# `records` were read from Salesforce, `suspects` may not exist there any more.
TABLES = """
create or replace table local.records
(folded_key varchar, content varchar, modified_by varchar, modified_at varchar);
create or replace table local.suspects
(folded_key varchar, key varchar, modified_by varchar, modified_at varchar);
create or replace table local.open_drift
(folded_key varchar, key varchar, kind varchar, fields varchar);
create or replace table local.drift
(folded_key varchar, key varchar, kind varchar, fields varchar,
modified_by varchar, modified_at varchar, is_repaired boolean default false);
"""
AUDIT = ("modified_by", "modified_at")
COLUMNS = ("key", "kind", "fields", *AUDIT)
FOUND = "select folded_key from local.records"
SUSPECTS = "select folded_key from local.suspects"
CANDIDATES = f"{FOUND} union {SUSPECTS}"
# What differs from the drift that is known.
CHANGES = (
    f"select {', '.join(COLUMNS)} from local.drift as drift where not exists"
    " (select 1 from local.open_drift as known where known.kind = drift.kind"
    " and known.folded_key = drift.folded_key and known.fields = drift.fields)"
    f" union all select key, '{RESOLVED}', '', '', '' from local.open_drift"
    " where folded_key not in (select folded_key from local.drift)"
)

log = structlog.get_logger()


def find(
    context: SyncContext, staging_db: StagingDb, *, is_complete: bool = False
) -> Drift:
    """Find the records that drift, and stage them.

    With `is_complete`, all records are compared, and an error is raised. Otherwise it
    is part of the result, because a sync does not need the check.
    """
    try:
        return _find(context, staging_db, is_complete=is_complete)
    except NightshiftError as error:
        if is_complete:
            raise
        log.warning("salesforce drift not checked", error=str(error))
        staging_db.execute(TABLES)
        return Drift(error=str(error))
    finally:
        staging_db.execute("delete from local.state")
        staging_db.execute("delete from local.rejects")


def without_repaired(staging_db: StagingDb, drift: Drift) -> Drift:
    """Return the drift without rows that were sent again or are unmatched now."""
    staging_db.execute(
        "update local.drift set is_repaired = true where folded_key in (select"
        f" folded_key from local.rows where outcome = 'accepted' or {UNMATCHED})"
    )
    return replace(drift, **_summary(staging_db))


def record(context: SyncContext, staging_db: StagingDb, drift: Drift) -> None:
    """Record a check, and for which keys it found something new."""
    constants: dict[str, object] = {
        "object": context.scope.object,
        "salesforce_org_id": context.scope.salesforce_org_id,
        "sync_id": context.sync.sync_id,
        "run_id": context.sync.run_id,
        "found_at": drift.found_at,
    }
    names = ("deleted", "edited", "is_complete", "other_records", "checked_until")
    check = {**constants, **{name: getattr(drift, name) for name in names}}
    rows = staging_db.query_int(f"select count(*) from ({CHANGES}) as changes")
    with staging_db.ledger_transaction(rows) as connection:
        checks = connection.table("ops", "salesforce_drift_checks")
        connection.insert(checks, list(check), [list(check.values())])
        staging_db.append(
            connection,
            connection.table("ops", "salesforce_drift"),
            [*constants, *COLUMNS],
            f"select {', '.join('?' for _ in constants)}, {', '.join(COLUMNS)}"
            f" from ({CHANGES}) as changes",
            parameters=[str(value) for value in constants.values()],
            rows=rows,
        )


def _find(context: SyncContext, staging_db: StagingDb, *, is_complete: bool) -> Drift:
    client, mapping, scope = context.client, context.mapping, context.scope
    found_at = now()
    staging_db.execute(TABLES)
    with bulk_rows.session() as connection:
        state.catch_up(connection, scope)
        accepted = state.count(connection, scope)
        is_complete |= state.has_unknown_outcomes(connection, scope)
        of_object = (scope.object, scope.salesforce_org_id)
        last = read_last_check(connection, *of_object)
        known = read_open_drift(connection, *of_object, fold=scope.fold)
    staging_db.insert("open_drift", ("folded_key", "key", "kind", "fields"), known)
    newest = records.newest_change(client, mapping)
    count = client.count(mapping.object, f"{mapping.external_id} != null")
    if accepted:
        missing = last.other_records + accepted - count
        if is_complete or not _compare_few(context, staging_db, last, missing=missing):
            is_complete = True
            _compare_all(context, staging_db)
    summary = _summary(staging_db)
    return Drift(
        **summary,
        is_complete=is_complete,
        other_records=count - accepted + summary[DELETED],
        checked_until=newest or last.checked_until,
        found_at=found_at,
    )


def _compare_few(
    context: SyncContext, staging_db: StagingDb, last: Drift, *, missing: int
) -> bool:
    """Compare the records that others modified; False if that is not sufficient.

    `missing` is how many records fewer there are than the last check lets expect.
    """
    client, mapping, fold = context.client, context.mapping, context.destination.fold
    key, limit = mapping.external_id, MAX_READ_BY_KEY
    since = last.checked_until and last.checked_until - OVERLAP
    deleted = list(records.fetch_deleted(client, mapping, since=since, limit=limit))
    if len(deleted) == limit:
        return False
    user = client.user_id()
    modified = records.fetch_modified(client, mapping, since=since, except_by=user)
    _stage_records(context, staging_db, modified)
    suspects = [
        (fold(item[key]), item[key], *records.content_and_audit(item, mapping)[1:])
        for item in deleted
    ]
    staging_db.insert("suspects", ("folded_key", "key", *AUDIT), suspects)
    staging_db.execute(
        "insert into local.suspects select folded_key, key, '', ''"
        f" from local.open_drift where folded_key not in ({SUSPECTS})"
    )
    if not _read_suspects(context, staging_db):
        return False
    if staging_db.query_int(f"select count(*) from ({CANDIDATES}) as candidates"):
        _load_state(context, staging_db, only_candidates=True)
        _stage_drift(context, staging_db, f"and state.folded_key in ({CANDIDATES})")
    since = last.checked_until
    gone = [item for item in deleted if not since or records.changed_at(item) > since]
    known = staging_db.query(f"{FOUND} union select folded_key from local.state")
    # Neither there again nor in the mart.
    others = {fold(item[key]) for item in gone} - {name for (name,) in known}
    return missing <= len(others) + int(_summary(staging_db)[DELETED])


def _compare_all(context: SyncContext, staging_db: StagingDb) -> None:
    """Compare all records; read those again by key that seem to be missing."""
    for table in ("records", "suspects", "drift", "state", "rejects"):
        staging_db.execute(f"delete from local.{table}")
    found = records.fetch_modified(context.client, context.mapping)
    _stage_records(context, staging_db, found)
    _load_state(context, staging_db)
    staging_db.execute(
        "insert into local.suspects select folded_key, key, '', '' from local.state"
        f" where hash != '' and folded_key not in ({CANDIDATES})"
    )
    _read_suspects(context, staging_db)
    _stage_drift(context, staging_db)


def _read_suspects(context: SyncContext, staging_db: StagingDb) -> bool:
    """Read the suspects by key, because they may exist again; False if too many."""
    suspects = staging_db.query(
        f"select distinct key from local.suspects limit {MAX_READ_BY_KEY + 1}"
    )
    if len(suspects) > MAX_READ_BY_KEY:
        return False
    keys = (key for (key,) in suspects)
    found = records.fetch_records(context.client, context.mapping, keys, audit=True)
    staging_db.execute(f"delete from local.records where folded_key in ({SUSPECTS})")
    _stage_records(context, staging_db, found)
    return True


def _stage_records(
    context: SyncContext, staging_db: StagingDb, items: Iterable[dict[str, Any]]
) -> None:
    key, fold = context.mapping.external_id, context.destination.fold
    rows = (
        (fold(item[key]), *records.content_and_audit(item, context.mapping))
        for item in items
    )
    staging_db.insert("records", ("folded_key", "content", *AUDIT), rows)


def _load_state(
    context: SyncContext, staging_db: StagingDb, *, only_candidates: bool = False
) -> None:
    """Stage what was accepted for the keys of the mart, or for the candidates."""
    scope = context.scope
    key = scope.fold("accepted.key")
    with bulk_rows.session() as connection, staging_db.attached_to(connection):
        mart = mart_sql.read_mart(connection, context.mapping)
        condition = f"{key} in (select {scope.fold(mart.key)} from {mart.table})"
        drop = f"{SENDER} drop keys\ndrop table if exists {KEYS}"
        connection.execute(drop)
        if only_candidates:
            create = f"{SENDER} create keys\ncreate temp table {KEYS}"
            connection.execute(f"{create} (key varchar(256))")
            rows = staging_db.query_int(f"select count(*) from ({CANDIDATES}) as keys")
            staging_db.append(connection, KEYS, ("key",), CANDIDATES, rows=rows)
            condition += f" and {key} in (select key from {KEYS})"
        state.load(staging_db, connection, scope, condition=condition)
        connection.execute(drop)


def _stage_drift(
    context: SyncContext, staging_db: StagingDb, condition: str = ""
) -> None:
    """Compare the staged records with what was accepted for their keys.

    Keys whose last outcome is unknown are left out: they are sent again anyway. Of
    several records with one key, the last modified one is compared.
    """

    def rows() -> Iterator[tuple[str, ...]]:
        for folded_key, key, payload, content, *audit in staging_db.stream(
            "select state.folded_key, state.key, payload, coalesce(content, ''),"
            " coalesce(records.modified_by, suspects.modified_by, ''),"
            " coalesce(records.modified_at, suspects.modified_at, '')"
            " from local.state as state left join local.records as records"
            " on records.folded_key = state.folded_key"
            " left join local.suspects as suspects"
            " on suspects.folded_key = state.folded_key"
            f" where hash != '' and outcome_unknown_at <= accepted_at {condition}"
            " qualify row_number() over (partition by state.folded_key order by"
            " records.modified_at desc, suspects.modified_at desc) = 1"
        ):
            if not content:
                yield folded_key, key, DELETED, "", *audit
                continue
            differences = records.find_differences(
                json.loads(content), json.loads(payload), mapping=context.mapping
            )
            if differences:
                fields = "; ".join(differences)[:MAX_FIELDS_LENGTH]
                yield folded_key, key, EDITED, fields, *audit

    staging_db.insert("drift", ("folded_key", *COLUMNS), rows())


def _summary(staging_db: StagingDb) -> dict[str, Any]:
    """Return the counts of `Drift` and its first records."""
    drifting = "from local.drift where not is_repaired"
    counts = dict(staging_db.query(f"select kind, count(*) {drifting} group by 1"))
    found = staging_db.query(
        f"select {', '.join(COLUMNS)} {drifting} order by key limit {MAX_EXAMPLES}"
    )
    return {
        **{kind: counts.get(kind, 0) for kind in (DELETED, EDITED)},
        "records": tuple(DriftedRecord(*row) for row in found),
    }
