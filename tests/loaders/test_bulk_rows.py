"""Many ledger rows go through a file, and are what they would be in a statement."""

from datetime import datetime
from typing import Any

import pytest

from loaders import warehouse
from loaders.warehouse import bulk_rows

COLUMNS = ("key", "message", "attempt", "is_transient", "rejected_at")
AT = datetime(2026, 11, 24, 3, 4, 5, 678_901)
HOSTILE = [
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
def empty_warehouse(embedded_warehouse: None) -> None:
    """Give an embedded warehouse with empty ledgers."""
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)


def _rows(count: int) -> list[tuple[object, ...]]:
    return [
        (f"k{n}", HOSTILE[n % len(HOSTILE)], n, n % 3 == 0, AT) for n in range(count)
    ]


def _ledger() -> list[tuple[Any, ...]]:
    with warehouse.session() as connection:
        return connection.fetch_all(
            f"select {', '.join(COLUMNS)} "
            f"from {connection.table('ops', 'salesforce_rejects')} order by attempt"
        )


@pytest.mark.parametrize("count", [0, 1, bulk_rows.FEW_ROWS, bulk_rows.FEW_ROWS + 1])
def test_rows_are_the_same_by_statement_and_by_file(count: int) -> None:
    with warehouse.transaction() as connection:
        given = bulk_rows.append(
            connection, "salesforce_rejects", COLUMNS, iter(_rows(count))
        )
    assert given == count
    assert _ledger() == _rows(count)


def test_rows_of_a_file_go_with_their_transaction() -> None:
    with pytest.raises(RuntimeError), warehouse.transaction() as connection:
        bulk_rows.append(connection, "salesforce_rejects", COLUMNS, _rows(500))
        raise RuntimeError
    assert _ledger() == []
