"""Sessions on a DuckDB file that the process keeps open."""

from collections.abc import Iterator

import pytest

from loaders import archive, warehouse
from loaders.errors import DataError
from loaders.raw import load as raw_load

DATASET = archive.Dataset("org_day", "marts", "fct_org_day", "metric_date", ("org_id",))


@pytest.fixture(autouse=True)
def open_warehouse(duckdb_warehouse: None) -> Iterator[None]:
    """Keep the DuckDB file open, as a run does."""
    with warehouse.keep_open():
        yield


def _memory_limit() -> str:
    with warehouse.session() as connection:
        row = connection.fetch_one("select current_setting('memory_limit')")
    assert row is not None
    return str(row[0])


def test_failed_load_resets_the_memory_limit() -> None:
    before = _memory_limit()
    with (
        pytest.raises(DataError, match="broken"),
        warehouse.session() as connection,
        warehouse.with_settings(connection, raw_load.LOAD_SETTINGS),
        warehouse.transaction_on(connection),
    ):
        assert _memory_limit() != before
        connection.execute("select error('broken')")
    assert _memory_limit() == before


def test_archiving_no_days_does_not_access_s3() -> None:
    with warehouse.session() as connection:
        results = archive.replace_partitions(
            connection, DATASET, days=[], root="s3://nowhere/archive"
        )
        assert list(results) == []
