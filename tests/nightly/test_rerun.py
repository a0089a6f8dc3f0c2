"""Rerunning a finished data date: only what is missing or stale runs again."""

import json
from datetime import date, timedelta

import pytest

from tests.nightly import salesforce_records
from tests.nightly.project import Project
from tests.nightly.s3_objects import (
    delete_objects,
    list_etags,
    read_text,
    upload_objects,
)

FinishedRun = tuple[Project, date]


def _stale_models(project: Project, day: date) -> set[str]:
    return {subject for task, subject in project.plan(day) if task == "DbtModel"}


def test_finished_run_executes_no_task(finished_run: FinishedRun) -> None:
    project, day = finished_run
    assert project.plan(day) == []
    result = project.nightshift("run", "--date", day).expect(0)
    assert "Nothing to do" in result.out


def test_finished_run_does_not_import_dbt(finished_run: FinishedRun) -> None:
    project, day = finished_run
    (project.folder / "dbt").mkdir()
    (project.folder / "dbt" / "__init__.py").write_text("raise ImportError('dbt')")
    assert project.run(day)["tasks_done"] == 0


@pytest.mark.slow
def test_later_date_that_waits_for_its_partitions_changes_nothing(
    finished_run: FinishedRun,
) -> None:
    project, day = finished_run
    later = day + timedelta(days=1)
    project.nightshift("run", "--date", later).expect(1)
    assert project.plan(day) == []
    result = project.nightshift("run", "--date", day).expect(0)
    assert "Nothing to do" in result.out
    steps = (
        project.nightshift("plan", "--date", later, "--json").expect(0).json["steps"]
    )
    causes = {step["subject"]: step["cause"] for step in steps}
    missing = f"metrics {later} (never loaded, _SUCCESS is missing)"
    assert causes["int_org_usage_daily"] == missing
    assert missing in causes["sf_trial_metrics"]


def test_deleted_archive_partition_is_written_again(finished_run: FinishedRun) -> None:
    project, day = finished_run
    target = project.environment.get("DBT_TARGET", "local")
    root = f"{project.archive_url}/{target}/v1/org_day/dt={day}/"
    before = list_etags(project, project.archive_url)
    assert delete_objects(project, root)
    assert project.plan(day) == [("ArchiveDataset", "org_day")]
    assert project.run(day)["tasks_done"] == 1
    assert list_etags(project, project.archive_url).keys() == before.keys()


def test_deleted_ledger_row_runs_its_task_again(finished_run: FinishedRun) -> None:
    project, day = finished_run
    project.execute(
        "delete from ops.archives "
        f"where dataset = 'org_trial_metrics' and dt = date '{day}'"
    )
    assert project.plan(day) == [("ArchiveDataset", "org_trial_metrics")]
    assert project.run(day)["tasks_done"] == 1


@pytest.mark.slow
def test_dropped_mart_is_rebuilt_with_its_history(finished_run: FinishedRun) -> None:
    project, day = finished_run
    mart = "select * from marts.trial_target_curve order by 1, 2, 3, 4"
    before = project.rows(mart)
    project.execute("drop table marts.trial_target_curve")
    assert project.plan(day) == [("DbtModel", "trial_target_curve")]
    assert project.run(day)["tasks_done"] == 1
    assert project.rows(mart) == before


@pytest.mark.slow
def test_changed_and_late_objects_reload_their_partitions_and_downstream_models(
    finished_run: FinishedRun,
) -> None:
    project, day = finished_run
    day_before = day - timedelta(days=1)
    request = b'10.0.0.9 - - [%s] "GET /late HTTP/1.1" 200 1 "-" "Late/1.0"\n' % (
        f"{day:%d/%b/%Y}:11:00:00 +0000".encode()
    )
    upload_objects(project, {f"web_logs/dt={day}/late.log": request})
    stale = project.plan(day)
    assert [subject for task, subject in stale if task == "LoadRawTable"] == [
        "web_logs"
    ]
    models = {subject for task, subject in stale if task == "DbtModel"}
    assert {"stg_web__requests", "fct_web_sessions", "fct_org_day"} <= models
    assert not {"stg_app__orgs", "stg_app__events", "billing_plans"} & models

    event = {"event_id": "late-1", "ts": f"{day_before}T10:00:00Z", "org_id": 1001}
    event |= {"level": "INFO", "event": "page_view"}
    late = json.dumps(event).encode()
    upload_objects(project, {f"app_logs/dt={day_before}/late.json": late})
    assert ("LoadRawTable", "app_logs") in project.plan(day)

    changed_day = day - timedelta(days=3)
    upload_objects(project, {f"metrics/dt={changed_day}/late.json": b""})
    document = project.nightshift("plan", "--date", day, "--json").expect(0).json
    causes = {step["subject"]: step["cause"] for step in document["steps"]}
    assert causes["fct_web_sessions"] == (
        f"app_logs {day_before} (its objects changed), "
        f"web_logs {day} (its objects changed)"
    )
    assert causes["Trial_Metrics__c"] == causes["org_day"] == causes["fct_org_day"]
    changed = {"source": "metrics", "dt": str(changed_day)}
    changed["command"] = f"nightshift run --date {changed_day}"
    assert document["changed_partitions"] == [changed]

    project.run(day)
    report = f"{project.archive_url}/local/v1/report/dt={day}/index.html"
    assert changed["command"] in read_text(project, report)
    (sessions,) = project.rows(
        "select count(*) as sessions from marts.fct_web_sessions "
        f"where started_at = timestamp '{day} 11:00:00' and page_views = 1"
    )
    assert sessions["sessions"] >= 1
    events = project.rows(
        "select event_date from intermediate.int_app_events_deduplicated "
        "where event_id = 'late-1'"
    )
    assert events == [{"event_date": day_before}]
    assert project.plan(day) == []


@pytest.mark.slow
def test_changed_model_makes_itself_and_its_descendants_stale(
    finished_run: FinishedRun,
) -> None:
    project, day = finished_run
    path = "models/intermediate/int_trial_targets_aggregated.sql"
    project.replace_text(path, "count(*) as orgs", "count(cohort) as orgs")
    stale = _stale_models(project, day)
    descendants = {"int_org_target_attainment", "fct_org_trial_metrics"}
    assert {"trial_target_metrics", "sf_trial_metrics", *descendants} <= stale
    assert not {"fct_org_day", "fct_web_sessions", "trial_target_curve"} & stale
    project.run(day)
    assert project.plan(day) == []


@pytest.mark.slow
def test_changed_var_makes_the_models_that_use_it_stale(
    finished_run: FinishedRun,
) -> None:
    project, day = finished_run
    project.replace_text(
        "dbt_project.yml", "session_timeout_minutes: 30", "session_timeout_minutes: 20"
    )
    stale = _stale_models(project, day)
    assert {"int_web_requests_sessionized", "fct_web_sessions", "fct_org_day"} <= stale
    assert not {"stg_web__requests", "int_app_events_deduplicated"} & stale
    project.run(day)
    assert project.plan(day) == []
    salesforce_records.assert_records_match_mart(project)


@pytest.mark.slow
def test_rerun_command_repeats_finished_parts(finished_run: FinishedRun) -> None:
    project, day = finished_run
    command = ("rerun", "--date", day, "--json")
    summary = project.nightshift(*command, "--dataset", "org_activity").expect(0).json
    assert summary["tasks_done"] == 1
    summary = project.nightshift(*command, "--source", "orgs").expect(0).json
    assert summary["tasks_done"] >= 1
    unknown = project.nightshift(*command, "--model", "fct_nothing").expect(3)
    assert "fct_nothing" in unknown.err and "fct_org_day" in unknown.err
