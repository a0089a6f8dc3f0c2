"""Compare the mart with what Salesforce last accepted and decide what to send.

One query in the warehouse finds the rows that may have to be sent: the hash of their
values differs from the one accepted, or their key is new, occurs twice or was rejected.
Only these are rendered and staged, next to what the ledgers have for their keys. Each
staged row gets one action; all other rows are unchanged. These are sent:

- `create`: its key was never accepted
- `change`: its rendered values differ from those last accepted
- `resend`: its rendered values are equal, but `full` is set
- `missing`: it is no longer in the mart, and `missing_rows` is `blank` or `flag`

These are not sent:

- `unchanged`: its rendered values are equal
- `rejected`: it cannot be rendered, or its key is not unique
- `held`: Salesforce rejected it permanently, and it has not changed since
- `skipped`: only rejected rows were requested, and this row was not rejected
- `unmatched`, `gone`: there is no record to update (see `pairing`)
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date

from loaders import warehouse
from loaders.ledger.salesforce import latest_rejects
from loaders.salesforce import ledger, mart_sql, state
from loaders.salesforce.context import Progress, SyncContext
from loaders.salesforce.mart_sql import Mart
from loaders.salesforce.staging_db import SENDABLE, StagingDb
from loaders.salesforce_api import row_errors
from loaders.salesforce_api.rows import (
    RejectedRow,
    RowRenderer,
    csv_line,
    dump_payload,
    payload_hash,
)
from loaders.warehouse import Connection, bulk_rows, identifier

ROW_COLUMNS = ("key", "source_hash", "hash", "payload", "line", "action")
DECIMAL_TYPES = ("decimal", "numeric")
COMPARE_THREADS = 2  # each row of the mart is hashed
DECIMAL_TEXT_LENGTH = 64  # longer than any decimal with its sign and point


def load_rows(
    staging_db: StagingDb,
    context: SyncContext,
    *,
    data_date: date | None,
    full: bool = False,
    with_missing: bool = False,
) -> None:
    """Stage the rows of the mart that may have to be sent, and their keys' state.

    With `full`, all rows are staged, and `with_missing` the state of all keys that are
    not in the mart. Raises `DataError` when `data_date` is given and
    a row of the mart has another data date.
    """
    scope = context.scope
    with bulk_rows.session(threads=COMPARE_THREADS) as connection:
        state.catch_up(connection, scope)
        mart = mart_sql.read_mart(connection, context.mapping)
        mart_rows = mart_sql.count_rows(connection, mart, data_date)
        sent_before = state.count(connection, scope)
        is_delta = not full and sent_before > 0
        with staging_db.attached_to(connection) as is_attached, ExitStack() as stack:
            rows = _MartRows(connection, mart, context, staging_db)
            if is_delta:
                stack.enter_context(
                    mart_sql.delta(connection, mart, context.sync, scope)
                )
                if not rows.stage(is_delta=True, in_sql=is_attached):
                    staging_db.execute("delete from local.rows")
                    is_delta = False
            if not is_delta:
                rows.stage(is_delta=False, in_sql=is_attached)
            staging_db.execute(
                "insert into local.totals values (?, ?, ?)",
                *(mart_rows, sent_before, not is_delta),
            )
            condition = ""
            if is_delta:
                condition = mart_sql.staged_keys(mart, scope, with_missing=with_missing)
            state.load(staging_db, connection, scope, condition=condition)
        context.on_progress(Progress("compare", mart_rows, mart_rows))
    _finish_rows(staging_db, context)


def load_rows_as_of(staging_db: StagingDb, context: SyncContext, day: date) -> None:
    """Stage the values accepted as of an earlier data date, and the current state.

    A key without accepted values by that date is left out, and so is its record.
    """
    mapping, version = context.mapping, context.sync.mapping_version
    names = {field.name for field in mapping.fields}

    def rows(connection: Connection) -> Iterator[tuple[object, ...]]:
        for key, accepted in state.read_accepted_as_of(connection, context.scope, day):
            mapped = {
                name: text
                for name, text in json.loads(accepted).items()
                if name in names
            }
            payload = dump_payload(mapped)
            line = csv_line(key, payload, mapping)
            yield key, "", payload_hash(payload, version), payload, line, ""

    with bulk_rows.session() as connection:
        state.catch_up(connection, context.scope)
        count = staging_db.insert("rows", ROW_COLUMNS, rows(connection))
        sent_before = state.count(connection, context.scope)
        staging_db.execute(
            "insert into local.totals values (?, ?, true)", count, sent_before
        )
        with staging_db.attached_to(connection):
            state.load(staging_db, connection, context.scope)
    _finish_rows(staging_db, context)


class _MartRows:
    """Renders and stages rows of the mart."""

    def __init__(
        self,
        connection: Connection,
        mart: Mart,
        context: SyncContext,
        staging_db: StagingDb,
    ) -> None:
        self._connection = connection
        self._mart = mart
        self._version = context.sync.mapping_version
        self._is_case_sensitive = context.destination.is_key_case_sensitive
        self._staging_db = staging_db
        self._has_other_key = False

    def stage(self, *, is_delta: bool, in_sql: bool) -> bool:
        """Stage the rows of the delta or all rows; return whether none is lacking.

        A key that is sent in another form than the mart has may be equal to the key of
        a row that is not in the delta.
        """
        source = mart_sql.source_rows(self._mart, self._version, is_delta=is_delta)
        plain = mart_sql.plain_condition(self._mart) if in_sql else None
        if plain:
            rendered = mart_sql.rendered_rows(
                self._mart,
                self._version,
                f"select * from ({source}) as mart where {plain}",
            )
            self._staging_db.execute(
                "insert into local.rows (key, source_hash, hash, payload, line)"
                f" {rendered}"
            )
            source = f"select * from ({source}) as source where not ({plain})"
        self._staging_db.insert("rows", ROW_COLUMNS, self._render_rows(source))
        return not (is_delta and self._has_other_key)

    def _render_rows(self, source: str) -> Iterator[tuple[object, ...]]:
        mapping = self._mart.mapping
        columns = [field.column for field in mapping.fields if field.column]
        types = self._mart.types.items()
        decimals = {name for name, kind in types if kind.startswith(DECIMAL_TYPES)}
        # Drivers return text ten times as fast as decimals.
        selected = ", ".join(
            f"cast({identifier(name)} as varchar({DECIMAL_TEXT_LENGTH}))"
            if name in decimals
            else identifier(name)
            for name in columns
        )
        query = (
            f"-- loaders.salesforce.compare {mapping.model}\n"
            f"select {selected}, source_hash from ({source}) as source"
        )
        flag = (False,) * (len(mapping.fields) - len(columns))
        render = RowRenderer(mapping, self._version, decimals=decimals)
        for batch in self._connection.stream(query):
            for *values, source_hash in batch:
                row = render((*values, *flag))
                if isinstance(row, RejectedRow):
                    reason = json.dumps([row.code, row.message, row.fields, row.cause])
                    yield row.key, source_hash, row.hash, reason, "", "rejected"
                    continue
                self._check_key(values[mapping.key_position], row.key)
                yield row.key, source_hash, row.hash, row.payload, row.line, ""

    def _check_key(self, value: object, key: str) -> None:
        if str(value) != key or (
            not key.isascii() and not self._is_case_sensitive and key.lower().isascii()
        ):
            self._has_other_key = True


def _finish_rows(staging_db: StagingDb, context: SyncContext) -> None:
    """Fold the keys, and turn rejected and duplicate rows into failures."""
    fold = context.scope.fold("key")
    with staging_db.transaction():
        staging_db.execute(
            f"update local.rows set folded_key = {fold}, action = nullif(action, '')"
        )
        staging_db.execute(
            "insert into local.failures select key, hash, payload ->> 0, payload ->> 1,"
            " payload ->> 2, false, 0, 0, '', payload ->> 3"
            " from local.rows where action = 'rejected'"
        )
        staging_db.execute(
            "update local.rows set payload = '{}' where action = 'rejected'"
        )
        staging_db.execute(
            "create or replace temp table duplicates as select folded_key"
            " from local.rows where folded_key != '' group by 1 having count(*) > 1"
        )
        duplicate = (
            "action is null and folded_key in (select folded_key from duplicates)"
        )
        staging_db.execute(
            "insert into local.failures select key, hash, 'DUPLICATE_KEY',"
            " 'Another row of the mart has the same key in Salesforce.', '', false, 0,"
            f" 0, '', sha256('DUPLICATE_KEY') from local.rows where {duplicate}"
        )
        staging_db.execute(
            f"update local.rows set action = 'rejected' where {duplicate}"
        )


def assign_actions(
    staging_db: StagingDb,
    context: SyncContext,
    *,
    full: bool = False,
) -> None:
    """Set the action of every row; `full` sends unchanged rows as well."""
    with staging_db.transaction():
        staging_db.execute(
            "update local.rows set action = case"
            " when state.hash = '' then 'create'"
            " when state.outcome_unknown_at > state.accepted_at then 'change'"
            " when state.hash = rows.hash then ?"
            " else 'change' end"
            " from local.state as state where action is null"
            " and state.folded_key = rows.folded_key",
            "resend" if full else "unchanged",
        )
        staging_db.execute(
            "update local.rows set action = 'create' where action is null"
        )
    if context.policy.retry_permanent == "when_changed":
        _hold_rejected(staging_db, context)


def _hold_rejected(staging_db: StagingDb, context: SyncContext) -> None:
    """Hold the rows whose last, permanent reject still has the same cause.

    If it names no field, any change of the row may be sufficient.
    """
    scope = context.scope
    with warehouse.session() as connection:
        rejects = latest_rejects(
            connection, scope.object, salesforce_org_id=scope.salesforce_org_id
        )
    names = ("key", "hash", "code", "fields", "message", "cause_hash", "rejected_at")
    columns = ", ".join(f"{name} varchar" for name in names)
    staging_db.execute(f"create or replace table local.latest_rejects ({columns})")
    staging_db.insert("latest_rejects", names, rejects)
    cause = row_errors.cause_sql("code", "fields", "message", "rows.payload")
    cause = ledger.cause_hash(context.sync, cause)
    staging_db.execute(
        "update local.rows set action = 'held' from local.latest_rejects as rejects,"
        f" local.state as state where {SENDABLE}"
        " and cast(rejects.rejected_at as timestamp) > accepted_at"
        " and state.folded_key = rows.folded_key"
        f" and {scope.fold('rejects.key')} = rows.folded_key"
        f" and cause_hash = {cause} and (rejects.hash = rows.hash or fields != '')"
    )


def keep_only_rejected(staging_db: StagingDb) -> None:
    """Restrict the rows to send to those rejected before and not accepted since."""
    staging_db.execute("update local.rows set action = 'change' where action = 'held'")
    staging_db.execute(
        "update local.rows set action = 'skipped' where action in ('create', 'change')"
        " and folded_key not in"
        " (select folded_key from local.state where rejected_at > accepted_at)"
    )


def keep_only_drifted(staging_db: StagingDb) -> None:
    """Restrict the rows to send to those whose record drifts (see `drift`)."""
    staging_db.execute(
        "update local.rows set action = 'skipped' where action in"
        " ('create', 'change', 'resend', 'missing') and folded_key not in"
        " (select folded_key from local.drift)"
    )
