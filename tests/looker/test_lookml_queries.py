"""The SQL of the LookML runs on a warehouse: keys are unique, joins add no rows."""

import re
from typing import Any

import duckdb
import lkml
import pytest

from tests.nightly.project import SOURCE
from tests.shared_project import SharedProject

LOOKER = SOURCE / "looker"
CONSTANTS = {"MARTS_SCHEMA": "marts", "OPS_SCHEMA": "ops"}
AGGREGATES = {
    "average": "avg({})",
    "count_distinct": "count(distinct {})",
    "max": "max({})",
    "median": "median({})",
    "min": "min({})",
    "sum": "sum({})",
}
Views = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def parsed() -> Views:
    """Return the views, parsed with lkml."""
    texts = (path.read_text("utf-8") for path in (LOOKER / "views").glob("*.lkml"))
    return {view["name"]: view for text in texts for view in lkml.load(text)["views"]}


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    """Return the model, parsed with lkml."""
    return lkml.load((LOOKER / "nightshift.model.lkml").read_text(encoding="utf-8"))


def _replace_constants(text: str) -> str:
    return re.sub(r"@\{(\w+)\}", lambda match: CONSTANTS[match[1]], text)


def _field_sql(view: dict[str, Any], name: str) -> str:
    """Return the SQL of a view's field; the view's name is the table's alias."""
    kinds = ("dimensions", "measures")
    fields = {each["name"]: each for kind in kinds for each in view[kind]}
    for group in view.get("dimension_groups", []):
        fields[f"{group['name']}_raw"] = group
    field = fields[name]
    sql = field.get("sql", "1").replace("${TABLE}", view["name"])
    sql = re.sub(r"\$\{(\w+)\}", lambda match: f"({_field_sql(view, match[1])})", sql)
    if field.get("type") == "count":
        return "count(*)"
    return AGGREGATES.get(field["type"], "{}").format(sql)


def _table_sql(view: dict[str, Any]) -> str:
    return f"{_replace_constants(view['sql_table_name'])} as {view['name']}"


def _fetch_row(shared: SharedProject, query: str) -> tuple[Any, ...]:
    file = str(shared.project.warehouse)
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute(query).fetchone() or ()


def test_primary_keys_are_unique(shared_project: SharedProject, parsed: Views) -> None:
    for view in parsed.values():
        (key,) = (each for each in view["dimensions"] if each.get("primary_key"))
        sql = _field_sql(view, key["name"])
        rows, keys = _fetch_row(
            shared_project,
            f"select count(*), count(distinct {sql}) from {_table_sql(view)}",
        )
        assert rows == keys > 0, view["name"]


def test_measures_run_on_the_marts(
    shared_project: SharedProject, parsed: Views
) -> None:
    for view in parsed.values():
        measures = [_field_sql(view, each["name"]) for each in view["measures"]]
        values = _fetch_row(
            shared_project, f"select {', '.join(measures)} from {_table_sql(view)}"
        )
        assert values[0] > 0, view["name"]


def test_joins_match_rows_and_add_none(
    shared_project: SharedProject, parsed: Views, model: dict[str, Any]
) -> None:
    for explore in model["explores"]:
        view = parsed[explore["name"]]
        for join in explore.get("joins", []):
            joined = parsed[join["name"]]
            condition = re.sub(
                r"\$\{(\w+)\.(\w+)\}",
                lambda match: _field_sql(parsed[match[1]], match[2]),
                join["sql_on"],
            )
            (key,) = (each for each in joined["dimensions"] if each.get("primary_key"))
            key_sql = _field_sql(joined, key["name"])
            before, after, matched = _fetch_row(
                shared_project,
                f"select (select count(*) from {_table_sql(view)}), count(*), "
                f"count(case when {condition} then {key_sql} end) "
                f"from {_table_sql(view)} "
                f"left join {_table_sql(joined)} on {condition}",
            )
            assert before == after, f"{view['name']} to {joined['name']}"
            assert matched > 0, f"{view['name']} has no match in {joined['name']}"


def test_datagroup_trigger_returns_the_end_of_the_latest_run(
    shared_project: SharedProject, model: dict[str, Any]
) -> None:
    (datagroup,) = model["datagroups"]
    trigger = _replace_constants(datagroup["sql_trigger"])
    (finished_at,) = _fetch_row(shared_project, trigger)
    (expected,) = _fetch_row(shared_project, "select max(finished_at) from ops.runs")
    assert finished_at == expected is not None
