"""Keys of raw records for which their table has no column; their values go to `extra`.

A load counts them. Those that no earlier load had are recorded in `ops.schema_changes`,
so no earlier rows are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from loaders import warehouse
from loaders.errors import NightshiftError
from loaders.raw.strict_json import dumps
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

log = structlog.get_logger()


@dataclass
class _Count:
    records: int
    json_type: str
    dt: date
    example: str


class UnknownKeys:
    """The unknown keys of one load: number of records, JSON type, date, an example."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}

    def add(self, extra: dict[str, object] | None, dt: date) -> None:
        """Count the unknown keys of one record of a partition."""
        for key, value in (extra or {}).items():
            json_type = "" if value is None else JSON_TYPES.get(type(value), "number")
            known = self._counts.get(key[:MAX_KEY])
            # Most records have the keys of earlier ones, of which no example is needed.
            example = "" if known and known.json_type else dumps(value)
            self.add_counted(key, 1, json_type, dt, example)

    def add_counted(
        self, key: str, records: int, json_type: str, dt: date, example: str
    ) -> None:
        """Add the number of records with a key; `json_type` is '' if all are null."""
        key, example = key[:MAX_KEY], example[:MAX_EXAMPLE]
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) < MAX_COUNTED:
                self._counts[key] = _Count(records, json_type, dt, example)
            return
        if json_type and not count.json_type:  # so far, all values were null
            count.example = example
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
                example=count.example,
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
        new = warehouse.run_in_transaction(work)
    except NightshiftError as error:
        log.warning("unknown keys not recorded", table=table.name, error=str(error))
        return []
    for change in new:  # without the example, which may be personal data
        log.info(
            "unknown key", table=table.name, key=change.column, records=change.records
        )
    return new
