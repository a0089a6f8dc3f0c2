"""The ledger `ops.schema_changes`: columns that were added or kept, and unknown keys.

Its rows are written beside the change itself, in the same transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from loaders.warehouse.connection import Connection

TABLE = "schema_changes"
ADDED, KEPT, DECLARED_AGAIN = "added", "kept", "declared again"
UNKNOWN_KEY = "unknown key"


@dataclass(frozen=True)
class Change:
    """A row of the ledger without its time and run.

    `table` is the schema and table without a prefix. `dt` and `records` belong to an
    unknown key. Its values are not recorded: they may be personal data.
    """

    table: str
    column: str
    change: str
    data_type: str
    dt: date | None = None
    records: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The table and the column."""
        return self.table, self.column


def record(
    connection: Connection, changes: Sequence[Change], *, run_id: str | None
) -> None:
    """Append a row for each change."""
    columns = ["changed_at", "table_name", "column_name", "change", "data_type"]
    columns += ["dt", "records", "run_id"]
    changed_at = datetime.now(UTC).replace(tzinfo=None)
    rows = [
        (
            *(changed_at, change.table, change.column, change.change),
            *(change.data_type, change.dt, change.records, run_id),
        )
        for change in changes
    ]
    connection.insert(connection.table("ops", TABLE), columns, rows)


def read_unknown_keys(connection: Connection, table: str) -> set[str]:
    """Return the unknown keys that were recorded for a table."""
    rows = connection.fetch_all(
        "-- loaders.warehouse.schema_changes unknown keys\n"
        f"select distinct column_name from {connection.table('ops', TABLE)} "
        "where table_name = ? and change = ?",
        [table, UNKNOWN_KEY],
    )
    return {name for (name,) in rows}


def read_between(
    connection: Connection,
    after: datetime | None,
    until: datetime | None,
    *,
    schema: str,
) -> list[Change]:
    """Return the changes of a schema's tables, oldest first; None is no limit."""
    return [change for _, change in _read(connection, after, until, schema)]


def read_all(connection: Connection, *, schema: str) -> list[tuple[datetime, Change]]:
    """Return all changes of a schema's tables with their times, newest first."""
    return _read(connection, None, None, schema)[::-1]


def _read(
    connection: Connection, after: datetime | None, until: datetime | None, schema: str
) -> list[tuple[datetime, Change]]:
    rows = connection.fetch_all(
        "-- loaders.warehouse.schema_changes read\n"
        "select changed_at, table_name, column_name, change, data_type, dt, records "
        f"from {connection.table('ops', TABLE)} "
        "where table_name like ? and changed_at > ? and changed_at <= ? "
        "order by changed_at, records desc, table_name, column_name",
        [f"{schema}.%", after or datetime(1970, 1, 1), until or datetime(9999, 1, 1)],
    )
    return [(changed_at, Change(*values)) for changed_at, *values in rows]


def read_kept(connection: Connection) -> dict[tuple[str, str], str]:
    """Return the type of each column that was last recorded as kept, by table and name.

    The ledger must exist.
    """
    rows = connection.fetch_all(
        "-- loaders.warehouse.schema_changes kept columns\n"
        "select table_name, column_name, data_type from ("
        "select *, row_number() over (partition by table_name, column_name "
        "order by changed_at desc) as recency "
        f"from {connection.table('ops', TABLE)} where change != ?) as changes "
        "where recency = 1 and change = ?",
        [UNKNOWN_KEY, KEPT],
    )
    return {(table, column): data_type for table, column, data_type in rows}
