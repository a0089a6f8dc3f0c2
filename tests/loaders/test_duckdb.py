"""What one process that keeps the embedded engine's file open must not keep."""

from collections.abc import Iterator

import pytest

from loaders import archive, warehouse
from loaders.raw import load as raw_load
from loaders.warehouse import duckdb

DATASET = archive.Dataset("org_day", "marts", "fct_org_day", "metric_date", ("org_id",))


@pytest.fixture(autouse=True)
def kept_open(embedded_warehouse: None) -> Iterator[None]:
    """Keep an embedded warehouse's file open, as a night does."""
    with warehouse.kept_open():
        yield


def _memory_limit() -> str:
    with warehouse.session() as connection:
        (told,) = connection.fetch_all("select current_setting('memory_limit')")
    return str(told[0])


def test_a_failed_load_leaves_no_limit_behind() -> None:
    before = _memory_limit()
    with (
        pytest.raises(duckdb.Error, match="broken"),
        warehouse.session() as connection,
        warehouse.limited(connection, raw_load.LIMITS),
        warehouse.begun(connection),
    ):
        assert _memory_limit() != before
        connection.execute("select error('broken')")
    assert _memory_limit() == before


def test_an_archive_of_no_days_asks_nobody() -> None:
    with warehouse.session() as connection:
        asked = archive.replace_partitions(
            connection, DATASET, days=[], root="s3://nowhere/archive"
        )
        assert list(asked) == []
