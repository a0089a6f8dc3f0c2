"""What is done is not done again; what is taken away, and only that, is made again."""

from datetime import date

from tests.nightly import salesforce_records
from tests.nightly.deliveries import client, listing, place, take_away
from tests.nightly.project import Project

Finished = tuple[Project, date]


def test_a_finished_night_runs_no_task(finished_night: Finished) -> None:
    project, night = finished_night
    told = project.run(night)
    assert told["tasks_done"] == 0
    assert project.plan(night) == []
    assert "Nothing to do" in project.nightshift("run", "--date", night).out


def test_a_finished_night_does_not_import_dbt(finished_night: Finished) -> None:
    project, night = finished_night
    (project.folder / "dbt").mkdir()
    (project.folder / "dbt" / "__init__.py").write_text("raise ImportError('dbt')")
    assert project.run(night)["tasks_done"] == 0


def test_a_deleted_archive_partition_is_written_again(finished_night: Finished) -> None:
    project, night = finished_night
    target = project.environment.get("DBT_TARGET", "local")
    root = f"{project.archive_url}/{target}/v1/org_day/dt={night}/"
    before = listing(project, project.archive_url)
    assert take_away(project, root)
    assert project.plan(night) == [("ArchiveDataset", "org_day")]
    assert project.run(night)["tasks_done"] == 1
    assert listing(project, project.archive_url).keys() == before.keys()


def test_a_deleted_ledger_row_is_earned_again(finished_night: Finished) -> None:
    project, night = finished_night
    project.change(
        "delete from ops.archives "
        f"where dataset = 'org_trial_metrics' and dt = date '{night}'"
    )
    assert project.plan(night) == [("ArchiveDataset", "org_trial_metrics")]
    assert project.run(night)["tasks_done"] == 1
    assert project.plan(night) == []


def test_a_dropped_mart_is_built_again_with_all_its_history(
    finished_night: Finished,
) -> None:
    project, night = finished_night
    mart = "select * from marts.trial_target_curve order by 1, 2, 3, 4"
    before = project.rows(mart)
    project.change("drop table marts.trial_target_curve")
    stale = project.plan(night)
    assert stale == [("DbtModel", "trial_target_curve")]
    told = project.run(night)
    assert told["tasks_done"] == 1
    assert project.rows(mart) == before


def test_a_changed_object_makes_its_load_and_what_hangs_on_it_stale(
    finished_night: Finished,
) -> None:
    project, night = finished_night
    s3 = client(project)
    bucket, prefix = place(f"{project.raw_url}/web_logs/dt={night}/")
    line = b'10.0.0.9 - - [%s] "GET /late HTTP/1.1" 200 1 "-" "Late/1.0"\n' % (
        f"{night:%d/%b/%Y}:11:00:00 +0000".encode()
    )
    s3.put_object(Bucket=bucket, Key=f"{prefix}late.log", Body=line)
    stale = project.plan(night)
    assert ("LoadRawTable", "web_logs") in stale
    loads = [what for task, what in stale if task == "LoadRawTable"]
    assert loads == ["web_logs"]
    models = {what for task, what in stale if task == "DbtModel"}
    assert {"stg_web__requests", "fct_web_sessions", "fct_org_day"} <= models
    assert not {"stg_app__orgs", "stg_app__events", "billing_plans"} & models
    project.run(night)
    found = project.rows(
        "select count(*) as sessions from marts.fct_web_sessions "
        f"where started_at = timestamp '{night} 11:00:00' and page_views = 1"
    )
    assert found[0]["sessions"] >= 1
    assert project.plan(night) == []


def test_a_changed_model_makes_itself_and_its_children_stale(
    finished_night: Finished,
) -> None:
    project, night = finished_night
    path = "models/marts/trials/trial_target_metrics.sql"
    project.edit(path, "count(*) as orgs", "count(cohort) as orgs")
    stale = {what for task, what in project.plan(night) if task == "DbtModel"}
    children = {"int_org_target_attainment", "fct_org_trial_metrics"}
    assert {"trial_target_metrics", "sf_trial_metrics", *children} <= stale
    assert not {"fct_org_day", "fct_web_sessions", "trial_target_curve"} & stale
    project.run(night)
    assert project.plan(night) == []


def test_a_changed_var_makes_the_models_that_use_it_stale(
    finished_night: Finished,
) -> None:
    project, night = finished_night
    project.edit(
        "dbt_project.yml", "session_timeout_minutes: 30", "session_timeout_minutes: 20"
    )
    stale = {what for task, what in project.plan(night) if task == "DbtModel"}
    assert {"int_web_requests_sessionized", "fct_web_sessions", "fct_org_day"} <= stale
    assert not {"stg_web__requests", "int_app_events_deduplicated"} & stale
    project.run(night)
    assert project.plan(night) == []
    salesforce_records.require_as_mart(project)


def test_rerun_does_again_what_it_is_asked_for(finished_night: Finished) -> None:
    project, night = finished_night
    ask = ("rerun", "--date", night, "--json")
    told = project.nightshift(*ask, "--dataset", "org_activity").require(0).json
    assert told["tasks_done"] == 1
    told = project.nightshift(*ask, "--source", "orgs").require(0).json
    assert told["tasks_done"] >= 1
    unknown = project.nightshift(*ask, "--model", "fct_nothing").require(3)
    assert "fct_nothing" in unknown.err and "fct_org_day" in unknown.err


def test_a_late_object_is_taken_along_by_the_next_night(
    finished_night: Finished,
) -> None:
    project, night = finished_night
    earlier = date.fromordinal(night.toordinal() - 1)
    s3 = client(project)
    bucket, prefix = place(f"{project.raw_url}/app_logs/dt={earlier}/")
    line = (
        f'{{"event_id":"late-1","ts":"{earlier}T10:00:00Z","org_id":1001,'
        '"level":"INFO","event":"page_view"}\n'
    )
    s3.put_object(Bucket=bucket, Key=f"{prefix}late.json", Body=line.encode())
    assert ("LoadRawTable", "app_logs") in project.plan(night)
    project.run(night)
    found = project.rows(
        "select event_date from intermediate.int_app_events_deduplicated "
        "where event_id = 'late-1'"
    )
    assert found == [{"event_date": earlier}]
