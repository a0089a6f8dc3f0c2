"""OpenLineage events of a run: which are sent for what happens to its steps."""

import os
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from openlineage.client.event_v2 import RunEvent

from loaders.config import dbt_profile, settings
from loaders.config.dbt_profile import Target
from loaders.config.environment import PROJECT
from orchestrate import Backfill, Nightly, progress, steps
from orchestrate.dbt import lineage as dbt_lineage
from orchestrate.dbt import manifest
from orchestrate.planning.archives import DATASETS
from orchestrate.runs import lineage
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from orchestrate.steps import Step
from tests.emulators.component import CLOSED_PORT, HOST
from tests.emulators.receiver import Receiver, receiving
from tests.orchestrate.lineage_checks import counts, ends
from tests.orchestrate.lineage_events import take

DAY = date(2026, 11, 24)
STARTED_AT = datetime(2026, 11, 25, 1)
PASSWORD = "sesame-open-1"
MODEL_JOB = "nightshift.marts.nightshift.fct_org_day.build"
PAGE = PROJECT / "docs" / "lineage.md"


@pytest.fixture
def receiver(
    parsed_dbt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Receiver]:
    """Run a receiver that the settings name, for a project that dbt has parsed."""
    monkeypatch.chdir(tmp_path)  # not in a git checkout
    monkeypatch.setenv("DBT_PROFILES_DIR", str(PROJECT))
    read_target = dbt_profile.target
    monkeypatch.setattr(manifest, "MANIFEST", parsed_dbt / "manifest.json")
    with receiving() as started:
        for name, value in {
            "OPENLINEAGE_URL": f"http://{started.address}",
            "NIGHTSHIFT_RAW_URL": "s3://raw-bucket/in #1",
            "NIGHTSHIFT_ARCHIVE_URL": "s3://archive-bucket/out",
            "NIGHTSHIFT_SALESFORCE__INSTANCE_URL": "https://acme.example.com/x",
            "DBT_ENV_SECRET_PASSWORD": PASSWORD,
            "DBT_TARGET": "local",
        }.items():
            monkeypatch.setenv(name, value)
        settings.load.cache_clear()
        read_target.cache_clear()
        yield started
    lineage.run_ended(_outcome(ExitCode.DONE))
    settings.load.cache_clear()
    read_target.cache_clear()


def _outcome(code: ExitCode, *failures: TaskResult) -> Outcome:
    return Outcome("a-run", code, failures)


def _failure(task: str, subject: str, error: str) -> TaskResult:
    return TaskResult(task, f"{task}(...)", "failed", error=error, subject=subject)


def _start(**options: object) -> None:
    root = Nightly(data_date=DAY, env="local", **options)
    lineage.run_started(root, STARTED_AT)


def _state(event: RunEvent) -> str:
    assert event.eventType is not None
    return event.eventType.name


def test_failed_model_has_its_error_and_its_descendants_are_not_there(
    receiver: Receiver,
) -> None:
    _start()
    error = f"fct_org_day: Division by zero in etl:{PASSWORD}"
    Step(steps.MODEL, "int_org_usage_daily", [DAY], "an-id").complete(rows=3)
    Step(steps.MODEL, "fct_org_day", [DAY], "an-id").fail(error)
    skipped = Step(steps.MODEL, "org_trial_metrics_latest", [DAY], "an-id")
    skipped.abort()
    failure = _failure("DbtModel", "fct_org_day", error)
    lineage.run_ended(_outcome(ExitCode.FAILED, failure))
    last = ends(take(receiver))
    states = {name.rpartition("nightshift.")[2]: _state(last[name]) for name in last}
    assert states == {
        "int_org_usage_daily.build.run": "COMPLETE",
        "fct_org_day.build.run": "FAIL",
        "org_trial_metrics_latest.build.run": "ABORT",
        "Nightly": "FAIL",
    }
    failed = last[f"{MODEL_JOB}.run"]
    assert failed.outputs == [] and failed.inputs
    message = failed.run.facets["errorMessage"]
    assert message.message == "fct_org_day: Division by zero in etl:***"
    assert message.programmingLanguage == "sql"
    assert PASSWORD not in last["Nightly"].run.facets["errorMessage"].message


def test_failed_test_fails_the_test_job_and_not_the_build(receiver: Receiver) -> None:
    _start()
    Step(steps.MODEL, "fct_org_day", [DAY], "an-id").complete(rows=3)
    test = "test.nightshift.fct_org_day_has_unique_key"
    (unique_id,) = (
        name for name in manifest.last_parsed()["nodes"] if name.startswith(test)
    )
    outcomes = [steps.TestOutcome(unique_id, "fail", 2)]
    Step(steps.MODEL_TESTS, "fct_org_day", [DAY], "an-id").fail("2 rows", outcomes)
    failure = _failure("DbtModel", "fct_org_day", "2 rows")
    lineage.run_ended(_outcome(ExitCode.FAILED, failure))
    last = ends(take(receiver))
    assert {_state(last[f"{MODEL_JOB}.{job}"]) for job in ("run", "test")} == {
        *("COMPLETE", "FAIL")
    }
    (tested,) = last[f"{MODEL_JOB}.test"].inputs
    (result,) = tested.inputFacets["dataQualityAssertions"].assertions
    assert (result.success, result.actual, result.expected) == (False, "2", "0")
    assert len(last) == 3


@pytest.mark.parametrize(
    ("code", "step_ends", "run_ends"),
    [
        (ExitCode.INTERRUPTED, "ABORT", "ABORT"),
        (ExitCode.TERMINATED, "ABORT", "ABORT"),
        (ExitCode.FAILED, "FAIL", "FAIL"),  # its process was killed
        (ExitCode.REJECTED, "FAIL", "COMPLETE"),
    ],
)
def test_steps_that_have_not_ended_end_with_the_run(
    code: ExitCode, step_ends: str, run_ends: str, receiver: Receiver
) -> None:
    _start()
    Step("LoadRawTable", "orgs", [DAY])
    failures = () if code == ExitCode.REJECTED else (_failure("Nightly", "", "stop"),)
    lineage.run_ended(_outcome(code, *failures))
    last = ends(take(receiver))
    assert _state(last["LoadRawTable.orgs"]) == step_ends
    assert last["LoadRawTable.orgs"].outputs == []
    assert _state(last["Nightly"]) == run_ends
    assert len(last) == 2


def test_task_that_failed_before_its_work_is_reported_once(receiver: Receiver) -> None:
    _start()
    with (
        pytest.raises(OSError, match="lost"),
        steps.step("ArchiveDataset", "org_day", [DAY]),
    ):
        raise OSError("the connection is lost")
    failures = (
        _failure("RawPartition", "orgs", "it is incomplete"),
        _failure("ArchiveDataset", "org_day", "the connection is lost"),
        _failure("SyncTrialMetricsToSalesforce", "", "no login"),
    )
    lineage.run_ended(_outcome(ExitCode.FAILED, *failures))
    last = ends(take(receiver))
    errors = {
        name: event.run.facets["errorMessage"].message for name, event in last.items()
    }
    assert errors == {
        "RawPartition.orgs": "it is incomplete",
        "ArchiveDataset.org_day": "the connection is lost",
        "SyncTrialMetricsToSalesforce": "no login",
        "Nightly": "it is incomplete",
    }


def test_run_without_work_sends_nothing(receiver: Receiver) -> None:
    _start()
    lineage.run_ended(_outcome(ExitCode.DONE))
    assert receiver.take() == []
    Step("LoadRawTable", "orgs", [DAY]).complete(rows=1)  # nobody observes it
    _start()
    lineage.work_started()
    lineage.run_ended(_outcome(ExitCode.DONE))
    assert [_state(event) for event in take(receiver)] == ["START", "COMPLETE"]


def test_steps_of_forked_processes_arrive(receiver: Receiver) -> None:
    _start()
    child = os.fork()
    if child == 0:
        Step("LoadRawTable", "orgs", [DAY]).complete(lines=5, rows=4, rejects=1)
        os._exit(0)
    os.waitpid(child, 0)
    lineage.run_ended(_outcome(ExitCode.DONE))
    last = ends(take(receiver))
    (partition,) = last["LoadRawTable.orgs"].inputs
    assert (partition.namespace, partition.name) == ("s3://raw-bucket", "in #1/orgs")
    table, rejects = last["LoadRawTable.orgs"].outputs
    assert (counts(partition)[0], counts(table)[0], counts(rejects)[0]) == (5, 4, 1)


def test_outer_run_and_namespace_are_those_that_openlineage_dbt_reads(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "acme")
    run_id = "22222222-2222-4222-8222-222222222222"
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/dag.elt/{run_id}")
    root = Backfill(data_date_from=date(2026, 11, 20), data_date=DAY, env="local")
    lineage.run_started(root, STARTED_AT)
    Step("LoadRawTable", "orgs", [DAY]).complete()
    lineage.run_ended(_outcome(ExitCode.DONE))
    last = ends(take(receiver))
    backfill, load = last["Backfill"], last["LoadRawTable.orgs"]
    outer = backfill.run.facets["parent"]
    assert (outer.job.namespace, outer.job.name, outer.run.runId) == (
        *("airflow", "dag.elt", run_id),
    )
    parent = load.run.facets["parent"]
    assert (parent.job.namespace, parent.job.name) == ("acme", "Backfill")
    assert parent.root.run.runId == run_id
    times = backfill.run.facets["nominalTime"]
    assert (times.nominalStartTime[:10], times.nominalEndTime[:10]) == (
        *("2026-11-20", "2026-11-25"),
    )


def test_names_on_redshift_are_those_of_the_cluster(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"type": "redshift", "host": "wh.example.com", "port": 5439}
    target = Target("prod", {**values, "password": PASSWORD, "user": "etl"})
    monkeypatch.setattr(dbt_profile, "target", lambda: target)
    _start()
    Step("LoadRawTable", "orgs", [DAY]).complete()
    lineage.run_ended(_outcome(ExitCode.DONE))
    requests = receiver.requests
    assert not any(PASSWORD.encode() in request.body for request in requests)
    outputs = ends(take(receiver))["LoadRawTable.orgs"].outputs
    assert {each.namespace for each in outputs} == {"redshift://wh.example.com:5439"}


@pytest.mark.parametrize("url", [f"http://{HOST}:{CLOSED_PORT}", "not a url"])
def test_receiver_that_cannot_be_used_is_one_line(
    url: str,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(progress, "print_line", lambda text, **_: lines.append(text))
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    _start()
    Step("LoadRawTable", "orgs", [DAY]).complete()
    lineage.run_ended(_outcome(ExitCode.DONE))
    (line,) = lines
    assert "OpenLineage" in line
    assert receiver.take() == []


def _all_steps() -> None:
    """Complete one step of every task."""
    for source in ("orgs", "metrics"):
        Step("LoadRawTable", source, [DAY]).complete(
            **dict.fromkeys(("lines", "rows", "rejects", "bytes", "files"), 1)
        )
    Step(steps.MODEL, "billing_plans", [DAY], "an-id").complete(rows=4)
    Step(steps.MODEL, "fct_org_day", [DAY], "an-id").complete(rows=4)
    unique_id = next(
        name
        for name, node in manifest.last_parsed()["nodes"].items()
        if node["resource_type"] == "test"
    )
    outcomes = [steps.TestOutcome(unique_id, "pass", 0)]
    Step(steps.MODEL_TESTS, "fct_org_day", [DAY], "an-id").complete(outcomes)
    for dataset in DATASETS:
        Step("ArchiveDataset", dataset, [DAY]).complete(rows=1, bytes=1, files=1)
    for task in ("SyncTrialMetricsToSalesforce", "SyncAccountsToSalesforce"):
        Step(task, "", [DAY]).complete(rows=1, rejects=0)
    Step("MailReport", "report", [DAY]).complete()


def _table(heading: str) -> list[list[str]]:
    """Return the cells of the rows below a heading of the page."""
    section = PAGE.read_text("utf-8").partition(f"## {heading}\n")[2]
    table = section.partition("\n## ")[0].partition("\n\n| dataset |")[0]
    rows = re.findall(r"^\| (.*) \|$", table, re.M)[1:]
    return [row.split(" | ") for row in rows]


def test_page_lists_every_job_dataset_and_facet(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = manifest.last_parsed()["nodes"]["model.nightshift.fct_org_day"]
    compiled = tmp_path / "compiled" / "nightshift" / node["original_file_path"]
    compiled.parent.mkdir(parents=True)
    compiled.write_text("select 1")
    monkeypatch.setattr(dbt_lineage, "TARGET_FOLDER", tmp_path)
    _start()
    _all_steps()
    failure = _failure("RawPartition", "web_logs", "it is incomplete")
    lineage.run_ended(_outcome(ExitCode.FAILED, failure))
    events = take(receiver)
    last = ends(events)

    jobs = {cells[0]: cells[1:] for cells in _table("Jobs and datasets")}
    patterns = {
        name: re.sub(r"[A-Z_]{2,}", r"[\\w.]+", re.escape(name.strip("`")))
        for name in jobs
    }
    for name in last:  # each job is in one row, and each row has a job
        assert sum(bool(re.fullmatch(each, name)) for each in patterns.values()) == 1
    for pattern in patterns.values():
        assert any(re.fullmatch(pattern, name) for name in last), pattern

    used: dict[str, set[str]] = {kind: set() for kind in ("run", "job", "dataset")}
    for event in events:
        used["run"].update(event.run.facets or {})
        used["job"].update(event.job.facets or {})
        for read in event.inputs or []:
            used["dataset"].update(read.facets or {}, read.inputFacets or {})
        for written in event.outputs or []:
            used["dataset"].update(written.facets or {}, written.outputFacets or {})
    listed: dict[str, set[str]] = {kind: set() for kind in used}
    for names, kind, _ in _table("Facets"):
        listed[kind].update(re.findall(r"`(\w+)`", names))
    assert listed["job"] - used["job"] == {"sourceCodeLocation"}  # if switched on
    listed["job"] &= used["job"]
    assert listed == used
