"""Changes of a raw table's declaration, and what becomes of its columns."""

import re
from dataclasses import dataclass

import pytest

from loaders import warehouse
from loaders.errors import ConfigError
from loaders.warehouse import create_tables, declared_tables
from loaders.warehouse.declared_tables import Column, Table

Types = dict[str, str]
TABLE = "raw_things"


@dataclass(frozen=True)
class Step:
    """What a declaration becomes, and which changes must be recorded then."""

    declared: Types
    changes: tuple[tuple[str, str, str], ...] = ()


BASE = {"id": "bigint", "name": "varchar(65535)"}
KEPT = ("name", "kept", "varchar")
STEPS: dict[str, tuple[Step, ...]] = {
    "unchanged": (Step(BASE),),
    "one added": (Step(BASE | {"n": "bigint"}, (("n", "added", "bigint"),)),),
    "all types added": (
        Step(
            BASE | {"a": "timestamp", "b": "boolean", "c": "json", "d": "varchar(9)"},
            (
                ("a", "added", "timestamp"),
                ("b", "added", "boolean"),
                ("c", "added", "json"),
                ("d", "added", "varchar"),
            ),
        ),
    ),
    "a reserved word": (Step(BASE | {"order": "json"}, (("order", "added", "json"),)),),
    "another order": (Step(dict(reversed(BASE.items()))),),
    "one removed": (Step({"id": "bigint"}, (KEPT,)),),
    "removed and declared again": (
        Step({"id": "bigint"}, (KEPT,)),
        Step(BASE, (("name", "declared again", "varchar"),)),
        Step({"id": "bigint"}, (KEPT,)),
    ),
    "renamed": (
        Step({"id": "bigint", "title": "varchar(65535)"}, (
            ("title", "added", "varchar"), KEPT)),
    ),
    "a shorter text": (Step(BASE | {"name": "varchar(10)"}),),
}  # fmt: skip
# A stored value, its type, the declared type, and the value after the statements.
TYPE_CHANGES = (
    ("5", "bigint", "varchar(65535)", "5"),
    ("'7'", "varchar(65535)", "bigint", 7),
    ("7", "integer", "bigint", 7),
    ("true", "boolean", "varchar(5)", "true"),
    ("'{\"a\": 1}'", "varchar(65535)", "json", '{"a":1}'),
    ("'2026-11-24'", "date", "timestamp", "2026-11-24 00:00:00"),
)


def declare(monkeypatch: pytest.MonkeyPatch, types: Types) -> Table:
    """Let the ledgers and one raw table be all that is declared; return the latter."""
    ledger = next(t for t in _declared if t.name == "schema_changes")
    columns = tuple(
        Column(name, kind) for name, kind in {"dt": "date", **types}.items()
    )
    table = Table("staging", TABLE, columns, source="things", file="models/x.yml")
    monkeypatch.setattr(declared_tables, "all_tables", lambda: (ledger, table))
    return table


_declared = declared_tables.all_tables()


def check_steps(monkeypatch: pytest.MonkeyPatch, steps: tuple[Step, ...]) -> None:
    """Assert that each step adds what it lacks, keeps the rest and records it once."""
    _start(monkeypatch, BASE, "1, 'x'")
    for step in steps:
        declare(monkeypatch, step.declared)
        for number in range(2):  # the second time, nothing is left to do
            before = _recorded()
            warehouse.create_missing_tables("run 7")
            expected = sorted(step.changes) if number == 0 else []
            assert sorted(_recorded()[len(before) :]) == expected
        types = _columns()
        assert set(types) >= {*BASE, *step.declared}
    assert _rows(", ".join(BASE)) == [(1, "x")]
    for name in set(types) - set(BASE):
        assert _rows(f'"{name}"') == [(None,)]


def check_type_change(
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str, str, object],
    *,
    names: dict[str, str],
) -> None:
    """Assert that a changed type is an error whose statements repair the table.

    `names` are the engine's names of types, where they differ.
    """
    value, actual, wanted, result = change
    _start(monkeypatch, {"v": actual}, value)
    table = declare(monkeypatch, {"v": wanted})
    warehouse.create_missing_tables()  # the tables that do not change are usable
    with warehouse.session() as connection, pytest.raises(ConfigError) as caught:
        create_tables.require_declared_types(connection, table)
    message = str(caught.value)
    for part in ("Column v of staging.raw_things", "models/x.yml", "run again"):
        assert part in message
    for name in (actual, wanted):
        assert re.search(rf"\b{re.escape(names.get(name, name))}", message), message
    statements = [line.strip(" ;") for line in message.splitlines()[1:]]
    assert statements
    assert _rows("v") != []
    with warehouse.session() as connection:
        for statement in statements:
            connection.execute(f"-- test\n{statement}")
    warehouse.create_missing_tables()
    with warehouse.session() as connection:
        create_tables.require_declared_types(connection, table)
    ((found,),) = _rows("v")
    if isinstance(found, str):
        found = found.replace('": ', '":')
    assert found == result or str(found) == result


def _start(monkeypatch: pytest.MonkeyPatch, types: Types, values: str) -> None:
    """Make the table with one row, and forget what was recorded."""
    create_tables._complete.clear()
    declare(monkeypatch, types)
    with warehouse.session() as connection:
        for schema, name in (("staging", TABLE), ("ops", "schema_changes")):
            connection.execute(
                f"-- test\ndrop table if exists {connection.table(schema, name)}"
            )
    warehouse.create_missing_tables()
    with warehouse.session() as connection:
        name = connection.table("staging", TABLE)
        connection.execute(
            f"-- test\ninsert into {name} ({', '.join(types)}) values ({values})"
        )
    create_tables._complete.clear()


def _rows(columns: str) -> list[tuple[object, ...]]:
    with warehouse.session() as connection:
        name = connection.table("staging", TABLE)
        return connection.fetch_all(f"-- test\nselect {columns} from {name}")


def _columns() -> set[str]:
    create_tables._complete.clear()
    with warehouse.session() as connection:
        name = connection.table("staging", TABLE)
        return {
            column for column, _ in connection.columns(f"-- test\nselect * from {name}")
        }


def _recorded() -> list[tuple[str, str, str]]:
    with warehouse.session() as connection:
        rows = connection.fetch_all(
            "-- test\nselect column_name, change, data_type, table_name, run_id "
            f"from {connection.table('ops', 'schema_changes')} order by changed_at"
        )
    assert {row[3:] for row in rows} <= {("staging.raw_things", "run 7")}
    short = {"super": "json"}
    kinds = [row[2].partition("(")[0] for row in rows]
    return [
        (*row[:2], short.get(kind, kind)) for row, kind in zip(rows, kinds, strict=True)
    ]
