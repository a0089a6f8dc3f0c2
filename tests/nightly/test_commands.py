"""`plan`, `status` and `doctor`: what a person or a script reads."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from tests.emulators.sample.world import World
from tests.nightly.deliveries import client, deliver, listing, place, put
from tests.nightly.project import Project

Finished = tuple[Project, date]


def test_plan_names_every_task_of_a_new_night_and_touches_nothing(
    project: Project, four_nights: tuple[World, Path]
) -> None:
    world, raw = four_nights
    deliver(project, raw)
    before = listing(project, project.raw_url)
    steps = project.plan(world.first)
    tasks = [task for task, _ in steps]
    assert tasks.count("LoadRawTable") == 4
    assert tasks.count("ArchiveDataset") == 4
    assert tasks[-2:] == ["SyncTrialMetricsToSalesforce", "MailReport"]
    assert ("DbtModel", "fct_org_day") in steps
    assert not project.warehouse.exists()
    assert listing(project, project.raw_url) == before
    assert listing(project, project.archive_url) == {}
    told = project.nightshift("plan", "--date", world.first)
    assert "never loaded" in told.out and "nightshift run" in told.out


def test_plan_says_what_a_load_waits_for(project: Project) -> None:
    told = project.nightshift("plan", "--date", "2026-11-24", "--json").require(0)
    loads = [step for step in told.json["steps"] if step["task"] == "LoadRawTable"]
    assert all("_SUCCESS is missing" in step["why"] for step in loads)


def test_status_shows_the_last_nights_from_the_ledgers(
    finished_night: Finished,
) -> None:
    project, night = finished_night
    told = project.nightshift("status", "--json").require(0).json["nights"]
    assert told[0]["data_date"] == str(night)
    loads = {load["source"]: load for load in told[0]["loads"]}
    assert sorted(loads) == ["app_logs", "metrics", "orgs", "web_logs"]
    for load in loads.values():
        assert load["lines"] == load["rows"] + load["rejects"] > 0
    mart = project.rows("select count(*) as orgs from marts.sf_trial_metrics")
    sync = told[0]["salesforce"]
    assert sync["status"] == "success"
    assert sync["sent"] + sync["unchanged"] == mart[0]["orgs"]
    table = project.nightshift("status", "--nights", "1").require(0).out
    assert str(night) in table


def test_status_before_the_first_night_says_how_to_start(project: Project) -> None:
    told = project.nightshift("status").require(0)
    assert "nightshift run" in told.out
    assert project.nightshift("status", "--json").require(0).json == {"nights": []}


def test_a_test_that_warned_is_named_in_the_ledger_and_in_the_report(
    finished_night: Finished,
) -> None:
    project, night = finished_night
    started = f"{night}T01:00:00Z"
    org = {
        "org_id": 77,
        "org_name": "Odd",
        "created_at": started,
        "updated_at": started,
    }
    org |= {"trial_started_at": started, "is_internal": False}
    org |= {"billing_plan_id": 99, "billing_plan_name": "Unheard of"}
    put(project, {f"orgs/dt={night}/odd.json": json.dumps(org).encode()})
    project.run(night)
    warned = project.rows(
        "select message from ops.model_runs where data_date = ? and tests_warned > 0",
        night,
    )
    (told,) = {row["message"] for row in warned}
    assert re.match(r"every_billing_plan_is_known: Got \d+ result", told)
    bucket, key = place(f"{project.archive_url}/local/v1/report/dt={night}/index.html")
    page = client(project).get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert "every_billing_plan_is_known" in page


def test_doctor_finds_everything_well(project: Project) -> None:
    named = {"NIGHTSHIFT_ON_CALL__RECIPIENTS": '["night@example.com"]'}
    ended = project.nightshift("doctor", "--json", **named).require(0)
    checks = ended.json["checks"]
    assert all(check["is_well"] for check in checks), checks
    told = {check["name"]: check["told"] for check in checks}
    assert told["mail"].endswith("failures to night@example.com")
    names = set(told)
    assert {"warehouse", "raw bucket", "archive bucket", "salesforce", "mail"} <= names
    assert listing(project, project.archive_url) == {}


def test_doctor_says_how_to_mend_each_thing(project: Project) -> None:
    broken = {
        "NIGHTSHIFT_RAW_URL": "s3://no-such-bucket/raw",
        "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET": "wrong",
        "NIGHTSHIFT_SMTP__PORT": "1",
    }
    ended = project.nightshift("doctor", "--json", **broken).require(3)
    told = {check["name"]: check for check in ended.json["checks"]}
    for name, sign in (
        ("raw bucket", "no-such-bucket"),
        ("salesforce", "CLIENT_SECRET"),
        ("mail", "NIGHTSHIFT_SMTP__"),
    ):
        assert not told[name]["is_well"]
        assert sign in told[name]["told"]
    assert told["archive bucket"]["is_well"]


def test_the_field_doctor_counts_values_that_salesforce_would_refuse(
    finished_night: Finished,
) -> None:
    project, _ = finished_night
    look = ("doctor", "--salesforce", "--json")
    (well,) = project.nightshift(*look).require(0).json["checks"]
    assert well["is_well"]
    project.change("update marts.sf_trial_metrics set org_name__c = '#N/A'")
    rows = project.rows("select count(*) as orgs from marts.sf_trial_metrics")
    (finding,) = project.nightshift(*look).require(3).json["checks"]
    assert finding["name"] == "org_name__c" and "#N/A" in finding["told"]
    assert f"in {rows[0]['orgs']} row(s)" in finding["told"]


def test_doctor_looks_at_another_target(project: Project) -> None:
    ended = project.nightshift("doctor", "--target", "nowhere", "--json").require(3)
    told = {check["name"]: check for check in ended.json["checks"]}
    assert not told["dbt profile"]["is_well"]
    assert "nowhere" in told["dbt profile"]["told"]


def test_help_teaches_each_command(project: Project) -> None:
    whole = project.nightshift("--help").require(0).out
    for command in ("run", "backfill", "plan", "rerun", "status", "doctor"):
        assert command in whole
        told = project.nightshift(command, "--help").require(0).out
        assert "--json" in told


@pytest.mark.slow
def test_a_bare_dbt_run_on_an_empty_warehouse_gives_empty_marts(
    project: Project,
) -> None:
    project.dbt("run").require(0)
    project.dbt("test").require(0)
    tables = project.rows(
        "select table_schema, table_name from information_schema.tables "
        "where table_schema in ('marts', 'staging', 'ops')"
    )
    names = {(row["table_schema"], row["table_name"]) for row in tables}
    for wanted in (
        ("marts", "fct_org_day"),
        ("marts", "sf_trial_metrics"),
        ("staging", "raw_orgs"),
        ("ops", "loads"),
        ("ops", "salesforce_rows"),
    ):
        assert wanted in names
        rows = project.rows(f"select * from {wanted[0]}.{wanted[1]}")
        assert rows == []


@pytest.mark.slow
def test_an_analyst_builds_on_a_finished_night_with_nothing_started(
    finished_night: Finished,
) -> None:
    project, _ = finished_night
    away = {
        name: "http://127.0.0.1:9" if name.startswith("AWS_ENDPOINT") else ""
        for name in project.environment
        if name.startswith("AWS_")
    }
    before = project.rows("select * from marts.fct_org_day order by all")
    project.dbt("build", **away).require(0)
    assert project.rows("select * from marts.fct_org_day order by all") == before
    project.dbt("docs", "generate", **away).require(0)
    assert (project.folder / "target" / "catalog.json").exists()
