"""The LookML files match the marts' YAML, and their references resolve."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lkml
import pytest
import yaml

from looker.generate import views
from tests.nightly.project import SOURCE, Project

LOOKER = SOURCE / "looker"
TIME_TYPES = {"date": "date", "timestamp": "timestamp"}
FIELD_REFERENCE = re.compile(r"\$\{(?!TABLE\})([a-z0-9_.]+)\}")
COLUMN_REFERENCE = re.compile(r"\$\{TABLE\}\.([a-z0-9_]+)")
DeclaredColumns = dict[str, dict[str, dict[str, Any]]]
Views = dict[str, dict[str, Any]]


def _expected_type(data_type: str) -> str:
    """Return the LookML type that a column's contract requires."""
    base_type = data_type.partition("(")[0]
    if base_type in ("bigint", "integer", "numeric", "double precision"):
        return "number"
    return {"varchar": "string", "boolean": "yesno"}.get(base_type, "time")


@pytest.fixture(scope="module")
def declared() -> DeclaredColumns:
    """Return every column of every mart by name, read from the YAML files."""
    columns: DeclaredColumns = {}
    for folder in (SOURCE / "models" / "marts", SOURCE / "models" / "exports"):
        for path in folder.rglob("*__models.yml"):
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            for node in content["models"]:
                columns[node["name"]] = {each["name"]: each for each in node["columns"]}
    assert "fct_org_trial_metrics" in columns
    return columns


@pytest.fixture(scope="module")
def parsed() -> Views:
    """Return the checked-in views, parsed with lkml."""
    parsed_views = {}
    for path in (LOOKER / "views").glob("*.view.lkml"):
        (view,) = lkml.load(path.read_text(encoding="utf-8"))["views"]
        assert path.name == f"{view['name']}.view.lkml"
        parsed_views[view["name"]] = view
    return parsed_views


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    """Return the checked-in model, parsed with lkml."""
    return lkml.load((LOOKER / "nightshift.model.lkml").read_text(encoding="utf-8"))


def _field_names(view: dict[str, Any]) -> Iterator[str]:
    for kind in ("dimensions", "measures"):
        yield from (field["name"] for field in view[kind])
    for group in view.get("dimension_groups", []):
        yield from (f"{group['name']}_{frame}" for frame in group["timeframes"])


def _is_pii(column: dict[str, Any]) -> bool:
    meta = column.get("config", {}).get("meta") or column.get("meta") or {}
    return bool(meta.get("pii"))


def test_each_mart_has_exactly_one_view(
    declared: DeclaredColumns, parsed: Views
) -> None:
    assert parsed.keys() == declared.keys()
    for name, view in parsed.items():
        assert view["sql_table_name"] == f"@{{MARTS_SCHEMA}}.{name}"


def test_each_column_is_a_field_of_the_expected_type(
    declared: DeclaredColumns, parsed: Views
) -> None:
    for name, columns in declared.items():
        view = parsed[name]
        fields = {}
        for field in [*view["dimensions"], *view.get("dimension_groups", [])]:
            if field["name"] != views.KEY_FIELD:
                (column,) = COLUMN_REFERENCE.findall(field["sql"])
                assert field["sql"] == f"${{TABLE}}.{column}"
                fields[column] = field
        assert fields.keys() == columns.keys(), name
        for column, field in fields.items():
            data_type = columns[column]["data_type"]
            assert field["type"] == _expected_type(data_type), f"{name}.{column}"
            assert field.get("datatype") == TIME_TYPES.get(data_type)
            assert field["label"] and field["description"], f"{name}.{column}"
            if _is_pii(columns[column]):
                assert field["hidden"] == "yes", f"{name}.{column} is personal data"


def test_each_view_has_one_primary_key_of_its_columns(
    declared: DeclaredColumns, parsed: Views
) -> None:
    for name, view in parsed.items():
        keys = [each for each in view["dimensions"] if each.get("primary_key") == "yes"]
        assert len(keys) == 1, name
        columns = COLUMN_REFERENCE.findall(keys[0]["sql"])
        assert columns and set(columns) <= declared[name].keys(), name


def test_measures_and_sets_reference_existing_fields(parsed: Views) -> None:
    for name, view in parsed.items():
        fields = list(_field_names(view))
        assert len(fields) == len(set(fields)), name
        for measure in view["measures"]:
            references = FIELD_REFERENCE.findall(measure.get("sql", ""))
            for filters in measure.get("filters__all", []):
                references += [key for each in filters for key in each]
            assert set(references) <= set(fields), f"{name}.{measure['name']}"
            assert measure["label"] and measure["description"]
        for field_set in view["sets"]:
            assert field_set["fields"] and set(field_set["fields"]) <= set(fields), name


def test_numeric_measures_aggregate_number_fields(parsed: Views) -> None:
    for name, view in parsed.items():
        numbers = {
            each["name"] for each in view["dimensions"] if each["type"] == "number"
        }
        for measure in view["measures"]:
            if measure["type"] in ("sum", "average", "min", "max", "median"):
                (field,) = FIELD_REFERENCE.findall(measure["sql"])
                assert field in numbers, f"{name}.{measure['name']}"


def test_joins_use_the_whole_primary_key_of_the_joined_view(
    parsed: Views, model: dict[str, Any]
) -> None:
    assert {each["name"] for each in model["explores"]} == parsed.keys()
    joins = [
        (explore["name"], join)
        for explore in model["explores"]
        for join in explore.get("joins", [])
    ]
    assert joins
    for name, join in joins:
        references = [
            each.split(".") for each in FIELD_REFERENCE.findall(join["sql_on"])
        ]
        assert {view for view, _ in references} == {name, join["name"]}
        for view, field in references:
            assert field in set(_field_names(parsed[view])), f"{view}.{field}"
        joined = parsed[join["name"]]
        (key,) = (each for each in joined["dimensions"] if each.get("primary_key"))
        columns = {
            _column_of(joined, field)
            for view, field in references
            if view == join["name"]
        }
        key_columns = set(COLUMN_REFERENCE.findall(key["sql"]))
        assert columns == key_columns, f"{name} to {join['name']}"


def _column_of(view: dict[str, Any], field: str) -> str:
    for dimension in view["dimensions"]:
        if dimension["name"] == field:
            return COLUMN_REFERENCE.findall(dimension["sql"])[0]
    (group,) = (
        each for each in view["dimension_groups"] if f"{each['name']}_raw" == field
    )
    return COLUMN_REFERENCE.findall(group["sql"])[0]


def test_cache_is_invalidated_by_the_end_of_a_run(model: dict[str, Any]) -> None:
    (datagroup,) = model["datagroups"]
    assert model["persist_with"] == datagroup["name"]
    assert "max(finished_at)" in datagroup["sql_trigger"]


def test_files_use_exactly_the_declared_constants() -> None:
    manifest = lkml.load((LOOKER / "manifest.lkml").read_text(encoding="utf-8"))
    declared_constants = {each["name"] for each in manifest["constants"]}
    texts = "".join(path.read_text("utf-8") for path in LOOKER.rglob("*.lkml"))
    assert set(re.findall(r"@\{(\w+)\}", texts)) == declared_constants


@pytest.fixture(scope="module")
def copied(workspace: Path, unused_project: Path) -> Project:
    """Return a copy of the project without any environment variables."""
    shutil.rmtree(workspace, ignore_errors=True)
    shutil.copytree(unused_project, workspace / "project")
    return Project(workspace / "project", {})


@pytest.mark.slow
def test_build_changes_files_only_when_the_yaml_changes(copied: Project) -> None:
    check = ("looker", "build", "--check")
    assert copied.nightshift(*check, "--json").expect(0).json["changed"] == []
    path = "models/marts/trials/_trials__models.yml"
    copied.replace_text(path, "label: Trial Targets", "label: Targets of Trials")
    views_folder = copied.folder / "looker" / "views"
    (views_folder / "without_mart.view.lkml").write_text("")
    output = copied.nightshift(*check).expect(1).out
    assert "views/trial_target_metrics.view.lkml" in output
    assert "views/without_mart.view.lkml" in output
    assert "views/fct_org_day.view.lkml" not in output
    copied.nightshift("looker", "build").expect(0)
    view = (views_folder / "trial_target_metrics.view.lkml").read_text("utf-8")
    assert "Targets of Trials" in view
    assert not (views_folder / "without_mart.view.lkml").exists()
    copied.nightshift(*check).expect(0)
