"""LookML is in step with the YAML, and every field of it is a mart's column."""

import re
from collections.abc import Iterator
from typing import Any

import lkml
import pytest
import yaml

from looker.generate import views
from tests.nightly.project import SOURCE, Project, copy_to

LOOKER = SOURCE / "looker"
TIME = {"date": "date", "timestamp": "timestamp"}
REFERENCE = re.compile(r"\$\{(?!TABLE\})([a-z0-9_.]+)\}")
COLUMN = re.compile(r"\$\{TABLE\}\.([a-z0-9_]+)")
Declared = dict[str, dict[str, dict[str, Any]]]
Views = dict[str, dict[str, Any]]


def _type(data_type: str) -> str:
    """Return the LookML type that a column's contract asks for."""
    plain = data_type.partition("(")[0]
    if plain in ("bigint", "integer", "numeric", "double precision"):
        return "number"
    return {"varchar": "string", "boolean": "yesno"}.get(plain, "time")


@pytest.fixture(scope="module")
def declared() -> Declared:
    """Return every column of every mart by name, read from the YAML as it is typed."""
    found: Declared = {}
    folders = (SOURCE / "models" / "marts", SOURCE / "models" / "exports")
    for folder in folders:
        for path in folder.rglob("*__models.yml"):
            told = yaml.safe_load(path.read_text(encoding="utf-8"))
            for node in told["models"]:
                found[node["name"]] = {each["name"]: each for each in node["columns"]}
    assert "fct_org_trial_metrics" in found
    return found


@pytest.fixture(scope="module")
def parsed() -> Views:
    """Return the checked-in views as lkml reads them."""
    found = {}
    for path in (LOOKER / "views").glob("*.view.lkml"):
        (view,) = lkml.load(path.read_text(encoding="utf-8"))["views"]
        assert path.name == f"{view['name']}.view.lkml"
        found[view["name"]] = view
    return found


def _fields(view: dict[str, Any]) -> Iterator[str]:
    for kind in ("dimensions", "measures"):
        yield from (field["name"] for field in view[kind])
    for group in view.get("dimension_groups", []):
        yield from (f"{group['name']}_{frame}" for frame in group["timeframes"])


def _is_pii(column: dict[str, Any]) -> bool:
    meta = column.get("config", {}).get("meta") or column.get("meta") or {}
    return bool(meta.get("pii"))


def test_every_mart_has_a_view_and_no_view_is_of_another_thing(
    declared: Declared, parsed: Views
) -> None:
    assert parsed.keys() == declared.keys()
    for name, view in parsed.items():
        assert view["sql_table_name"] == f"@{{MARTS_SCHEMA}}.{name}"


def test_every_column_is_a_field_of_the_right_type(
    declared: Declared, parsed: Views
) -> None:
    for name, columns in declared.items():
        view = parsed[name]
        found = {}
        for field in [*view["dimensions"], *view.get("dimension_groups", [])]:
            if field["name"] != views.KEY_FIELD:
                (column,) = COLUMN.findall(field["sql"])
                assert field["sql"] == f"${{TABLE}}.{column}"
                found[column] = field
        assert found.keys() == columns.keys(), name
        for column, field in found.items():
            data_type = columns[column]["data_type"]
            assert field["type"] == _type(data_type), f"{name}.{column}"
            assert field.get("datatype") == TIME.get(data_type), f"{name}.{column}"
            assert field["label"] and field["description"], f"{name}.{column}"
            if _is_pii(columns[column]):
                assert field["hidden"] == "yes", f"{name}.{column} is personal"


def test_every_view_has_one_primary_key_made_of_its_columns(
    declared: Declared, parsed: Views
) -> None:
    for name, view in parsed.items():
        keys = [each for each in view["dimensions"] if each.get("primary_key") == "yes"]
        assert len(keys) == 1, name
        named = COLUMN.findall(keys[0]["sql"])
        assert named and set(named) <= declared[name].keys(), name


def test_what_a_field_refers_to_is_there_once(parsed: Views) -> None:
    for name, view in parsed.items():
        fields = list(_fields(view))
        assert len(fields) == len(set(fields)), name
        for measure in view["measures"]:
            asked = REFERENCE.findall(measure.get("sql", ""))
            for filters in measure.get("filters__all", []):
                asked += [key for each in filters for key in each]
            assert set(asked) <= set(fields), f"{name}.{measure['name']}"
            assert measure["label"] and measure["description"]
        for detail in view["sets"]:
            assert detail["fields"] and set(detail["fields"]) <= set(fields), name


def test_measures_add_up_numbers_only(parsed: Views) -> None:
    for name, view in parsed.items():
        numbers = {
            each["name"] for each in view["dimensions"] if each["type"] == "number"
        }
        for measure in view["measures"]:
            if measure["type"] in ("sum", "average", "min", "max", "median"):
                (column,) = REFERENCE.findall(measure["sql"])
                assert column in numbers, f"{name}.{measure['name']}"


def test_explores_join_by_the_other_marts_whole_key(parsed: Views) -> None:
    told = lkml.load((LOOKER / "nightshift.model.lkml").read_text(encoding="utf-8"))
    assert {each["name"] for each in told["explores"]} == parsed.keys()
    joins = [
        (explore["name"], join)
        for explore in told["explores"]
        for join in explore.get("joins", [])
    ]
    assert joins
    for name, join in joins:
        asked = [each.split(".") for each in REFERENCE.findall(join["sql_on"])]
        assert {view for view, _ in asked} == {name, join["name"]}
        for view, field in asked:
            assert field in set(_fields(parsed[view])), f"{view}.{field}"
        other = parsed[join["name"]]
        (key,) = (each for each in other["dimensions"] if each.get("primary_key"))
        theirs = {
            _column_of(other, field) for view, field in asked if view == join["name"]
        }
        assert theirs == set(COLUMN.findall(key["sql"])), f"{name} to {join['name']}"


def _column_of(view: dict[str, Any], field: str) -> str:
    for each in view["dimensions"]:
        if each["name"] == field:
            return COLUMN.findall(each["sql"])[0]
    (group,) = (
        each for each in view["dimension_groups"] if f"{each['name']}_raw" == field
    )
    return COLUMN.findall(group["sql"])[0]


def test_answers_last_until_a_night_has_finished() -> None:
    told = lkml.load((LOOKER / "nightshift.model.lkml").read_text(encoding="utf-8"))
    (group,) = told["datagroups"]
    assert told["persist_with"] == group["name"]
    assert "max(finished_at)" in group["sql_trigger"]
    constants = lkml.load((LOOKER / "manifest.lkml").read_text(encoding="utf-8"))
    named = {each["name"] for each in constants["constants"]}
    texts = "".join(path.read_text("utf-8") for path in LOOKER.rglob("*.lkml"))
    assert set(re.findall(r"@\{(\w+)\}", texts)) == named


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a copy of the project with its LookML, and nothing to reach."""
    project = copy_to(tmp_path_factory.mktemp("looker") / "project", {})
    return project


def test_regenerating_gives_no_diff_until_the_yaml_changes(copied: Project) -> None:
    told = copied.nightshift("looker", "build", "--check", "--json")
    assert told.require(0).json["changed"] == []
    path = "models/marts/trials/_trials__models.yml"
    copied.edit(path, "label: Trial Targets", "label: Targets of Trials")
    (copied.folder / "looker" / "views" / "of_no_mart.view.lkml").write_text("")
    told = copied.nightshift("looker", "build", "--check").require(1)
    assert "views/trial_target_metrics.view.lkml" in told.out
    assert "views/of_no_mart.view.lkml" in told.out
    assert "views/fct_org_day.view.lkml" not in told.out
    copied.nightshift("looker", "build").require(0)
    view = copied.folder / "looker" / "views" / "trial_target_metrics.view.lkml"
    assert "Targets of Trials" in view.read_text(encoding="utf-8")
    assert not (copied.folder / "looker" / "views" / "of_no_mart.view.lkml").exists()
    copied.nightshift("looker", "build", "--check").require(0)
