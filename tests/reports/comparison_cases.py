"""Two versions of a model each, and what `nightshift compare` must find."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loaders.warehouse import Connection
from loaders.warehouse.other_target import Side
from reports.comparison.compare import ComparedModel, Comparison

Rows = Sequence[str]
KEY = {"id": "bigint"}


@dataclass(frozen=True)
class Case:
    """Columns and rows (as SQL values) before and after, and the expected fields.

    `values` has the changed rows of each column, `columns` its type before and after.
    """

    old_types: dict[str, str]
    old: Rows
    new: Rows
    new_types: dict[str, str] | None = None
    expected: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    columns: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    key: tuple[str, ...] = ("id",)
    status: str = "different"


def _values(kind: str, old: str, new: str, *, changed: int = 1) -> Case:
    """Return a case of one row whose value changes, or not."""
    return Case(
        {"id": "bigint", "v": kind},
        [f"1, {old}"],
        [f"1, {new}"],
        expected={"changed": changed},
        values={"v": 1} if changed else {},
        status="different" if changed else "identical",
    )


V = {"id": "bigint", "v": "bigint"}
CASES: dict[str, Case] = {
    "identical": Case(V, ["1, 2", "2, null"], ["2, null", "1, 2"], status="identical"),
    "no rows": Case(V, [], [], status="identical"),
    "all rows added": Case(V, [], ["1, 1", "2, 2"], expected={"added": 2}),
    "all rows removed": Case(V, ["1, 1"], [], expected={"removed": 1}),
    "one of each": Case(
        V,
        ["1, 1", "2, 2", "3, 3"],
        ["2, 2", "3, 4", "4, 4"],
        expected={"added": 1, "removed": 1, "changed": 1},
        values={"v": 1},
    ),
    "null becomes a value": _values("bigint", "null", "0"),
    "a value becomes null": _values("varchar(9)", "''", "null"),
    "nulls are equal": _values("timestamp", "null", "null", changed=0),
    "texts": _values("varchar(9)", "'a'", "'A'"),
    "booleans": _values("boolean", "true", "false"),
    "dates": _values("date", "'2026-11-24'", "'2026-11-25'"),
    "timestamps": _values(
        "timestamp", "'2026-11-24 00:00:00'", "'2026-11-24 00:00:00.000001'"
    ),
    "decimals are exact": _values("numeric(18, 9)", "0.1", "0.100000001"),
    "floats within the tolerance": _values(
        "double precision", "0.1", "0.10000000000001", changed=0
    ),
    "large floats within the tolerance": _values(
        "double precision", "1e15", "1000000000000001", changed=0
    ),
    "floats beyond the tolerance": _values("double precision", "1.0", "1.00000001"),
    "a number to a wider type": Case(
        V,
        ["1, 5"],
        ["1, 5"],
        {"id": "bigint", "v": "numeric(38, 2)"},
        columns={"v": (True, True)},
    ),
    "a number to text": Case(
        V,
        ["1, 5", "2, 6"],
        ["1, '5'", "2, 'six'"],
        {"id": "bigint", "v": "varchar(9)"},
        expected={"changed": 1},
        values={"v": 1},
        columns={"v": (True, True)},
    ),
    "a boolean to text": Case(
        {"id": "bigint", "v": "boolean"},
        ["1, true"],
        ["1, 'true'"],
        {"id": "bigint", "v": "varchar(9)"},
        columns={"v": (True, True)},
    ),
    "a key of another type": Case(
        V, ["1, 1"], ["'1', 1"], {"id": "varchar(9)", "v": "bigint"},
        columns={"id": (True, True)},
    ),
    "a column added and one removed": Case(
        {"id": "bigint", "gone": "bigint"}, ["1, 1"], ["1, true"],
        {"id": "bigint", "came": "boolean"},
        columns={"came": (False, True), "gone": (True, False)},
    ),
    "a key column added": Case(
        V, ["1, 1"], ["1, 1, 1"], {**V, "day": "bigint"}, key=("id", "day"),
        columns={"day": (False, True)}, status="not comparable",
    ),
    "null in the key": Case(
        {"id": "bigint", "day": "varchar(9)", "v": "bigint"},
        ["1, null, 1", "null, 'x', 1", "1, '', 1"],
        ["1, null, 2", "null, 'x', 1", "1, '', 1"],
        key=("id", "day"), expected={"changed": 1}, values={"v": 1},
    ),
    "a repeated key": Case(
        V, ["1, 1", "1, 1"], ["1, 1", "1, 1", "1, 1"],
        expected={"added": 1, "repeated_keys": 2},
    ),
    "several columns": Case(
        {"id": "bigint", "a": "bigint", "b": "bigint", "c": "bigint"},
        ["1, 1, 1, 1", "2, 1, 1, 1", "3, 1, 1, 1"],
        ["1, 2, 1, 1", "2, 2, 2, 1", "3, 1, 1, 1"],
        expected={"changed": 2}, values={"a": 2, "b": 1},
    ),
    "only a key": Case(KEY, ["1", "2"], ["2"], expected={"removed": 1}),
}  # fmt: skip
NAMES = {name: f"m_{number}" for number, name in enumerate(CASES)}


def models(case_names: Sequence[str] = tuple(CASES)) -> list[ComparedModel]:
    """Return the models of some cases, in which everything may be shown."""
    return [
        ComparedModel(
            name=NAMES[name],
            schema="marts",
            relation=NAMES[name],
            key=CASES[name].key,
            shown=frozenset({*CASES[name].old_types, *(CASES[name].new_types or {})}),
        )
        for name in case_names
    ]


def create(connection: Connection, side: Side, *, is_new: bool) -> None:
    """Create the tables of one side of all cases; every third one is a view too."""
    connection.execute(f"-- test\ncreate schema if not exists {side.schema('marts')}")
    for number, (name, case) in enumerate(CASES.items()):
        types = (case.new_types if is_new else None) or case.old_types
        relation = side.relation("marts", NAMES[name])
        table = f'{relation[:-1]}_t"' if number % 3 == 0 else relation
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        connection.execute(f"-- test\ncreate table {table} ({columns})")
        rows = case.new if is_new else case.old
        if rows:
            connection.execute(
                f"-- test\ninsert into {table} values ({'), ('.join(rows)})"
            )
        if table != relation:
            connection.execute(
                f"-- test\ncreate view {relation} as select * from {table}"
            )


def check(name: str, found: Comparison) -> None:
    """Assert that a case's comparison is the expected one."""
    case = CASES[name]
    counts = dict.fromkeys(("added", "removed", "changed", "repeated_keys"), 0)
    fields: dict[str, Any] = {field: getattr(found, field) for field in counts}
    assert fields == counts | case.expected, name
    assert {change.column: change.rows for change in found.values} == case.values, name
    columns = {
        change.name: (change.before is not None, change.after is not None)
        for change in found.columns
    }
    assert columns == case.columns, name
    assert found.status == case.status, name
    for change in found.values:
        assert 1 <= len(change.examples) <= min(3, change.rows), name
        assert all(example.before != example.after for example in change.examples)
    if found.status != "not comparable":
        assert (found.rows_before, found.rows_after) == (len(case.old), len(case.new))
        assert bool(found.added_examples) == bool(found.added), name
        assert bool(found.removed_examples) == bool(found.removed), name
