"""Bulk rows are stored unchanged, whether inserted or loaded through a file."""

from datetime import datetime
from typing import Any

import pytest

from loaders import warehouse
from loaders.warehouse import bulk_rows

COLUMNS = ("key", "message", "attempt", "is_transient", "rejected_at")
REJECTED_AT = datetime(2026, 11, 24, 3, 4, 5, 678_901)
SPECIAL_TEXTS = [
    "",
    " ",
    '"',
    '","',
    "two\nlines\r\nand\rthree",
    "\\N",
    "null",
    "\N{ROCKET} é",
    "{}",
    "x" * 100_000,
]


@pytest.fixture(autouse=True)
def empty_warehouse(duckdb_warehouse: None) -> None:
    """Create a DuckDB warehouse with empty ledger tables."""
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)


def _sample_rows(count: int) -> list[tuple[object, ...]]:
    return [
        (f"k{n}", SPECIAL_TEXTS[n % len(SPECIAL_TEXTS)], n, n % 3 == 0, REJECTED_AT)
        for n in range(count)
    ]


def _stored_rows() -> list[tuple[Any, ...]]:
    with warehouse.session() as connection:
        return connection.fetch_all(
            f"select {', '.join(COLUMNS)} "
            f"from {connection.table('ops', 'salesforce_rejects')} order by attempt"
        )


@pytest.mark.parametrize(
    "count", [0, 1, bulk_rows.MAX_INSERT_ROWS, bulk_rows.MAX_INSERT_ROWS + 1]
)
def test_rows_are_stored_unchanged_by_insert_and_by_file(count: int) -> None:
    with warehouse.transaction() as connection:
        appended = bulk_rows.append(
            connection,
            connection.table("ops", "salesforce_rejects"),
            COLUMNS,
            iter(_sample_rows(count)),
        )
    assert appended == count
    assert _stored_rows() == _sample_rows(count)


def test_rows_loaded_by_file_are_rolled_back_with_the_transaction() -> None:
    with pytest.raises(RuntimeError), warehouse.transaction() as connection:
        bulk_rows.append(
            connection,
            connection.table("ops", "salesforce_rejects"),
            COLUMNS,
            _sample_rows(500),
        )
        raise RuntimeError
    assert _stored_rows() == []
