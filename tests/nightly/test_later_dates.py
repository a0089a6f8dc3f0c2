"""A later date that waits, fails or is half done changes nothing for an earlier one."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.nightly import salesforce_records
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.conftest import FOUR_DAY_WORLD
from tests.nightly.fault_injection import kill_at
from tests.nightly.project import Project
from tests.nightly.s3_objects import (
    delete_objects,
    list_etags,
    upload_objects,
    upload_partitions,
)
from tests.nightly.template import (
    Template,
    backfill_and_run,
    once_per_session,
    prepare_template,
)

pytestmark = pytest.mark.slow

*_, EARLIER, LATER = FOUR_DAY_WORLD.dates
FINISHED_DATES = FOUR_DAY_WORLD.dates[:-1]
# A test is no part of a model's code, so that adding one makes nothing stale.
FAILING_TEST = Path("tests/dbt/singular/later_date_fails.sql")
KILL_IN_MODELS = "orchestrate.dbt.build ResultCollector.add before 40"


@dataclass(frozen=True)
class World:
    """The project, and the folder with the raw partitions of all dates."""

    project: Project
    raw: Path


def _run_later(world: World, code: int, **environment: str) -> None:
    world.project.nightshift("run", "--date", LATER, **environment).expect(code)


def _upload(world: World, *sources: str) -> None:
    files = (path for source in sources for path in _partition(world, source))
    names = {path.relative_to(world.raw).as_posix(): path for path in files}
    upload_objects(world.project, dict(names))


def _partition(world: World, source: str) -> Iterator[Path]:
    yield from (world.raw / source / f"dt={LATER}").iterdir()


def _wait_for_partitions(world: World) -> None:
    _run_later(world, 1)


def _wait_for_one_source(world: World) -> None:
    _upload(world, "orgs", "metrics", "app_logs")
    _run_later(world, 1)


def _be_killed_in_models(world: World) -> None:
    upload_partitions(world.project, world.raw, dates=[LATER])
    kill_at(world.project, KILL_IN_MODELS, "run", "--date", LATER)


def _fail_in_a_test(model: str, column: str) -> Callable[[World], None]:
    def fail(world: World) -> None:
        upload_partitions(world.project, world.raw, dates=[LATER])
        file = world.project.folder / FAILING_TEST
        file.write_text(
            f"select * from {{{{ ref('{model}') }}}} "
            f"where {column} = cast('{LATER}' as date)",
            encoding="utf-8",
        )
        _run_later(world, 1)

    return fail


def _fail_in_the_archive(world: World) -> None:
    upload_partitions(world.project, world.raw, dates=[LATER])
    _run_later(world, 1, NIGHTSHIFT_ARCHIVE_URL="s3://no-such-bucket/archive")


def _fail_in_the_sync(world: World) -> None:
    upload_partitions(world.project, world.raw, dates=[LATER])
    _run_later(world, 1, NIGHTSHIFT_SALESFORCE__CLIENT_SECRET="wrong")


def _leave_rejected_rows(world: World) -> None:
    upload_partitions(world.project, world.raw, dates=[LATER])
    started = f"{LATER}T01:00:00Z"
    org = {"org_name": "#N/A", "created_at": started, "updated_at": started}
    org |= {"trial_started_at": started, "is_internal": False}
    org |= {"billing_plan_id": 1, "billing_plan_name": "Trial"}
    lines = (json.dumps({"org_id": 900 + n, **org}) for n in range(20))
    content = "\n".join(lines).encode()
    upload_objects(world.project, {f"orgs/dt={LATER}/rejected.json": content})
    _run_later(world, 2)


def _complete_the_later_date(world: World) -> None:
    """Correct whatever failed, then run the later date."""
    (world.project.folder / FAILING_TEST).unlink(missing_ok=True)
    delete_objects(
        world.project, f"{world.project.raw_url}/orgs/dt={LATER}/rejected.json"
    )
    upload_partitions(world.project, world.raw, dates=[LATER])
    _run_later(world, 0)


WAYS: dict[str, Callable[[World], None]] = {
    "all partitions are missing": _wait_for_partitions,
    "one source is missing": _wait_for_one_source,
    "killed in models": _be_killed_in_models,
    "test of an early model": _fail_in_a_test(
        "int_org_trial_days_joined", "metric_date"
    ),
    "test of a late model": _fail_in_a_test("fct_org_trial_metrics", "generated_date"),
    "test of the export": _fail_in_a_test("sf_trial_metrics", "generated_date__c"),
    "sync": _fail_in_the_sync,
    "rejected rows": _leave_rejected_rows,
    "archive": _fail_in_the_archive,
}
# A run takes a while, so the later date fails in one way after another. In all but the
# first list, all its models but the export have passed their tests.
WAYS_IN_ORDER = [list(WAYS)[:5], list(WAYS)[5:8], ["archive"]]
BUILT_WAYS = list(WAYS)[5:]
# After these the earlier date is also built once more.
RERUN_WAYS = ("killed in models", "test of a late model", "archive", "rejected rows")
# In these, Salesforce has values of the later date.
SENT_WAYS = ("archive", "rejected rows")


@pytest.fixture(scope="module")
def earlier_template(
    session_folder: Path,
    workspace: Path,
    parsed_dbt: Path,
    shared_emulators: dict[str, str],
    raw_world: Callable[..., Path],
) -> Template:
    """Return a template of the small dirty world, run up to the earlier date."""

    def make(folder: Path) -> None:
        def run(project: Project) -> None:
            backfill_and_run(raw_world(FOUR_DAY_WORLD), FINISHED_DATES)(project)
            for source in ("orgs", "metrics", "app_logs", "web_logs"):
                delete_objects(project, f"{project.raw_url}/{source}/dt={LATER}/")

        template = Template(folder / "template", EARLIER)
        prepare_template(
            template, workspace, shared_emulators, run=run, parsed_dbt=parsed_dbt
        )

    folder = once_per_session(session_folder, "earlier-date", make)
    return Template(folder / "template", EARLIER)


@pytest.fixture
def world(
    earlier_template: Template,
    workspace: Path,
    parsed_dbt: Path,
    shared_emulators: dict[str, str],
    raw_world: Callable[..., Path],
) -> Iterator[World]:
    """Yield a project in which the earlier date has just finished."""
    with earlier_template.restored(
        workspace, shared_emulators, parsed_dbt=parsed_dbt
    ) as project:
        yield World(project, raw_world(FOUR_DAY_WORLD))


def _results(project: Project) -> list[object]:
    """Return everything that a run with nothing to do must leave alone."""
    return [
        list_etags(project, project.archive_url),
        salesforce_records.read_records(project),
    ]


@pytest.mark.parametrize("ways", WAYS_IN_ORDER, ids=lambda ways: ways[-1])
def test_earlier_date_does_not_depend_on_a_later_one(
    world: World, ways: list[str]
) -> None:
    for way in ways:
        (world.project.folder / FAILING_TEST).unlink(missing_ok=True)
        WAYS[way](world)
        _assert_nothing_to_do(world.project, way)
        if way in RERUN_WAYS:
            _assert_earlier_date_can_be_built(world, way)
    _complete_the_later_date(world)
    assert_marts_match_reference(
        world.project, world.raw, data_date=LATER, data_dates=FOUR_DAY_WORLD.dates
    )
    salesforce_records.assert_records_match_mart(world.project)
    for day in (EARLIER, LATER):
        assert world.project.plan(day) == []
        assert world.project.run(day)["tasks_done"] == 0


def _assert_nothing_to_do(project: Project, way: str) -> None:
    before = _results(project)
    assert project.plan(EARLIER) == [], way
    result = project.nightshift("run", "--date", EARLIER).expect(0)
    assert "Nothing to do" in result.out, way
    backfill = ("backfill", "--from", FINISHED_DATES[-2], "--to", EARLIER)
    assert "Nothing to do" in project.nightshift(*backfill).expect(0).out, way
    assert _results(project) == before, way


def _assert_earlier_date_can_be_built(world: World, way: str) -> None:
    project = world.project
    project.nightshift("rerun", "--date", EARLIER).expect(0)
    built = FOUR_DAY_WORLD.dates if way in BUILT_WAYS else FINISHED_DATES
    if way != "rejected rows":  # its partition is not in the folder
        assert_marts_match_reference(
            project,
            world.raw,
            data_date=built[-1],
            data_dates=built,
            without=("sf_trial_metrics",),
        )
    exported = project.rows("select generated_date__c from marts.sf_trial_metrics")
    is_later_exported = way == "archive"
    assert {row["generated_date__c"] for row in exported} == {
        LATER if is_later_exported else EARLIER
    }, way
    sent = {
        record["generated_date__c"]
        for record in salesforce_records.read_records(project).values()
    }
    assert (str(LATER) in sent) == (way in SENT_WAYS), way
    assert str(EARLIER) in sent or way in SENT_WAYS, way
    assert project.plan(EARLIER) == [], way


def test_changed_late_partition_of_an_earlier_date_is_taken_in(world: World) -> None:
    project = world.project
    day = FINISHED_DATES[-2]
    late = {"event_id": "late-1", "ts": f"{day}T10:00:00Z", "org_id": 1001}
    late |= {"level": "INFO", "event": "page_view"}
    WAYS["test of a late model"](world)
    content = json.dumps(late).encode() + b"\n"
    upload_objects(project, {f"app_logs/dt={day}/late.json": content})
    assert ("LoadRawTable", "app_logs") in project.plan(EARLIER)
    project.run(EARLIER)
    assert project.plan(EARLIER) == []
    _complete_the_later_date(world)
    before = project.rows("select * from marts.fct_org_trial_metrics order by all")
    project.dbt("build", "--full-refresh").expect(0)
    after = project.rows("select * from marts.fct_org_trial_metrics order by all")
    assert after == before
