"""Keys of raw records for which their table has no column; their values go to `extra`.

A load counts them. Those that no earlier load had are recorded in `ops.schema_changes`,
so no earlier rows are read. Values stay in the raw table, where an erasure finds them,
and are read when somebody asks for examples.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from loaders import warehouse
from loaders.errors import NightshiftError
from loaders.warehouse import Connection, schema_changes
from loaders.warehouse.declared_tables import Table
from loaders.warehouse.schema_changes import UNKNOWN_KEY, Change

MAX_KEY = 255  # characters
MAX_EXAMPLE = 40
MAX_COUNTED = 10_000  # distinct keys of a load: a producer may send ids as keys
MAX_RECORDED = 100
JSON_TYPES = {
    str: "string",
    bool: "boolean",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
}

# (is DuckDB) -> the query for an example of each key in some partitions
EXAMPLES = {
    True: (
        "select left(pairs.key, {key}), "
        "min(left(cast(pairs.value as varchar), {size})) "
        "from (select extra from {table} where dt in ({days}) and extra is not null) "
        "as records, json_each(records.extra) as pairs group by 1"
    ),
    False: (
        "select left(cast(unknown_key as varchar(65535)), {key}), "
        "min(left(json_serialize(unknown_value), {size})) "
        "from (select extra from {table} where dt in ({days}) and extra is not null) "
        "as records, unpivot records.extra as unknown_value at unknown_key group by 1"
    ),
}

log = structlog.get_logger()


@dataclass
class _Count:
    records: int
    json_type: str
    dt: date


class UnknownKeys:
    """The unknown keys of one load: number of records, JSON type and first date."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def add(self, extra: dict[str, object] | None, dt: date) -> None:
        """Count the unknown keys of one record of a partition."""
        for key, value in (extra or {}).items():
            json_type = "" if value is None else JSON_TYPES.get(type(value), "number")
            self.add_counted(key, 1, json_type, dt)

    def add_counted(self, key: str, records: int, json_type: str, dt: date) -> None:
        """Add the number of records with a key; `json_type` is '' if all are null."""
        key = key[:MAX_KEY]
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) < MAX_COUNTED:
                self._counts[key] = _Count(records, json_type, dt)
            return
        count.records += records
        count.json_type = min(filter(None, (count.json_type, json_type)), default="")
        count.dt = min(count.dt, dt)

    def changes(self, table: Table) -> list[Change]:
        """Return a row of the ledger for each key, the most frequent first."""
        return [
            Change(
                *(table.full_name, key, UNKNOWN_KEY, count.json_type or "null"),
                dt=count.dt,
                records=count.records,
            )
            for key, count in sorted(
                self._counts.items(), key=lambda item: (-item[1].records, item[0])
            )
        ]


def record_new(table: Table, found: UnknownKeys, *, run_id: str) -> Sequence[Change]:
    """Record the keys that no earlier load of the table had; return them.

    Call it after the load has been committed. A problem is logged only: the next load
    with the key records it.
    """
    changes = found.changes(table)
    if not changes:
        return []

    def work(connection: Connection) -> list[Change]:
        known = schema_changes.read_unknown_keys(connection, table.full_name)
        new = [change for change in changes if change.column not in known]
        schema_changes.record(connection, new[:MAX_RECORDED], run_id=run_id)
        return new[:MAX_RECORDED]

    try:
        new = warehouse.run_with_retries(work)
    except NightshiftError as error:
        log.warning("unknown keys not recorded", table=table.name, error=str(error))
        return []
    for change in new:
        log.info(
            "unknown key", table=table.name, key=change.column, records=change.records
        )
    return new


def read_examples(
    connection: Connection, table: Table, days: Collection[date]
) -> dict[str, str]:
    """Return a value of each unknown key in some partitions, as JSON, cut short.

    They may be personal data. A partition that was loaded again may lack a key.
    """
    query = EXAMPLES[warehouse.is_single_writer()].format(
        table=connection.table(table.schema, table.name),
        days=", ".join("?" for _ in days),
        key=MAX_KEY,
        size=MAX_EXAMPLE,
    )
    rows = connection.fetch_all(
        f"-- loaders.raw.unknown_keys read examples {table.name}\n{query}", list(days)
    )
    return dict(rows)
