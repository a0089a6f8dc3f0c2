"""`plan`, `status` and `doctor`: tables for people, JSON for scripts."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrate.cli.main import app
from tests.emulators.sample.world import World
from tests.nightly.project import Project
from tests.nightly.s3_objects import (
    list_etags,
    s3_client,
    split_url,
    upload_objects,
    upload_partitions,
)

FinishedRun = tuple[Project, date]


def test_plan_names_every_task_of_a_new_run_and_changes_nothing(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw)
    before = list_etags(project, project.raw_url)
    steps = project.plan(world.first_date)
    tasks = [task for task, _ in steps]
    assert tasks.count("LoadRawTable") == 4
    assert tasks.count("ArchiveDataset") == 4
    assert tasks[-2:] == ["SyncTrialMetricsToSalesforce", "MailReport"]
    assert ("DbtModel", "fct_org_day") in steps
    assert not project.warehouse.exists()
    assert list_etags(project, project.raw_url) == before
    assert list_etags(project, project.archive_url) == {}
    result = project.nightshift("plan", "--date", world.first_date)
    assert "never loaded" in result.out and "nightshift run" in result.out


def test_plan_names_the_missing_success_marker(project: Project) -> None:
    result = project.nightshift("plan", "--date", "2026-11-24", "--json").expect(0)
    loads = [step for step in result.json["steps"] if step["task"] == "LoadRawTable"]
    assert all("_SUCCESS is missing" in step["reason"] for step in loads)


def test_status_shows_the_latest_runs_from_the_ledgers(
    finished_run: FinishedRun,
) -> None:
    project, day = finished_run
    result = project.nightshift("status", "--json").expect(0).json["runs"]
    assert result[0]["data_date"] == str(day)
    loads = {load["source"]: load for load in result[0]["loads"]}
    assert sorted(loads) == ["app_logs", "metrics", "orgs", "web_logs"]
    for load in loads.values():
        assert load["lines"] == load["rows"] + load["rejects"] > 0
    mart = project.rows("select count(*) as orgs from marts.sf_trial_metrics")
    sync = result[0]["salesforce"]
    assert sync["status"] == "success"
    assert sync["sent"] + sync["unchanged"] == mart[0]["orgs"]
    table = project.nightshift("status", "--nights", "1").expect(0).out
    assert str(day) in table


def test_status_before_the_first_run_shows_the_command_to_start(
    project: Project,
) -> None:
    result = project.nightshift("status").expect(0)
    assert "nightshift run" in result.out
    assert project.nightshift("status", "--json").expect(0).json["runs"] == []


@pytest.mark.slow
def test_dbt_test_that_warned_is_named_in_ledger_and_report(
    finished_run: FinishedRun,
) -> None:
    project, day = finished_run
    started = f"{day}T01:00:00Z"
    org = {
        "org_id": 77,
        "org_name": "New",
        "created_at": started,
        "updated_at": started,
    }
    org |= {"trial_started_at": started, "is_internal": False}
    org |= {"billing_plan_id": 99, "billing_plan_name": "Unknown"}
    upload_objects(project, {f"orgs/dt={day}/new.json": json.dumps(org).encode()})
    project.run(day)
    warned = project.rows(
        "select message from ops.model_runs where data_date = ? and tests_warned > 0",
        day,
    )
    (message,) = {row["message"] for row in warned}
    assert re.match(r"billing_plan_ids_exist_in_billing_plans: Got \d+ result", message)
    bucket, key = split_url(
        f"{project.archive_url}/local/v1/report/dt={day}/index.html"
    )
    page = s3_client(project).get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert "billing_plan_ids_exist_in_billing_plans" in page


def test_doctor_passes_all_checks(project: Project) -> None:
    settings = {"NIGHTSHIFT_ON_CALL__RECIPIENTS": '["on-call@example.com"]'}
    result = project.nightshift("doctor", "--json", **settings).expect(0)
    checks = result.json["checks"]
    assert all(check["passed"] for check in checks), checks
    result = {check["name"]: check["message"] for check in checks}
    assert result["mail"].endswith("alerts go to on-call@example.com")
    names = set(result)
    assert {"warehouse", "raw bucket", "archive bucket", "salesforce", "mail"} <= names
    assert list_etags(project, project.archive_url) == {}


def test_doctor_names_the_setting_of_each_failed_check(project: Project) -> None:
    broken = {
        "NIGHTSHIFT_RAW_URL": "s3://no-such-bucket/raw",
        "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET": "wrong",
        "NIGHTSHIFT_SMTP__PORT": "1",
    }
    result = project.nightshift("doctor", "--json", **broken).expect(3)
    result = {check["name"]: check for check in result.json["checks"]}
    for name, text in (
        ("raw bucket", "no-such-bucket"),
        ("salesforce", "CLIENT_SECRET"),
        ("mail", "NIGHTSHIFT_SMTP__"),
    ):
        assert not result[name]["passed"]
        assert text in result[name]["message"]
    assert result["archive bucket"]["passed"]


def test_doctor_counts_values_that_salesforce_would_reject(
    finished_run: FinishedRun,
) -> None:
    project, _ = finished_run
    command = ("doctor", "--salesforce", "--json")
    (check,) = project.nightshift(*command).expect(0).json["checks"]
    assert check["passed"]
    project.execute("update marts.sf_trial_metrics set org_name__c = '#N/A'")
    rows = project.rows("select count(*) as orgs from marts.sf_trial_metrics")
    (check,) = project.nightshift(*command).expect(3).json["checks"]
    assert check["name"] == "org_name__c" and "#N/A" in check["message"]
    assert f"in {rows[0]['orgs']} row(s)" in check["message"]


def test_doctor_checks_another_target(project: Project) -> None:
    result = project.nightshift("doctor", "--target", "nowhere", "--json").expect(3)
    result = {check["name"]: check for check in result.json["checks"]}
    assert not result["dbt profile"]["passed"]
    assert "nowhere" in result["dbt profile"]["message"]


def test_each_command_has_help_and_json_option() -> None:
    runner = CliRunner()
    overview = runner.invoke(app, ["--help"]).output
    for command in ("run", "backfill", "plan", "rerun", "rejects", "status", "doctor"):
        assert command in overview
        result = runner.invoke(app, [command, "--help"])
        assert result.exit_code == 0 and "--json" in result.output


@pytest.mark.slow
def test_bare_dbt_run_on_an_empty_warehouse_creates_empty_marts(
    project: Project,
) -> None:
    project.dbt("run").expect(0)
    project.dbt("test").expect(0)
    tables = project.rows(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema in ('marts', 'staging', 'ops')"
    )
    names = {(row["table_schema"], row["table_name"]) for row in tables}
    for relation in (
        ("marts", "fct_org_day"),
        ("marts", "sf_trial_metrics"),
        ("staging", "raw_orgs"),
        ("ops", "loads"),
        ("ops", "salesforce_rows"),
    ):
        assert relation in names
        rows = project.rows(f"select * from {relation[0]}.{relation[1]}")
        assert rows == []


@pytest.mark.slow
def test_analyst_builds_on_a_finished_warehouse_without_services(
    finished_run: FinishedRun,
) -> None:
    project, _ = finished_run
    unreachable = {
        name: "http://127.0.0.1:9" if name.startswith("AWS_ENDPOINT") else ""
        for name in project.environment
        if name.startswith("AWS_")
    }
    before = project.rows("select * from marts.fct_org_day order by all")
    project.dbt("build", **unreachable).expect(0)
    assert project.rows("select * from marts.fct_org_day order by all") == before
    project.dbt("docs", "generate", **unreachable).expect(0)
    assert (project.folder / "target" / "catalog.json").exists()


def test_ledger_has_the_rows_of_each_build(finished_run: FinishedRun) -> None:
    project, day = finished_run
    builds = project.rows(
        "select model, rows, table_schema || '.' || table_name as name, table_schema, "
        "table_type = 'VIEW' as is_view from ops.model_runs "
        "inner join information_schema.tables on table_name = model "
        "where status = 'success' and data_date = ?",
        day,
    )
    assert len(builds) > 30
    for build in builds:
        assert (build["rows"] is None) == build["is_view"], build
        # The window of the last run includes all rows of these.
        if build["table_schema"] == "marts":
            (table,) = project.rows(f"select count(*) as rows from {build['name']}")
            assert build["rows"] == table["rows"], build
