"""Slim CI, as the workflow runs it: build what a change touches, read the rest."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.nightly.project import SOURCE, Project, copy_to
from tests.shared_project import SharedProject

CHANGED = "free_account_usage"
LAST_LINE = "select * from final"


def _build_line() -> list[str]:
    """Return the arguments of the workflow's `dbt build`."""
    workflow = yaml.safe_load((SOURCE / ".github/workflows/dbt.yaml").read_text())
    steps = workflow["jobs"]["changed-models"]["steps"]
    line = next(
        step["run"] for step in steps if "dbt build" in step.get("run", "")
    ).split("--vars ")
    return [*line[0].split()[1:], "--vars", line[1].strip().strip("'")]


def _compare_line() -> list[str]:
    """Return the arguments of the workflow's `nightshift compare`."""
    workflow = yaml.safe_load((SOURCE / ".github/workflows/dbt.yaml").read_text())
    steps = workflow["jobs"]["changed-models"]["steps"]
    lines = "\n".join(step.get("run", "") for step in steps).splitlines()
    (line,) = (line for line in lines if "nightshift compare" in line)
    command, _, file = line.partition(" > ")
    (comment,) = (
        step["run"] for step in steps if "gh pr comment" in step.get("run", "")
    )
    assert f"--body-file {file} " in comment
    return command.split()[1:]


def _tables(path: Path) -> set[tuple[str, str]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return set(
            connection.execute(
                "select table_schema, table_name from information_schema.tables"
            ).fetchall()
        )


@pytest.mark.slow
def test_pull_request_builds_the_changed_models_only(
    shared_project: SharedProject, tmp_path: Path
) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copy(shared_project.project.warehouse, warehouse)
    before = _tables(warehouse)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        ((rows, org),) = connection.execute(
            f"select count(*), max(org_id) from marts.{CHANGED}"
        ).fetchall()
        ((removed,),) = connection.execute(
            f"select count(*) from marts.{CHANGED} where org_id = {org}"
        ).fetchall()
    project = copy_to(tmp_path / "project", {"NIGHTSHIFT_DUCKDB_PATH": str(warehouse)})
    profile = yaml.safe_load((project.folder / "profiles.yml.example").read_text())
    outputs = profile["nightshift"]["outputs"]
    outputs["ci"] = {**outputs["local"], "schema": "ci_7"}
    outputs["prod"] = outputs["local"]
    (project.folder / "profiles.yml").write_text(json.dumps(profile))
    project.dbt("parse").expect(0)
    (project.folder / "production").mkdir()
    manifest = project.folder / "target" / "manifest.json"
    shutil.move(manifest, project.folder / "production")
    project.replace_text(
        f"models/marts/growth/{CHANGED}.sql",
        "select * from final",
        f"select * from final\nwhere org_id != {org}",
    )
    ci = Project(project.folder, {**project.environment, "DBT_TARGET": "ci"})
    ci.dbt(*_build_line()).expect(0)
    made = {(s, name) for s, name in _tables(warehouse) - before if s != "ci_7_ops"}
    assert made == {("ci_7_marts", CHANGED)}
    comment = ci.nightshift(*_compare_line()).expect(0).out
    assert "### ci compared with prod: 1 of 1 model differs" in comment
    assert (
        f"| {CHANGED} | {rows:,} | {rows - removed:,} | 0 | -{removed} | 0 |" in comment
    )
    ci.dbt("run-operation", "drop_developer_schemas").expect(0)
    assert _tables(warehouse) == before
    refused = project.dbt("run-operation", "drop_developer_schemas")
    assert "Target local has no schemas of a developer" in refused.out
    assert _tables(warehouse) == before
