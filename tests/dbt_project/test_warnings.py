"""`dbt build` warns of what is odd in the data, by name, and of nothing else."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from tests.dbt_project.manifest import PROJECT, Node, nodes_of, run_dbt
from tests.finished_company import Finished

# Each is odd but may be: a plan that the seed lacks, and a count below nothing.
PLANTED = {
    "every_billing_plan_is_known": (
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
def test_a_clean_company_is_built_without_a_warning_and_a_dirty_one_with_its_own(
    finished_company: Finished, tmp_path: Path
) -> None:
    warehouse = tmp_path / "empty.duckdb"
    shutil.copy(finished_company.project.warehouse, warehouse)
    built = run_dbt(tmp_path, "--warn-error", "build")
    assert built.returncode == 0, built.stdout + built.stderr
    assert set(_statuses(tmp_path).values()) <= {"success", "pass", "no-op"}

    night = finished_company.data_date
    with duckdb.connect(str(warehouse)) as connection:
        for statement in PLANTED.values():
            assert connection.execute(statement, [night, night]).fetchall() != [(0,)]
    built = run_dbt(tmp_path, "build")
    assert built.returncode == 0, built.stdout + built.stderr
    warned = {name for name, status in _statuses(tmp_path).items() if status == "warn"}
    assert warned == PLANTED.keys()


def test_every_test_that_may_warn_is_in_the_runbook(manifest: Node) -> None:
    runbook = (PROJECT / "docs" / "runbook.md").read_text(encoding="utf-8")
    warning = [
        node["name"]
        for node in nodes_of(manifest, "test")
        if node["config"]["severity"].lower() == "warn"
        or node["config"]["error_if"] != "!= 0"
    ]
    assert len(warning) > len(PLANTED)
    assert [name for name in warning if f"`{name}`" not in runbook] == []


def _statuses(folder: Path) -> dict[str, str]:
    """Return the last build's status of each node, hooks aside."""
    results = json.loads((folder / "target" / "run_results.json").read_text("utf-8"))
    return {
        one["unique_id"].split(".")[2]: one["status"]
        for one in results["results"]
        if not one["unique_id"].startswith("operation.")
    }
