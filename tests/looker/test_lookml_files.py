"""The LookML files match the YAML, and their references resolve."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from looker.generate import fields
from tests.looker.lookml import (
    COLUMN,
    FIELD,
    LOOKER,
    LookmlProject,
    fields_of,
    filters_of,
    primary_key,
)
from tests.nightly.project import SOURCE, Project

TIME_TYPES = {"date": "date", "timestamp": "timestamp"}
DERIVED_FIELDS = {fields.KEY_FIELD, fields.NEWEST_FIELD}
DeclaredColumns = dict[str, dict[str, dict[str, Any]]]


def _expected_type(data_type: str) -> str:
    """Return the LookML type that a column's contract requires."""
    base_type = data_type.partition("(")[0]
    if base_type in ("bigint", "integer", "numeric", "double precision"):
        return "number"
    return {"varchar": "string", "boolean": "yesno"}.get(base_type, "time")


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    return node.get("config", {}).get("meta") or node.get("meta") or {}


@pytest.fixture(scope="module")
def declared() -> DeclaredColumns:
    """Return every column of every mart by name, read from the YAML files."""
    columns: DeclaredColumns = {}
    for folder in (SOURCE / "models" / "marts", SOURCE / "models" / "exports"):
        for path in folder.rglob("*__models.yml"):
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            for node in content["models"]:
                if "schema" in node.get("config", {}):
                    continue  # It is in another schema than the marts.
                columns[node["name"]] = {each["name"]: each for each in node["columns"]}
    assert "fct_org_trial_metrics" in columns
    return columns


@pytest.fixture(scope="module")
def ledgers() -> DeclaredColumns:
    """Return every column of the ledgers that Looker reads."""
    path = SOURCE / "models" / "ops" / "_ops__sources.yml"
    (source,) = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
    return {
        node["name"]: {each["name"]: each for each in node["columns"]}
        for node in source["tables"]
        if "looker" in _meta(node)
    }


def test_each_mart_and_described_ledger_has_exactly_one_view(
    declared: DeclaredColumns, ledgers: DeclaredColumns, lookml_project: LookmlProject
) -> None:
    assert lookml_project.views.keys() == declared.keys() | ledgers.keys()
    assert lookml_project.explores.keys() == lookml_project.views.keys()
    for name in declared:
        table = lookml_project.views[name]["sql_table_name"]
        assert table == f"@{{MARTS_SCHEMA}}.{name}"
    for name in ledgers:
        view = lookml_project.views[name]
        text = view.get("sql_table_name") or view["derived_table"]["sql"]
        assert f"@{{OPS_SCHEMA}}.{name}" in text


def test_each_column_is_a_field_of_the_expected_type(
    declared: DeclaredColumns, ledgers: DeclaredColumns, lookml_project: LookmlProject
) -> None:
    for name, columns in (declared | ledgers).items():
        view = lookml_project.views[name]
        found = {}
        for field in [*view["dimensions"], *view.get("dimension_groups", [])]:
            if field["name"] not in DERIVED_FIELDS and field["type"] != "tier":
                (column,) = COLUMN.findall(field["sql"])
                assert field["sql"] == f"${{TABLE}}.{column}"
                found[column] = field
        if "group by" not in view.get("derived_table", {}).get("sql", ""):
            assert found.keys() == columns.keys(), name
        for column in found.keys() & columns.keys():
            field, data_type = found[column], columns[column]["data_type"]
            assert field["type"] == _expected_type(data_type), f"{name}.{column}"
            assert field.get("datatype") == TIME_TYPES.get(data_type)
            grants = (
                ["can_see_personal_data"] if _meta(columns[column]).get("pii") else None
            )
            assert field.get("required_access_grants") == grants, f"{name}.{column}"


def test_primary_keys_consist_of_columns(lookml_project: LookmlProject) -> None:
    for name, view in lookml_project.views.items():
        columns = set(COLUMN.findall(primary_key(view)["sql"]))
        own = {
            column
            for kind in ("dimensions", "dimension_groups")
            for each in view.get(kind, [])
            for column in COLUMN.findall(each["sql"])
        }
        assert columns and columns <= own, name


def test_references_of_views_resolve(lookml_project: LookmlProject) -> None:
    for name, view in lookml_project.views.items():
        own = fields_of(view)
        for field, each in own.items():
            references = {
                other for _, other in FIELD.findall(each.lookml.get("sql", ""))
            }
            if each.kind == "measure":
                references |= filters_of(each.lookml).keys()
            assert references <= own.keys(), f"{name}.{field}"
        for field_set in view["sets"]:
            assert field_set["fields"] and set(field_set["fields"]) <= own.keys(), name


def test_numeric_measures_aggregate_number_fields(
    lookml_project: LookmlProject,
) -> None:
    for name, view in lookml_project.views.items():
        own = fields_of(view)
        for measure in view["measures"]:
            if measure["type"] in ("sum", "average", "min", "max", "median"):
                ((_, field),) = FIELD.findall(measure["sql"])
                assert own[field].lookml["type"] == "number", f"{name}.{field}"


def test_joins_use_the_whole_primary_key_of_the_joined_view(
    lookml_project: LookmlProject,
) -> None:
    joins = [
        (name, join)
        for name, explore in lookml_project.explores.items()
        for join in explore.get("joins", [])
    ]
    assert joins
    for name, join in joins:
        columns = set()
        for alias, field in FIELD.findall(join["sql_on"]):
            found = lookml_project.field(name, f"{alias}.{field}")
            if alias == join["name"]:
                columns |= set(COLUMN.findall(found.lookml["sql"]))
            else:
                assert alias == name
        joined = lookml_project.views[join.get("from", join["name"])]
        key_columns = set(COLUMN.findall(primary_key(joined)["sql"]))
        assert key_columns <= columns, f"{name} to {join['name']}"


def test_files_use_exactly_the_declared_constants(
    lookml_project: LookmlProject,
) -> None:
    declared_constants = {each["name"] for each in lookml_project.manifest["constants"]}
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
    copied.replace_text(
        "looker/dashboards/growth.yml", "title: Growth", "title: Funnel"
    )
    views_folder = copied.folder / "looker" / "views"
    (views_folder / "without_mart.view.lkml").write_text("")
    output = copied.nightshift(*check).expect(1).out
    assert "views/trial_target_metrics.view.lkml" in output
    assert "views/without_mart.view.lkml" in output
    assert "dashboards/growth.dashboard.lookml" in output
    assert "views/fct_org_day.view.lkml" not in output
    copied.nightshift("looker", "build").expect(0)
    view = (views_folder / "trial_target_metrics.view.lkml").read_text("utf-8")
    assert "Targets of Trials" in view
    assert not (views_folder / "without_mart.view.lkml").exists()
    copied.nightshift(*check).expect(0)
