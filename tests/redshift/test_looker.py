"""The queries of Looker's dashboards return the same rows on both warehouses."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.looker import query
from tests.looker.lookml import read_project
from tests.redshift.conftest import SCHEMA_PREFIX, WORLD, Backfills, RedshiftClient

# The first test of the session that uses them also runs both backfills.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
# About when and how long the runs were, which differs.
ABOUT_RUNS = {"Slowest models", "Latest runs"}


def test_tiles_have_the_same_rows_on_both_warehouses(
    backfills: Backfills, redshift_client: RedshiftClient
) -> None:
    project = read_project()
    today = WORLD.until + timedelta(days=1)
    file = str(backfills.duckdb.warehouse)
    with duckdb.connect(file, read_only=True) as connection:
        for dashboard, tile in project.tiles():
            built = query.of_tile(dashboard, tile)
            text = query.sql(project, built, today=today)
            expected = connection.execute(text).fetchall()
            text = query.sql(project, built, today=today, prefix=f"{SCHEMA_PREFIX}_")
            rows = redshift_client.execute(text).fetchall()
            assert len(rows) == len(expected), tile["title"]
            if tile["title"] not in ABOUT_RUNS:
                assert _comparable(rows) == _comparable(expected), tile["title"]


def _comparable(rows: Any) -> list[list[Any]]:  # noqa: ANN401 - of either driver
    """Return sorted rows; Redshift divides with four digits after the point."""
    return sorted(([_value(value) for value in row] for row in rows), key=repr)


def _value(value: Any) -> Any:  # noqa: ANN401 - any type of a column
    if isinstance(value, (float, Decimal)):
        return f"{float(value):.3f}"
    return f"{value:.3f}" if type(value) is int else str(value)
