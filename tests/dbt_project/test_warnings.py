"""Tests with severity `warn`: they pass on clean data and are documented."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.manifest import PROJECT, Node, nodes_of_type, run_dbt
from tests.shared_project import SharedProject

# Each statement adds valid but suspicious data that must cause this one warning.
SUSPICIOUS_DATA = {
    "billing_plan_ids_exist_in_billing_plans": (
        "update staging.raw_orgs set billing_plan_id = 99 where dt = ? "
        "and org_id = (select min(org_id) from marts.fct_org_day where metric_date = ?)"
    ),
    "usage_is_not_negative": (
        "update staging.raw_metrics set hosts = -1 where dt = ? "
        "and org_id = (select min(org_id) from marts.fct_org_day where metric_date = ? "
        "and hosts > 0)"
    ),
}


@pytest.mark.slow
def test_only_suspicious_data_causes_warnings(
    shared_project: SharedProject, tmp_path: Path
) -> None:
    warehouse = tmp_path / "empty.duckdb"
    shutil.copy(shared_project.project.warehouse, warehouse)
    build = run_dbt(tmp_path, "--warn-error", "build")
    assert build.returncode == 0, build.stdout + build.stderr
    assert set(_statuses(tmp_path).values()) <= {"success", "pass", "no-op"}

    data_date = shared_project.data_date
    with duckdb.connect(str(warehouse)) as connection:
        for statement in SUSPICIOUS_DATA.values():
            updated = connection.execute(statement, [data_date, data_date]).fetchall()
            assert updated != [(0,)]
    build = run_dbt(tmp_path, "build")
    assert build.returncode == 0, build.stdout + build.stderr
    warned = {name for name, status in _statuses(tmp_path).items() if status == "warn"}
    assert warned == SUSPICIOUS_DATA.keys()


def test_runbook_documents_every_test_that_can_warn(manifest: Node) -> None:
    runbook = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
    can_warn = [
        node["name"]
        for node in nodes_of_type(manifest, "test")
        if node["config"]["severity"].lower() == "warn"
        or node["config"]["error_if"] != "!= 0"
    ]
    assert len(can_warn) > len(SUSPICIOUS_DATA)
    assert [name for name in can_warn if f"`{name}`" not in runbook] == []


def _statuses(folder: Path) -> dict[str, str]:
    """Return the status of each node of the last build, without hooks."""
    results = json.loads((folder / "target" / "run_results.json").read_text("utf-8"))
    return {
        result["unique_id"].split(".")[2]: result["status"]
        for result in results["results"]
        if not result["unique_id"].startswith("operation.")
    }
