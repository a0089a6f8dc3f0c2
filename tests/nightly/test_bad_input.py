"""Bad input and settings: the exit code, one message with the next step, no loss."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.emulators.sample.world import SOURCES, World
from tests.nightly.assertions import marts, require_marts, require_same
from tests.nightly.deliveries import client, deliver, place, put, take_away
from tests.nightly.project import Project

Finished = tuple[Project, date]


def _said(told: dict) -> str:
    return "\n".join(failure["error"] for failure in told["failures"])


@pytest.mark.slow
@pytest.mark.parametrize(("together", "loads_of_metrics"), [("256 << 20", 1), ("1", 3)])
def test_days_that_cannot_be_loaded_are_named_and_all_others_are_loaded(
    project: Project,
    four_nights: tuple[World, Path],
    together: str,
    loads_of_metrics: int,
) -> None:
    world, raw = four_nights
    limit = "TOGETHER_BYTES ="
    project.edit(
        "orchestrate/tasks/load.py", f"{limit} 256 << 20", f"{limit} {together}"
    )
    deliver(project, raw)
    take_away(project, f"{project.raw_url}/metrics/dt={world.until}/_SUCCESS")
    broken = f"app_logs/dt={world.dates[1]}/broken.json"
    put(project, {broken: b"not a line\n" * 5000})
    whole = ("--from", world.first, "--to", world.until)
    told = project.nightshift("backfill", *whole, "--json").require(1).json
    assert f"/metrics/dt={world.until}/" in _said(told)
    assert "_SUCCESS" in _said(told) and "Wait for the producer" in _said(told)
    assert f"app_logs dt={world.dates[1]}" in _said(told)
    loads = project.rows("select source, dt from ops.loads")
    assert sorted((load["source"], load["dt"]) for load in loads) == sorted(
        {(source, day) for source in SOURCES for day in world.dates}
        - {("metrics", world.until), ("app_logs", world.dates[1])}
    )
    count = "select count(distinct started_at) as n from ops.loads"
    assert project.rows(f"{count} where source = 'metrics'") == [
        {"n": loads_of_metrics}
    ]
    put(project, {f"metrics/dt={world.until}/_SUCCESS": b""})
    take_away(project, f"{project.raw_url}/{broken}")
    project.nightshift("backfill", *whole).require(0)
    require_marts(project, raw, data_date=world.until, nights=world.dates)


@pytest.mark.parametrize(
    ("name", "content", "sign"),
    [
        ("cut.json.gz", gzip.compress(b'{"org_id": 1}\n' * 400, mtime=0)[:-20], "gzip"),
        ("odd.json.zst", b"this is no zstd", "zstd"),
        ("blob.json", bytes(range(128, 256)) * 50, "not text"),
    ],
    ids=["gzip", "zstd", "text"],
)
def test_an_object_that_cannot_be_read_is_named_and_earlier_content_stays(
    finished_night: Finished, name: str, content: bytes, sign: str
) -> None:
    project, night = finished_night
    before = marts(project)
    loads = project.rows("select * from ops.loads")
    put(project, {f"orgs/dt={night}/{name}": content})
    told = project.nightshift("run", "--date", night, "--json").require(1).json
    assert f"orgs/dt={night}/{name}" in _said(told) and sign in _said(told)
    assert "delivered again" in _said(told)
    require_same(before, marts(project))
    assert project.rows("select * from ops.loads") == loads
    take_away(project, f"{project.raw_url}/orgs/dt={night}/{name}")
    assert project.run(night)["tasks_done"] == 0


def test_too_many_rejects_fail_the_load_and_earlier_content_stays(
    finished_night: Finished,
) -> None:
    project, night = finished_night
    before = marts(project)
    put(project, {f"app_logs/dt={night}/broken.json": b"not a line\n" * 500})
    told = project.nightshift("run", "--date", night, "--json").require(1).json
    assert "app_logs" in _said(told) and "lines rejected" in _said(told)
    assert "max_reject_ratio" in _said(told) and "broken.json line 1" in _said(told)
    require_same(before, marts(project))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NIGHTSHIFT_RAW_URI", "s3://bucket"),
        ("NIGHTSHIFT_SALESFORCE__SECRET", "x"),
        ("NIGHTSHIFT_RAW_URL", "bucket/raw"),
        ("NIGHTSHIFT_SMTP__PORT", "many"),
    ],
)
def test_a_setting_that_is_unknown_or_malformed_is_named(
    project: Project, name: str, value: str
) -> None:
    ended = project.nightshift("run", "--date", "2026-11-24", **{name: value})
    assert ended.code == 3
    assert name in ended.err
    assert len(ended.err.strip().splitlines()) <= 4
    assert not project.warehouse.exists()


def test_a_data_date_that_has_not_ended_is_refused(project: Project) -> None:
    today = datetime.now(UTC).date()
    for command in (
        ("run", "--date", today),
        ("plan", "--date", today),
        ("backfill", "--from", "2026-11-20", "--to", today),
    ):
        ended = project.nightshift(*command).require(3)
        assert str(today) in ended.err and "before today" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--date", "24.11.2026"),
        ("run", "--workers", "none"),
        ("backfill", "--from", "2026-11-24", "--to", "2026-11-20"),
        ("sleep",),
    ],
)
def test_bad_arguments_end_with_3(project: Project, arguments: tuple[str, ...]) -> None:
    ended = project.nightshift(*arguments).require(3)
    assert ended.err.startswith("nightshift: ")


def test_a_bucket_that_does_not_exist_is_named(project: Project) -> None:
    ended = project.nightshift(
        *("run", "--date", "2026-11-24"), NIGHTSHIFT_RAW_URL="s3://no-such-bucket/raw"
    )
    assert ended.code == 3
    assert "no-such-bucket" in ended.err and "NIGHTSHIFT_RAW_URL" in ended.err


@pytest.mark.slow
def test_a_wrong_salesforce_secret_fails_the_sync_alone(
    project: Project, four_nights: tuple[World, Path]
) -> None:
    world, raw = four_nights
    deliver(project, raw)
    secret = "wrong-s3cret-value"
    wrong = {"NIGHTSHIFT_SALESFORCE__CLIENT_SECRET": secret}
    whole = ("backfill", "--from", world.first, "--to", world.until)
    ended = project.nightshift(*whole, "--json", **wrong).require(1)
    assert "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET" in _said(ended.json)
    assert [end["task"] for end in ended.json["failures"]] == [
        "SyncTrialMetricsToSalesforce"
    ]
    log = (project.folder / "var" / "logs" / "nightshift.log").read_text()
    assert secret not in ended.out + ended.err + log
    require_marts(project, raw, data_date=world.until, nights=world.dates)
    told = project.nightshift(*whole, "--json").require(0).json
    assert told["tasks_done"] == 2  # the sync, and the report that tells of it


def test_a_missing_setting_is_named_before_anything_is_done(project: Project) -> None:
    ended = project.nightshift(
        *("run", "--date", "2026-11-24"), NIGHTSHIFT_SALESFORCE__CLIENT_SECRET=""
    )
    assert ended.code == 3
    assert "NIGHTSHIFT_SALESFORCE__CLIENT_SECRET" in ended.err
    assert "doctor" in ended.err


@pytest.mark.slow
def test_rows_beyond_the_threshold_end_the_night_with_2(
    project: Project, four_nights: tuple[World, Path]
) -> None:
    world, raw = four_nights
    deliver(project, raw)
    s3 = client(project)
    bucket, prefix = place(f"{project.raw_url}/orgs/dt={world.until}/")
    started = f"{world.until}T01:00:00Z"
    line = (
        f'{{"org_id":77,"org_name":"#N/A","created_at":"{started}",'
        f'"trial_started_at":"{started}","billing_plan_id":1,'
        f'"billing_plan_name":"Trial","is_internal":false,"updated_at":"{started}"}}\n'
    )
    s3.put_object(Bucket=bucket, Key=f"{prefix}marker.json", Body=line.encode())
    whole = ("backfill", "--from", world.first, "--to", world.until)
    ended = project.nightshift(*whole).require(2)
    assert "nightshift salesforce rejects" in ended.out
    told = project.nightshift("salesforce", "rejects", "--json").require(0).json
    assert "77" in {reject["key"] for reject in told["rejects"]}
    assert project.nightshift("run", "--date", world.until).code == 2
    retry = ("salesforce", "rejects", "--retry")
    assert "1 rejected" in project.nightshift(*retry).require(2).out
    mended = "set org_name__c = 'Seventy-seven' where org_id__c = '77'"
    project.change(f"update marts.sf_trial_metrics {mended}")
    assert "1 sent, 1 accepted" in project.nightshift(*retry).require(0).out
    told = project.nightshift("salesforce", "rejects", "--json").require(0).json
    assert told == {"rejects": []}
