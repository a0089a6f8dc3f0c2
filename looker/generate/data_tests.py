"""LookML data tests: keys are unique, and joins return each row once.

A snapshot is tested on its newest date; the earlier ones were tested when they were.
"""

from collections.abc import Sequence
from typing import Any

from looker.generate.fields import KEY_FIELD, NEWEST_FIELD, is_time
from looker.generate.tables import Table


def data_tests(tables: Sequence[Table]) -> dict[str, Any]:
    """Return the file with all tests in lkml's format."""
    return {
        "tests": [
            test for table in tables for test in (_unique_key(table), *_joins(table))
        ]
    }


def key_field(table: Table) -> str:
    """Return the name of a view's primary key."""
    if len(table.key) == 1 and not is_time(table.column(table.key[0])):
        return table.key[0]
    return KEY_FIELD


def _unique_key(table: Table) -> dict[str, Any]:
    name = f"{table.name}_has_a_unique_key"
    return _test(table, name, f"{table.name}.count", "= 1")


def _joins(table: Table) -> list[dict[str, Any]]:
    return [
        _test(
            table,
            f"{table.name}_has_at_most_one_row_of_{join.to}",
            f"{join.to}.count",
            "<= 1",
        )
        for join in table.joins
    ]


def _test(table: Table, name: str, count: str, condition: str) -> dict[str, Any]:
    """Return a test of the largest count per primary key."""
    source: dict[str, Any] = {
        "name": table.name,
        "columns": [
            {"name": "row_key", "field": f"{table.name}.{key_field(table)}"},
            {"name": "rows_of_the_key", "field": count},
        ],
        "sorts": [{count: "desc"}],
        "limit": "1",
    }
    if table.newest:
        source["filters__all"] = [[{f"{table.name}.{NEWEST_FIELD}": "yes"}]]
    return {
        "name": name,
        "explore_source": source,
        "asserts": [{"name": name, "expression": f"${{{count}}} {condition}"}],
    }
