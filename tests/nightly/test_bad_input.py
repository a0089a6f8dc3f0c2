"""Bad input and settings: the exit code, one message with a remedy, no data loss."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.sample.world import SOURCES, World
from tests.nightly.assertions import (
    assert_marts_match_reference,
    assert_same_marts,
    read_marts,
)
from tests.nightly.project import Project
from tests.nightly.s3_objects import (
    delete_objects,
    s3_client,
    split_url,
    upload_objects,
    upload_partitions,
)

FinishedRun = tuple[Project, date]


def _errors(summary: dict[str, Any]) -> str:
    return "\n".join(failure["error"] for failure in summary["failures"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch_bytes", "loads_of_metrics"), [("256 << 20", 1), ("1", 3)]
)
def test_backfill_loads_valid_dates_and_names_the_others(
    project: Project,
    four_day_world: tuple[World, Path],
    batch_bytes: str,
    loads_of_metrics: int,
) -> None:
    world, raw = four_day_world
    limit = "MAX_BATCH_BYTES ="
    project.replace_text(
        "orchestrate/tasks/load.py", f"{limit} 256 << 20", f"{limit} {batch_bytes}"
    )
    upload_partitions(project, raw)
    delete_objects(project, f"{project.raw_url}/metrics/dt={world.until}/_SUCCESS")
    broken = f"app_logs/dt={world.dates[1]}/broken.json"
    upload_objects(project, {broken: b"not a line\n" * 5000})
    all_dates = ("--from", world.first_date, "--to", world.until)
    summary = project.nightshift("backfill", *all_dates, "--json").expect(1).json
    assert f"/metrics/dt={world.until}/" in _errors(summary)
    assert "_SUCCESS" in _errors(summary) and "Wait for the producer" in _errors(
        summary
    )
    assert f"app_logs dt={world.dates[1]}" in _errors(summary)
    loads = project.rows("select source, dt from ops.loads")
    assert sorted((load["source"], load["dt"]) for load in loads) == sorted(
        {(source, day) for source in SOURCES for day in world.dates}
        - {("metrics", world.until), ("app_logs", world.dates[1])}
    )
    count = "select count(distinct started_at) as n from ops.loads"
    assert project.rows(f"{count} where source = 'metrics'") == [
        {"n": loads_of_metrics}
    ]
    upload_objects(project, {f"metrics/dt={world.until}/_SUCCESS": b""})
    delete_objects(project, f"{project.raw_url}/{broken}")
    project.nightshift("backfill", *all_dates).expect(0)
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )


# By source: name and content of an object whose load fails, and words of the error.
BAD_OBJECTS = {
    "orgs": (
        "cut.json.gz",
        gzip.compress(b'{"org_id": 1}\n' * 400, mtime=0)[:-20],
        ("gzip", "re-deliver"),
    ),
    "metrics": ("invalid.json.zst", b"this is no zstd", ("zstd", "re-deliver")),
    "web_logs": (
        "blob.log",
        (bytes(range(128, 256)) + b"\n") * 50,
        ("UTF-8", "re-deliver"),
    ),
    "app_logs": (
        "broken.json",
        b"not a line\n" * 500,
        ("lines rejected", "max_reject_ratio", "broken.json line 1"),
    ),
}


@pytest.mark.slow
def test_bad_object_is_named_and_leaves_existing_data_unchanged(
    finished_run: FinishedRun,
) -> None:
    project, day = finished_run
    marts = read_marts(project)
    loads = project.rows("select * from ops.loads")
    keys = {
        source: f"{source}/dt={day}/{name}"
        for source, (name, _, _) in BAD_OBJECTS.items()
    }
    upload_objects(
        project, {keys[source]: BAD_OBJECTS[source][1] for source in BAD_OBJECTS}
    )
    result = project.nightshift("run", "--date", day, "--json").expect(1)
    errors = {
        source: failure["error"]
        for failure in result.json["failures"]
        for source in BAD_OBJECTS
        if failure["task"] == "LoadRawTable" and failure["subject"] == source
    }
    assert errors.keys() == BAD_OBJECTS.keys()
    for source, (name, _, words) in BAD_OBJECTS.items():
        for word in (name, *words):
            assert word in errors[source], errors[source]
    assert_same_marts(marts, read_marts(project))
    assert project.rows("select * from ops.loads") == loads
    for key in keys.values():
        delete_objects(project, f"{project.raw_url}/{key}")
    assert project.run(day)["tasks_done"] == 0


@pytest.mark.slow
def test_changed_type_stops_only_the_models_that_need_its_table(
    finished_run: FinishedRun,
) -> None:
    project, day = finished_run
    marts = read_marts(project)
    column = "- name: response_bytes\n            data_type: "
    project.replace_text(
        "models/staging/web/_web__sources.yml",
        f"{column}bigint",
        f"{column}varchar(65535)",
    )
    for model in ("staging/web/stg_web__requests", "intermediate/int_org_usage_daily"):
        path = project.folder / "models" / f"{model}.sql"
        path.write_text(f"{path.read_text()}-- changed\n")
    summary = project.nightshift("run", "--date", day, "--json").expect(1).json
    (failure,) = summary["failures"]
    assert failure["subject"] == "stg_web__requests"
    message, *statements = failure["error"].splitlines()
    for words in ("Column response_bytes of staging.raw_web_logs", "has the type"):
        assert words in message
    stale = {subject for task, subject in project.plan(day) if task == "DbtModel"}
    assert "stg_web__requests" in stale and "int_org_usage_daily" not in stale
    for statement in statements:
        project.execute(statement.strip(" ;"))
    project.run(day)
    assert_same_marts(marts, read_marts(project))
    assert project.plan(day) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NIGHTSHIFT_RAW_URI", "s3://bucket"),
        ("NIGHTSHIFT_SALESFORCE__SECRET", "x"),
        ("NIGHTSHIFT_RAW_URL", "bucket/raw"),
        ("NIGHTSHIFT_SMTP__PORT", "many"),
    ],
)
def test_unknown_or_malformed_setting_is_named(
    project: Project, name: str, value: str
) -> None:
    result = project.nightshift("run", "--date", "2026-11-24", **{name: value})
    assert result.code == 3
    assert name in result.err
    assert len(result.err.strip().splitlines()) <= 4
    assert not project.warehouse.exists()


def test_data_date_that_has_not_ended_is_an_error(project: Project) -> None:
    today = datetime.now(UTC).date()
    for command in (
        ("run", "--date", today),
        ("plan", "--date", today),
        ("backfill", "--from", "2026-11-20", "--to", today),
    ):
        result = project.nightshift(*command).expect(3)
        assert str(today) in result.err and "before today" in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--date", "24.11.2026"),
        ("run", "--workers", "none"),
        ("backfill", "--from", "2026-11-24", "--to", "2026-11-20"),
        ("unknown-command",),
    ],
)
def test_bad_arguments_exit_with_3(
    project: Project, arguments: tuple[str, ...]
) -> None:
    result = project.nightshift(*arguments).expect(3)
    assert result.err.startswith("nightshift: ")


@pytest.mark.parametrize(
    "command", ["plan", pytest.param("run", marks=pytest.mark.slow)]
)
def test_missing_bucket_is_named_with_its_setting(
    project: Project, command: str
) -> None:
    result = project.nightshift(
        *(command, "--date", "2026-11-24"), NIGHTSHIFT_RAW_URL="s3://no-such-bucket/raw"
    )
    assert result.code == 3
    assert "no-such-bucket" in result.err and "NIGHTSHIFT_RAW_URL" in result.err


@pytest.mark.slow
def test_wrong_salesforce_secret_fails_only_the_sync(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw)
    secret = "wrong-s3cret-value"
    wrong_secret = {"NIGHTSHIFT_SALESFORCE__CLIENT_SECRET": secret}
    backfill = ("backfill", "--from", world.first_date, "--to", world.until)
    result = project.nightshift(*backfill, "--json", **wrong_secret).expect(1)
    assert "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET" in _errors(result.json)
    assert [failure["task"] for failure in result.json["failures"]] == [
        "SyncTrialMetricsToSalesforce"
    ]
    log = (project.folder / "var" / "logs" / "nightshift.log").read_text()
    assert secret not in result.out + result.err + log
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )
    summary = project.nightshift(*backfill, "--json").expect(0).json
    assert summary["tasks_done"] == 2  # the sync, and the report that shows it


def test_missing_setting_is_named_before_any_task_runs(project: Project) -> None:
    result = project.nightshift(
        *("run", "--date", "2026-11-24"), NIGHTSHIFT_SALESFORCE__CLIENT_SECRET=""
    )
    assert result.code == 3
    assert "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET" in result.err
    assert "doctor" in result.err


@pytest.mark.slow
def test_permanent_salesforce_reject_exits_with_2_for_its_first_date(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw)
    s3 = s3_client(project)
    started = f"{world.dates[-2]}T01:00:00Z"
    line = (
        f'{{"org_id":77,"org_name":"#N/A","created_at":"{started}",'
        f'"trial_started_at":"{started}","billing_plan_id":1,'
        f'"billing_plan_name":"Trial","is_internal":false,"updated_at":"{started}"}}\n'
    )
    for day in world.dates[-2:]:
        bucket, prefix = split_url(f"{project.raw_url}/orgs/dt={day}/")
        s3.put_object(Bucket=bucket, Key=f"{prefix}marker.json", Body=line.encode())
    backfill = ("backfill", "--from", world.first_date, "--to", world.dates[-2])
    result = project.nightshift(*backfill).expect(2)
    assert "nightshift salesforce rejects" in result.out
    summary = project.nightshift("salesforce", "rejects", "--json").expect(0).json
    assert [reject["key"] for reject in summary["rejects"]] == ["77"]
    assert summary["rejects"][0]["is_permanent"]
    retry = ("salesforce", "rejects", "--retry")
    assert "1 rejected" in project.nightshift(*retry).expect(2).out
    result = project.nightshift("run", "--date", world.until).expect(0)
    assert "1 rejected (1 as before)" in result.out
    status = project.nightshift("status").expect(0).out
    assert "1 with NULL_MARKER_TEXT" in status and "salesforce rejects" in status
    report = project.nightshift("report", "--date", world.until, "--json").expect(0)
    known = "1 permanently rejected by Trial_Metrics__c as before"
    assert known in Path(report.json["page"]).read_text(encoding="utf-8")
    assert "1 rejected (1 as before)" in project.nightshift(*retry).expect(0).out
    corrected = "set org_name__c = 'Seventy-seven' where org_id__c = '77'"
    project.execute(f"update marts.sf_trial_metrics {corrected}")
    assert "1 sent, 1 accepted" in project.nightshift(*retry).expect(0).out
    summary = project.nightshift("salesforce", "rejects", "--json").expect(0).json
    assert summary == {"rejects": []}
