"""Each tile's query, built from the LookML, returns what plain SQL does."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.looker import query
from tests.looker.expected_tiles import EXPECTED
from tests.looker.lookml import LookmlProject, filters_of
from tests.shared_project import SharedProject

TILES = [(name, title) for name, tiles in EXPECTED.items() for title in tiles]
# The company of the tests is four days old, so that there is no week before.
EMPTY = {"Lost most hosts in a week"}


@pytest.fixture(scope="module")
def warehouse(
    shared_project: SharedProject,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to a warehouse with finished runs."""
    file = str(shared_project.project.warehouse)
    with duckdb.connect(file, read_only=True) as connection:
        yield connection


def test_every_tile_is_compared(lookml_project: LookmlProject) -> None:
    tiles = [
        (board["dashboard"], tile["title"]) for board, tile in lookml_project.tiles()
    ]
    assert sorted(TILES) == sorted(tiles)


@pytest.mark.parametrize(("dashboard", "title"), TILES)
def test_tile_shows_what_the_marts_have(
    dashboard: str,
    title: str,
    warehouse: duckdb.DuckDBPyConnection,
    shared_project: SharedProject,
    lookml_project: LookmlProject,
) -> None:
    day = shared_project.data_date
    today = day + timedelta(days=1)
    parsed = lookml_project.dashboards[dashboard]
    (tile,) = (each for each in parsed["elements"] if each["title"] == title)
    built = query.of_tile(parsed, tile)
    rows = warehouse.execute(query.sql(lookml_project, built, today=today)).fetchall()
    expected = EXPECTED[dashboard][title].format(
        day=day,
        weeks_ago_4=today - timedelta(days=27),
        weeks_ago_2=today - timedelta(days=13),
        week_26=_monday(today) - timedelta(weeks=25),
    )
    assert _rounded(rows) == _rounded(warehouse.execute(expected).fetchall())
    assert rows or title in EMPTY


def test_snapshots_are_not_added_over_nights(
    warehouse: duckdb.DuckDBPyConnection, lookml_project: LookmlProject
) -> None:
    """Without any filter of the user, a sum is that of the newest date."""
    explore = lookml_project.explores["big_customer_usage"]
    newest = filters_of(explore["conditionally_filter"])
    fields = ("big_customer_usage.total_hosts", "big_customer_usage.days")
    today = date(2026, 11, 25)
    totals = []
    for filters in (newest, {}):
        built = query.Query("big_customer_usage", fields, filters)
        text = query.sql(lookml_project, built, today=today)
        totals += warehouse.execute(text).fetchall()
    per_day = [
        hosts
        for (hosts,) in warehouse.execute(
            "select sum(hosts) from marts.big_customer_usage "
            "group by metric_date order by metric_date"
        ).fetchall()
    ]
    assert len(per_day) > 1
    (newest_total, one_day), (average, days) = totals
    assert (newest_total, one_day) == (per_day[-1], 1)
    assert (average, days) == (pytest.approx(sum(per_day) / days), len(per_day))


def _rounded(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(_value(value) for value in row) for row in rows]


def _value(value: Any) -> Any:  # noqa: ANN401 - any type of a column
    return round(float(value), 9) if isinstance(value, (float, Decimal)) else value


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
