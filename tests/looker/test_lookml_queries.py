"""What Looker would ask of a finished warehouse: keys hold, joins add no rows."""

import re
from typing import Any

import duckdb
import lkml
import pytest

from tests.finished_company import Finished
from tests.nightly.project import SOURCE

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
    """Return the views as lkml reads them."""
    texts = (path.read_text("utf-8") for path in (LOOKER / "views").glob("*.lkml"))
    return {view["name"]: view for text in texts for view in lkml.load(text)["views"]}


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    """Return the model file as lkml reads it."""
    return lkml.load((LOOKER / "nightshift.model.lkml").read_text(encoding="utf-8"))


def _constant(text: str) -> str:
    return re.sub(r"@\{(\w+)\}", lambda found: CONSTANTS[found[1]], text)


def _field(view: dict[str, Any], name: str) -> str:
    """Return the SQL of a view's field, with the view's name for its table."""
    kinds = ("dimensions", "measures")
    fields = {each["name"]: each for kind in kinds for each in view[kind]}
    for group in view.get("dimension_groups", []):
        fields[f"{group['name']}_raw"] = group
    field = fields[name]
    sql = field.get("sql", "1").replace("${TABLE}", view["name"])
    sql = re.sub(r"\$\{(\w+)\}", lambda found: f"({_field(view, found[1])})", sql)
    if field.get("type") == "count":
        return "count(*)"
    return AGGREGATES.get(field["type"], "{}").format(sql)


def _from(view: dict[str, Any]) -> str:
    return f"{_constant(view['sql_table_name'])} as {view['name']}"


def _ask(finished: Finished, query: str) -> tuple[Any, ...]:
    file = str(finished.project.warehouse)
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute(query).fetchone() or ()


def test_every_primary_key_is_one(finished_company: Finished, parsed: Views) -> None:
    for view in parsed.values():
        (key,) = (each for each in view["dimensions"] if each.get("primary_key"))
        sql = _field(view, key["name"])
        rows, keys = _ask(
            finished_company,
            f"select count(*), count(distinct {sql}) from {_from(view)}",
        )
        assert rows == keys > 0, view["name"]


def test_every_measure_can_be_asked(finished_company: Finished, parsed: Views) -> None:
    for view in parsed.values():
        measures = [_field(view, each["name"]) for each in view["measures"]]
        answers = _ask(
            finished_company, f"select {', '.join(measures)} from {_from(view)}"
        )
        assert answers[0] > 0, view["name"]


def test_a_join_finds_one_row_and_adds_none(
    finished_company: Finished, parsed: Views, model: dict[str, Any]
) -> None:
    for explore in model["explores"]:
        view = parsed[explore["name"]]
        for join in explore.get("joins", []):
            other = parsed[join["name"]]
            condition = re.sub(
                r"\$\{(\w+)\.(\w+)\}",
                lambda found: _field(parsed[found[1]], found[2]),
                join["sql_on"],
            )
            (key,) = (each for each in other["dimensions"] if each.get("primary_key"))
            before, after, met = _ask(
                finished_company,
                f"select (select count(*) from {_from(view)}), count(*), "
                f"count(case when {condition} then {_field(other, key['name'])} end) "
                f"from {_from(view)} left join {_from(other)} on {condition}",
            )
            assert before == after, f"{view['name']} to {other['name']}"
            assert met > 0, f"{view['name']} never meets {other['name']}"


def test_a_finished_night_lets_go_of_kept_answers(
    finished_company: Finished, model: dict[str, Any]
) -> None:
    (group,) = model["datagroups"]
    (finished_at,) = _ask(finished_company, _constant(group["sql_trigger"]))
    (wanted,) = _ask(finished_company, "select max(finished_at) from ops.runs")
    assert finished_at == wanted is not None
