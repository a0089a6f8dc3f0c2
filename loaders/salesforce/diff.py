"""Compare the mart with what Salesforce last accepted and decide what to send.

The mart is streamed and rendered row by row into the staging database, next to the
values that the ledger has for each key. Each row then gets one action. These are sent:

- `create`: its key was never accepted
- `change`: its values differ from those last accepted
- `resend`: its values are equal, but `full` is set
- `missing`: it is no longer in the mart, and `missing_rows` is `blank` or `flag`

These are not sent:

- `unchanged`: its values are equal
- `rejected`: it cannot be rendered, or its key is not unique
- `held`: Salesforce rejected it permanently, and it has not changed since
- `skipped`: only rejected rows were requested, and this row was not rejected
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from loaders.salesforce import mart, sync_state
from loaders.salesforce.context import SyncContext
from loaders.salesforce.rows import payload_hash
from loaders.salesforce.staging_db import PENDING, StagingDb
from loaders.warehouse import Connection, bulk_rows


@dataclass(frozen=True)
class Change:
    """One row to send: its key, its action, and each changed field as (old, new)."""

    key: str
    action: str
    fields: dict[str, tuple[str | None, str | None]]


def load_rows(
    staging_db: StagingDb, context: SyncContext, *, data_date: date | None
) -> None:
    """Load the mart's rows and the ledger's state into the staging database.

    Raises `DataError` when `data_date` is given and a row of the mart has another data
    date. The warehouse connection is closed before Salesforce is used again.
    """
    with bulk_rows.session() as connection:
        mart.load_mart(staging_db, context, connection=connection, data_date=data_date)
        load_state(staging_db, context, connection)
    _create_indexes(staging_db)


def load_rows_as_of(staging_db: StagingDb, context: SyncContext, day: date) -> None:
    """Load the values accepted as of an earlier data date, and the current state.

    A key that had no accepted values by that date is not loaded, so its record does not
    change.
    """
    fold, version = context.destination.fold, context.sync.mapping_version
    names = {field.name for field in context.mapping.fields}

    def rows(connection: Connection) -> Iterator[tuple[str, str, str, str]]:
        for item in sync_state.read_accepted_as_of(
            connection,
            context.mapping.object,
            salesforce_org_id=context.sync.salesforce_org_id,
            day=day,
        ):
            mapped = {
                name: text
                for name, text in json.loads(item.payload).items()
                if name in names
            }
            payload = dump_payload(mapped)
            yield fold(item.key), item.key, payload_hash(payload, version), payload

    with bulk_rows.session() as connection:
        staging_db.execute_many(
            "insert into rows (folded_key, key, hash, payload) values (?, ?, ?, ?)",
            rows(connection),
        )
        load_state(staging_db, context, connection)
    _create_indexes(staging_db)


def load_state(
    staging_db: StagingDb, context: SyncContext, connection: Connection
) -> None:
    """Load what Salesforce last accepted and rejected for each key."""
    fold, mapping = context.destination.fold, context.mapping
    staging_db.execute_many(
        "insert into state (folded_key, key, hash, payload, accepted_at)"
        " values (?, ?, ?, ?, ?) on conflict (folded_key) do update set"
        " key = excluded.key, hash = excluded.hash, payload = excluded.payload,"
        " accepted_at = excluded.accepted_at"
        " where excluded.accepted_at > state.accepted_at",
        (
            (fold(item.key), item.key, item.hash, item.payload, str(item.accepted_at))
            for item in sync_state.read_accepted(
                connection,
                mapping.object,
                salesforce_org_id=context.sync.salesforce_org_id,
            )
        ),
    )
    staging_db.execute_many(
        "insert into state (folded_key, key, hash, payload, rejected_at, rejected_hash,"
        " outcome_unknown_at) values (?, ?, '', '{}', ?, ?, ?)"
        " on conflict (folded_key) do update set rejected_hash ="
        " iif(excluded.rejected_at > state.rejected_at, excluded.rejected_hash,"
        " state.rejected_hash),"
        " rejected_at = max(state.rejected_at, excluded.rejected_at),"
        " outcome_unknown_at ="
        " max(state.outcome_unknown_at, excluded.outcome_unknown_at)",
        (
            (
                fold(item.key),
                item.key,
                str(item.rejected_at or ""),
                "" if item.is_transient else item.hash,
                str(item.outcome_unknown_at or ""),
            )
            for item in sync_state.read_rejected(connection, mapping.object)
        ),
    )


def _create_indexes(staging_db: StagingDb) -> None:
    staging_db.execute("create index rows_by_key on rows (folded_key)")
    staging_db.execute("create index rows_by_chunk on rows (chunk, folded_key)")


def assign_actions(
    staging_db: StagingDb, context: SyncContext, *, full: bool = False
) -> None:
    """Set the action of every row; `full` sends unchanged rows as well."""
    _reject_duplicate_keys(staging_db)
    hold_rejected = context.policy.retry_permanent == "when_changed"
    staging_db.execute(
        "update rows set action = coalesce((select case"
        " when ? and state.rejected_hash = rows.hash"
        " and state.rejected_at > state.accepted_at then 'held'"
        " when state.hash = '' then 'create'"
        " when state.outcome_unknown_at > state.accepted_at then 'change'"
        " when state.hash = rows.hash then ?"
        " else 'change' end"
        " from state where state.folded_key = rows.folded_key), 'create')"
        " where action is null",
        hold_rejected,
        "resend" if full else "unchanged",
    )
    if context.policy.missing_rows != "none":
        _add_missing(staging_db, context)


def keep_only_rejected(staging_db: StagingDb) -> None:
    """Restrict the rows to send to those rejected before and not accepted since."""
    staging_db.execute("update rows set action = 'change' where action = 'held'")
    staging_db.execute(
        "update rows set action = 'skipped' where action in ('create', 'change')"
        " and folded_key not in"
        " (select folded_key from state where rejected_at > accepted_at)"
    )


def _reject_duplicate_keys(staging_db: StagingDb) -> None:
    """Reject every row whose key Salesforce treats as equal to another row's key."""
    duplicate = (
        "folded_key in (select folded_key from rows where folded_key != ''"
        " group by folded_key having count(*) > 1)"
    )
    staging_db.execute(
        "insert into failures select key, hash, 'DUPLICATE_KEY',"
        " 'Another row of the mart has the same key in Salesforce.', '', 0, 0, 0, ''"
        f" from rows where action is null and {duplicate}"
    )
    staging_db.execute(
        f"update rows set action = 'rejected' where action is null and {duplicate}"
    )


def _add_missing(staging_db: StagingDb, context: SyncContext) -> None:
    """Add a row for each accepted key that is no longer in the mart."""
    policy, version = context.policy, context.sync.mapping_version
    blank = {
        field.name: "false" if field.type == "checkbox" else None
        for field in context.mapping.fields
        if field.nulls == "clear" and field.name != context.mapping.external_id
    }
    staging_db.execute(
        "create temp table missing as select folded_key as missing_key from state"
        " where hash != '' and folded_key not in (select folded_key from rows)"
    )
    missing = staging_db.database.execute(
        "select folded_key, key, hash, payload, outcome_unknown_at > accepted_at"
        " from state inner join missing on state.folded_key = missing_key"
    )

    def rows() -> Iterator[tuple[str, str, str, str]]:
        for folded_key, key, accepted_hash, accepted, is_outcome_unknown in missing:
            if policy.missing_rows == "blank":
                payload = dump_payload(blank)
            else:
                values = json.loads(accepted)
                payload = dump_payload({**values, policy.missing_flag_field: "true"})
            new_hash = payload_hash(payload, version)
            if new_hash != accepted_hash or is_outcome_unknown:
                yield folded_key, key, new_hash, payload

    staging_db.execute_many(
        "insert into rows (folded_key, key, hash, payload, action)"
        " values (?, ?, ?, ?, 'missing')",
        rows(),
    )


def read_changes(
    staging_db: StagingDb, *, limit: int | None = None
) -> Iterator[Change]:
    """Yield the rows to send with their changed fields, in key order."""
    query = (
        "select rows.key, rows.action, rows.payload, coalesce(state.payload, '{}')"
        " from rows left join state on state.folded_key = rows.folded_key"
        f" where {PENDING} order by rows.folded_key limit ?"
    )
    for key, action, new, old in staging_db.database.execute(
        query, [-1 if limit is None else limit]
    ):
        before, after = json.loads(old), json.loads(new)
        yield Change(
            key,
            action,
            {
                name: (before.get(name), text)
                for name, text in after.items()
                if before.get(name) != text
            },
        )


def dump_payload(payload: dict[str, str | None]) -> str:
    """Return a payload as JSON text in the exact form that is hashed."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
