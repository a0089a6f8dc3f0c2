"""Objects that S3 does not deliver, and that change during a run."""

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.emulators.s3_faults import injected_faults
from tests.emulators.sample.world import SOURCES, World
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.project import Project
from tests.nightly.s3_objects import upload_objects, upload_partitions

# By source: position of the day, the fault of its objects, and words of the message.
FAULTS: dict[str, tuple[int, dict[str, object], str]] = {
    "orgs": (1, {"code": "InvalidObjectState", "status": 403}, "Restore the object"),
    "metrics": (2, {"code": "KMS.DisabledException"}, "Enable the key"),
    "app_logs": (
        *(0, {"code": "AccessDenied", "status": 403}),
        "Grant s3:GetObject on arn:aws:s3:::",
    ),
    "web_logs": (1, {"cut_at": 10}, "the transfer broke off"),
}


def _faults(project: Project, world: World) -> list[dict[str, object]]:
    prefix = project.raw_url.rpartition("/")[2]
    return [
        {
            "operation": "GetObject",
            "key": f"{prefix}/{source}/dt={world.dates[position]}/",
            "times": 0,
            **fault,
        }
        for source, (position, fault, _) in FAULTS.items()
    ]


def _load_errors(summary: dict[str, Any]) -> dict[str, str]:
    return {
        failure["subject"]: failure["error"]
        for failure in summary["failures"]
        if failure["task"] == "LoadRawTable"
    }


@pytest.mark.slow
def test_backfill_loads_all_days_but_those_with_an_object_that_s3_does_not_deliver(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw)
    dates = ("--from", world.first_date, "--to", world.until)
    with injected_faults(project.environment, *_faults(project, world)):
        summary = project.nightshift("backfill", *dates, "--json").expect(1).json
    errors = _load_errors(summary)
    assert errors.keys() == FAULTS.keys()
    failed: set[tuple[str, date]] = set()
    for source, (position, _, words) in FAULTS.items():
        day = world.dates[position]
        assert words in errors[source]
        assert f"{project.raw_url}/{source}/dt={day}/" in errors[source]
        failed.add((source, day))
    loads = project.rows("select source, dt from ops.loads")
    assert sorted((load["source"], load["dt"]) for load in loads) == sorted(
        {(source, day) for source in SOURCES for day in world.dates} - failed
    )
    project.nightshift("backfill", *dates).expect(0)
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )


# Appended to a module of the project: replaces an object before each call.
CHANGE_OBJECT = """

_unchanged_{function} = {function}


def {function}(*arguments, **options):
    from loaders import s3

    for item in list(s3.list_objects({url!r})):
        if item.name.endswith(".json.gz"):
            with s3.open_object(item) as body:
                content = body.read()
            # One more member without content.
            s3.write(item.url, content + bytes.fromhex({empty_member!r}))
    return _unchanged_{function}(*arguments, **options)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "function"),
    [
        ("loaders/raw/load.py", "replace_partitions"),
        ("orchestrate/tasks/model_build.py", "_build_stale_models"),
    ],
    ids=["before it is read", "after it was loaded"],
)
def test_object_that_changes_during_a_run_is_the_cause_that_the_run_shows(
    finished_run: tuple[Project, date], module: str, function: str
) -> None:
    project, day = finished_run
    url = f"{project.raw_url}/orgs/dt={day}/"
    path = project.folder / module
    code = path.read_text(encoding="utf-8")
    change = CHANGE_OBJECT.format(
        function=function, url=url, empty_member=gzip.compress(b"", mtime=0).hex()
    )
    path.write_text(code + change, encoding="utf-8")
    upload_objects(project, {f"orgs/dt={day}/late.json": b""})
    run = ("run", "--date", day, "--json")
    (failure,) = project.nightshift(*run).expect(1).json["failures"]
    assert url in failure["error"]
    assert "changed" in failure["error"] and "Run again" in failure["error"]
    path.write_text(code, encoding="utf-8")
    project.nightshift("run", "--date", day).expect(0)
    assert project.plan(day) == []


@pytest.mark.slow
def test_run_retries_a_transfer_that_breaks_off_and_throttled_requests(
    finished_run: tuple[Project, date],
) -> None:
    project, day = finished_run
    upload_objects(project, {f"orgs/dt={day}/late #1.json": b"\n" * 1000})
    prefix = project.raw_url.rpartition("/")[2]
    faults = [
        {"operation": "GetObject", "key": f"{prefix}/.*late #1", "cut_at": 10},
        {"operation": "ListObjectsV2", "key": prefix, "code": "Throttling"},
        {"operation": "PutObject", "key": prefix, "code": "SlowDown", "status": 503},
    ]
    with injected_faults(project.environment, *faults) as count_requests:
        project.nightshift("run", "--date", day).expect(0)
        assert all(count_requests())
    assert project.plan(day) == []
