"""The SQL that compares two versions of a relation, alike on DuckDB and Redshift.

Rows are paired by key with a full outer join, so that one statement counts all
differences. Keys are compared as text: nulls are equal, and a changed type is no other
key. Repeated keys are paired in any order.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loaders.warehouse import identifier, is_single_writer

TOLERANCE = "1e-9"  # relative, of floating-point numbers
MAX_TEXT = 200
EXAMPLES = 3
ADDED, REMOVED, CHANGED, SAME = "added", "removed", "changed", "same"
JSON_TYPES = ("json", "super")
FLOATS = ("double", "real", "float", "float4", "float8")
NUMBERS = (*FLOATS, "smallint", "integer", "bigint", "hugeint", "numeric", "decimal")


@dataclass(frozen=True)
class Pair:
    """Two relations of the same model, quoted, with the types of their columns.

    `key` and `columns` exist in both; `columns` has those that are not in the key.
    """

    old: str
    new: str
    old_types: Mapping[str, str]
    new_types: Mapping[str, str]
    key: Sequence[str]

    @property
    def columns(self) -> list[str]:
        """The columns of both that are not in the key, in the order of the new one."""
        return [
            name
            for name in self.new_types
            if name in self.old_types and name not in self.key
        ]


def count_statement(pair: Pair) -> str:
    """Return the query for the numbers of rows, then of changes by column.

    Columns: rows before, rows after, added, removed, changed, repeated keys, and one
    number for each of `pair.columns`.
    """
    sums = ["count(old_occurrence)", "count(new_occurrence)"]
    sums += [f"{_sum_of_kind(kind)}" for kind in (ADDED, REMOVED, CHANGED)]
    sums.append(
        "sum(case when old_occurrence > 1 or new_occurrence > 1 then 1 else 0 end)"
    )
    sums += [f"sum(d_{n})" for n in range(len(pair.columns))]
    return f"{_compared(pair, pair.columns)}\nselect {', '.join(sums)} from kinds"


def example_statement(pair: Pair, changed: Sequence[str], shown: set[str]) -> str:
    """Return the query for a few rows of each kind, and of each changed column.

    `changed` has the columns with differences. Columns of the result: kind, the key's
    texts, then whether each column of `changed` is an example, its old and its new
    text. Columns that are not in `shown` have null texts.
    """
    keys = ", ".join(f"k_{n}" for n in range(len(pair.key)))
    order = f"{keys}, occurrence"
    running = "".join(
        f", sum(d_{n}) over (partition by kind order by {order} "
        f"rows between unbounded preceding and current row) as s_{n}"
        for n in range(len(changed))
    )
    is_example = [f"(d_{n} = 1 and s_{n} <= {EXAMPLES})" for n in range(len(changed))]
    conditions = [f"(kind != '{CHANGED}' and position <= {EXAMPLES})", *is_example]
    values = [
        f"case when n_{n} = 0 then k_{n} end"
        if name in shown
        else "cast(null as varchar(8))"
        for n, name in enumerate(pair.key)
    ]
    for n, condition in enumerate(is_example):
        values += [f"case when {condition} then 1 else 0 end", f"old_{n}", f"new_{n}"]
    return f"""{_compared(pair, changed, shown=shown)},
numbered as (
    select
        kinds.*,
        row_number() over (partition by kind order by {order}) as position{running}
    from kinds
    where kind != '{SAME}'
)
select kind, {", ".join(values)}
from numbered
where {" or ".join(conditions)}
order by kind, {order}"""


def _sum_of_kind(kind: str) -> str:
    return f"sum(case when kind = '{kind}' then 1 else 0 end)"


def _compared(
    pair: Pair, columns: Sequence[str], *, shown: set[str] | None = None
) -> str:
    """Return CTEs that end with `kinds`: one row per key of either side.

    With `shown`, it has the texts of the columns that are shown.
    """
    keys = range(len(pair.key))
    same_key = " and ".join(
        [f"new_rows.k_{n} = old_rows.k_{n}" for n in keys]
        + [f"new_rows.n_{n} = old_rows.n_{n}" for n in keys]
        + ["new_rows.occurrence = old_rows.occurrence"]
    )
    of_keys = "".join(
        f"coalesce(new_rows.{name}, old_rows.{name}) as {name}, "
        for n in keys
        for name in (f"k_{n}", f"n_{n}")
    )
    differences = "".join(
        f",\n        {_differs(pair, name, n)} as d_{n}"
        for n, name in enumerate(columns)
    )
    if shown is not None:
        differences += "".join(
            f",\n        {_shown_text(pair, name, n, side, shown)} as {side}_{n}"
            for n, name in enumerate(columns)
            for side in ("old", "new")
        )
    changes = " + ".join(f"d_{n}" for n in range(len(columns))) or "0"
    return f"""with old_rows as (
{_rows(pair.old, pair.old_types, pair.key, columns)}
),
new_rows as (
{_rows(pair.new, pair.new_types, pair.key, columns)}
),
paired as (
    select
        {of_keys}old_rows.occurrence as old_occurrence,
        new_rows.occurrence as new_occurrence,
        coalesce(new_rows.occurrence, old_rows.occurrence) as occurrence{differences}
    from new_rows
    full outer join old_rows on {same_key}
),
kinds as (
    select
        paired.*,
        case
            when old_occurrence is null then cast('{ADDED}' as varchar(8))
            when new_occurrence is null then cast('{REMOVED}' as varchar(8))
            when {changes} > 0 then cast('{CHANGED}' as varchar(8))
            else cast('{SAME}' as varchar(8))
        end as kind
    from paired
)"""


def _rows(
    relation: str, types: Mapping[str, str], key: Sequence[str], columns: Sequence[str]
) -> str:
    """Return a query for the rows of one side: k_, n_ (is null) and c_ by number."""
    values = []
    for n, name in enumerate(key):
        values.append(f"coalesce({_text(identifier(name), types[name])}, '') as k_{n}")
        values.append(
            f"case when {identifier(name)} is null then 1 else 0 end as n_{n}"
        )
    values += [f"{identifier(name)} as c_{n}" for n, name in enumerate(columns)]
    partition = ", ".join(identifier(name) for name in key)
    values.append(f"row_number() over (partition by {partition}) as occurrence")
    return f"    select {', '.join(values)}\n    from {relation}"


def _differs(pair: Pair, name: str, number: int) -> str:
    """Return SQL that is 1 if both rows exist and their values differ, else 0."""
    old, new = f"old_rows.c_{number}", f"new_rows.c_{number}"
    return f"""case
            when old_rows.occurrence is null or new_rows.occurrence is null then 0
            when {old} is null and {new} is null then 0
            when {old} is null or {new} is null then 1
            when {_equal(old, new, pair.old_types[name], pair.new_types[name])} then 0
            else 1
        end"""


def _equal(old: str, new: str, old_type: str, new_type: str) -> str:
    kinds = [_base(old_type), _base(new_type)]
    if all(kind in NUMBERS for kind in kinds):
        if not any(kind in FLOATS for kind in kinds):
            return f"{old} = {new}"
        first, second = (f"cast({side} as double precision)" for side in (old, new))
        return (
            f"{first} = {second} or abs({first} - {second}) <= "
            f"{TOLERANCE} * greatest(1, abs({first}), abs({second}))"
        )
    if kinds[0] == kinds[1] and kinds[0] not in JSON_TYPES:
        return f"{old} = {new}"
    return f"{_text(old, old_type)} = {_text(new, new_type)}"


def _shown_text(pair: Pair, name: str, number: int, side: str, shown: set[str]) -> str:
    if name not in shown:
        return "cast(null as varchar(8))"
    types = pair.old_types if side == "old" else pair.new_types
    return f"left({_text(f'{side}_rows.c_{number}', types[name])}, {MAX_TEXT})"


def _text(value: str, data_type: str) -> str:
    kind = _base(data_type)
    if kind == "boolean":
        return f"case when {value} then 'true' when not {value} then 'false' end"
    if kind in JSON_TYPES and not is_single_writer():
        return f"json_serialize({value})"
    return f"cast({value} as varchar(65535))"


def _base(data_type: str) -> str:
    return re.split(r"[( ]", data_type)[0]
