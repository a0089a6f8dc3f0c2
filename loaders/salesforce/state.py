"""Read the state of a Salesforce object: what was last accepted and rejected.

The state of a key is what a Salesforce org last accepted for it, from
`ops.salesforce_state`; its values are in the row of `ops.salesforce_rows` that the
state was made from. Nothing here needs a login.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from loaders import warehouse
from loaders.ledger.salesforce import (
    INTERRUPTED,
    OUTCOME_UNKNOWN,
    WITHDRAWN,
    json_text,
)
from loaders.salesforce.ledger import Scope
from loaders.salesforce.staging_db import NEVER, StagingDb
from loaders.warehouse import Connection, literal

SENDER = "-- loaders.salesforce.state"
STATE_COLUMNS = "key, payload_hash, salesforce_id, sync_id, data_date, accepted_at"
# Hashes of earlier versions; they are computed again from the payload.
OLD_HASH_LENGTH = 32
WANTED = "salesforce_wanted"  # a temporary table: the state to stage


def catch_up(connection: Connection, scope: Scope) -> None:
    """Add to the state what the log of accepted rows has and the state lacks.

    That is all of it in a warehouse that had no state table. A chunk is recorded in
    both tables by one transaction, so there is otherwise nothing to do.
    """
    log = connection.table("ops", "salesforce_rows")
    state = connection.table("ops", "salesforce_state")
    of_log = f"{scope.salesforce_org_id}/%"
    ((logged, known),) = connection.fetch_all(
        f"{SENDER} newest\nselect"
        f" (select max(accepted_at) from {log}"
        " where object = ? and mapping_version like ?),"
        f" (select max(accepted_at) from {state}"
        " where object = ? and salesforce_org_id = ?)",
        [scope.object, of_log, scope.object, scope.salesforce_org_id],
    )
    if logged is None or (known is not None and logged <= known):
        return
    newer = f"from {log} where object = ? and mapping_version like ?"
    parameters: list[object] = [scope.object, of_log]
    if known is not None:
        newer += " and accepted_at > ?"
        parameters.append(known)
    key = scope.fold("key")
    with warehouse.transaction_on(connection):
        if known is not None:
            connection.execute(
                f"{SENDER} remove older\ndelete from {state} where object = ? and"
                f" salesforce_org_id = ? and {key} in (select {key} {newer})",
                [scope.object, scope.salesforce_org_id, *parameters],
            )
        connection.execute(
            f"""{SENDER} catch up
insert into {state} (object, salesforce_org_id, source_hash, {STATE_COLUMNS})
select
    {literal(scope.object)}, {literal(scope.salesforce_org_id)}, '', {STATE_COLUMNS}
from (
    select
        {STATE_COLUMNS},
        row_number() over (partition by {key} order by accepted_at desc) as recency
    {newer}
) as accepted
where recency = 1""",
            parameters,
        )


def count(connection: Connection, scope: Scope) -> int:
    """Return the number of keys that this org accepted."""
    ((keys,),) = connection.fetch_all(
        f"{SENDER} count\nselect count(*) "
        f"from {connection.table('ops', 'salesforce_state')} "
        "where object = ? and salesforce_org_id = ? and payload_hash != ''",
        [scope.object, scope.salesforce_org_id],
    )
    return int(keys)


def has_unknown_outcomes(connection: Connection, scope: Scope) -> bool:
    """Return whether it is open for a key if its last values were accepted."""
    rejected, parameters = _rejected(connection, scope)
    key = scope.fold("rejected.key")
    ((keys,),) = connection.fetch_all(
        f"""{SENDER} unknown outcomes
select count(*)
from ({rejected}) as rejected
left join {connection.table("ops", "salesforce_state")} as accepted
    on {scope.fold("accepted.key")} = {key}
    and accepted.object = ? and accepted.salesforce_org_id = ?
where
    rejected.open_rejected_at = rejected.outcome_unknown_at
    and (
        accepted.accepted_at is null
        or rejected.outcome_unknown_at > accepted.accepted_at
    )""",
        [*parameters, scope.object, scope.salesforce_org_id],
    )
    return int(keys) > 0


def load(
    staging_db: StagingDb, connection: Connection, scope: Scope, *, condition: str = ""
) -> None:
    """Stage what the org last accepted and rejected for each key.

    `condition` selects keys of `accepted`; those that were rejected are always staged.
    The staging database must be attached if the warehouse can do that.
    """
    rejected, rejected_parameters = _rejected(connection, scope)
    parameters: list[object] = [scope.object, scope.salesforce_org_id]
    if condition:
        key = scope.fold("accepted.key")
        condition = (
            f"and ({condition} or {key} in (select {scope.fold('key')}"
            f" from ({rejected}) as rejected))"
        )
        parameters += rejected_parameters
    # A small table first: the join must not keep the values of all keys in memory.
    connection.execute(f"{SENDER} drop wanted\ndrop table if exists {WANTED}")
    connection.execute(
        f"{SENDER} create wanted\ncreate temp table {WANTED} "
        "(key varchar(256), payload_hash varchar(64), sync_id varchar(64), "
        "accepted_at timestamp)"
    )
    connection.execute(
        f"""{SENDER} wanted {scope.object}
insert into {WANTED}
select accepted.key, accepted.payload_hash, accepted.sync_id, accepted.accepted_at
from {connection.table("ops", "salesforce_state")} as accepted
where accepted.object = ? and accepted.salesforce_org_id = ? {condition}""",
        parameters,
    )
    staging_db.fill(
        connection,
        "state",
        ("key", "hash", "payload", "accepted_at", "mapping_version"),
        f"""select
    wanted.key, wanted.payload_hash, logged.payload, wanted.accepted_at,
    logged.mapping_version
from {WANTED} as wanted
inner join {connection.table("ops", "salesforce_rows")} as logged
    on wanted.key = logged.key
    and wanted.sync_id = logged.sync_id
    and wanted.accepted_at = logged.accepted_at
where logged.object = ?""",
        [scope.object],
        convert=_without_nulls,
    )
    connection.execute(f"{SENDER} drop wanted\ndrop table {WANTED}")
    rejects = [
        (key, rejected_at or NEVER, unknown_at or NEVER)
        for key, rejected_at, unknown_at in connection.fetch_all(
            f"{SENDER} rejected {scope.object}\n{rejected}", rejected_parameters
        )
    ]
    columns = ("key", "rejected_at", "outcome_unknown_at")
    staging_db.insert("rejects", columns, rejects)
    _combine(staging_db, scope)


def _without_nulls(row: Sequence[Any]) -> Sequence[object]:
    key, payload_hash, payload, accepted_at, mapping_version = row
    return key, payload_hash, json_text(payload), accepted_at, mapping_version


def _combine(staging_db: StagingDb, scope: Scope) -> None:
    """Fold the keys, keep the latest row of each, and add the rejects."""
    fold = scope.fold("key")
    for statement in (
        f"update local.state set folded_key = {fold}",
        # The record no longer exists; a new one has none of the values.
        "update local.state set payload = '{}' where hash = ''",
        "update local.state set hash = sha256(mapping_version || chr(10) || payload)"
        f" where length(hash) = {OLD_HASH_LENGTH}",
        "delete from local.state where exists (select 1 from local.state as other"
        " where other.folded_key = state.folded_key"
        " and other.accepted_at > state.accepted_at)",
        f"update local.rejects set folded_key = {fold}",
        "update local.state set rejected_at = rejects.rejected_at,"
        " outcome_unknown_at = rejects.outcome_unknown_at from local.rejects as rejects"
        " where rejects.folded_key = state.folded_key",
        "insert into local.state (folded_key, key, rejected_at, outcome_unknown_at)"
        " select folded_key, max(key), max(rejected_at), max(outcome_unknown_at)"
        " from local.rejects where folded_key not in"
        " (select folded_key from local.state) group by 1",
    ):
        staging_db.execute(statement)


def _rejected(connection: Connection, scope: Scope) -> tuple[str, list[object]]:
    """Return a query for keys with an open reject or an outcome once unknown.

    A withdrawn reject has no time; it does not change when the outcome was unknown.
    Rejects of earlier versions have no org and belong to all.
    """
    query = f"""select key, open_rejected_at, outcome_unknown_at
from (
    select
        *,
        case when code != ? then rejected_at end as open_rejected_at,
        max(case when code = ? then rejected_at end) over (
            partition by key
        ) as outcome_unknown_at,
        row_number() over (
            partition by key order by rejected_at desc, attempt desc
        ) as recency
    from {connection.table("ops", "salesforce_rejects")}
    where object = ? and coalesce(salesforce_org_id, ?) = ?
) as rejects
where recency = 1 and coalesce(open_rejected_at, outcome_unknown_at) is not null"""
    org = scope.salesforce_org_id
    return query, [WITHDRAWN, OUTCOME_UNKNOWN, scope.object, org, org]


def reopened_keys(connection: Connection, scope: Scope) -> tuple[str, list[object]]:
    """Return a query for the folded keys rejected since they were last accepted."""
    rejected, parameters = _rejected(connection, scope)
    accepted, key = scope.fold("accepted.key"), scope.fold("rejected.key")
    query = f"""select {key}
from ({rejected}) as rejected
left join {connection.table("ops", "salesforce_state")} as accepted
    on {accepted} = {key} and accepted.object = ? and accepted.salesforce_org_id = ?
where
    accepted.accepted_at is null
    or rejected.open_rejected_at > accepted.accepted_at
    or rejected.outcome_unknown_at > accepted.accepted_at"""
    return query, [*parameters, scope.object, scope.salesforce_org_id]


def read_accepted_as_of(
    connection: Connection, scope: Scope, day: date
) -> Iterator[tuple[str, str]]:
    """Yield (key, payload) of the values accepted for a data date or the last before.

    If there are several rows for one data date, the last accepted one is used.
    """
    query = f"""{SENDER} accepted as of {scope.object}
select key, payload
from (
    select *, row_number() over (
        partition by {scope.fold("key")} order by data_date desc, accepted_at desc
    ) as recency
    from {connection.table("ops", "salesforce_rows")}
    where object = ? and mapping_version like ? and data_date <= ?
) as accepted
where recency = 1"""
    for batch in connection.stream(
        query, [scope.object, f"{scope.salesforce_org_id}/%", day]
    ):
        for key, payload in batch:
            yield key, json_text(payload)


def has_completed_sync(connection: Connection, scope: Scope) -> bool:
    """Return whether a sync to this Salesforce org completed, even with rejects."""
    row = connection.fetch_one(
        f"{SENDER} has completed sync\n"
        f"select count(*) from {connection.table('ops', 'salesforce_syncs')} "
        "where object = ? and status != ? and sync_id in (select sync_id "
        f"from {connection.table('ops', 'salesforce_rows')} "
        "where mapping_version like ?)",
        [scope.object, INTERRUPTED, f"{scope.salesforce_org_id}/%"],
    )
    return bool(row and row[0])


def newest_data_date(connection: Connection, scope: Scope) -> date | None:
    """Return the latest data date for which this org accepted rows."""
    row = connection.fetch_one(
        f"{SENDER} newest data date\n"
        f"select max(data_date) from {connection.table('ops', 'salesforce_rows')} "
        "where object = ? and mapping_version like ?",
        [scope.object, f"{scope.salesforce_org_id}/%"],
    )
    return row[0] if row else None
