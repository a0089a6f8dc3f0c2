"""OpenLineage events of a run: which are sent for what happens to its steps."""

import os
from datetime import date, datetime

import pytest
from openlineage.client.event_v2 import RunEvent

from loaders.config import dbt_profile
from loaders.config.dbt_profile import Target
from loaders.config.environment import PROJECT
from orchestrate import Backfill, Nightly, progress, steps
from orchestrate.cli import doctor
from orchestrate.dbt import manifest
from orchestrate.runs import lineage
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from orchestrate.steps import Step
from tests.emulators.component import CLOSED_PORT, HOST
from tests.emulators.receiver import Receiver
from tests.orchestrate.lineage_checks import counts, ends
from tests.orchestrate.lineage_events import take

DAY = date(2026, 11, 24)
STARTED_AT = datetime(2026, 11, 25, 1)
PASSWORD = "sesame-open-1"
MODEL_JOB = "nightshift.marts.nightshift.fct_org_day.build"
PAGE = PROJECT / "docs" / "lineage.md"


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
    lineage_receiver: Receiver,
) -> None:
    _start()
    error = f"fct_org_day: Division by zero in etl:{PASSWORD}"
    Step(steps.MODEL, "int_org_usage_daily", [DAY], "an-id").complete(rows=3)
    Step(steps.MODEL, "fct_org_day", [DAY], "an-id").fail(error)
    skipped = Step(steps.MODEL, "org_trial_metrics_latest", [DAY], "an-id")
    skipped.abort()
    failure = _failure("DbtModel", "fct_org_day", error)
    lineage.run_ended(_outcome(ExitCode.FAILED, failure))
    last = ends(take(lineage_receiver))
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


def test_failed_test_fails_the_test_job_and_not_the_build(
    lineage_receiver: Receiver,
) -> None:
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
    last = ends(take(lineage_receiver))
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
    code: ExitCode, step_ends: str, run_ends: str, lineage_receiver: Receiver
) -> None:
    _start()
    Step("LoadRawTable", "orgs", [DAY])
    failures = () if code == ExitCode.REJECTED else (_failure("Nightly", "", "stop"),)
    lineage.run_ended(_outcome(code, *failures))
    last = ends(take(lineage_receiver))
    assert _state(last["LoadRawTable.orgs"]) == step_ends
    assert last["LoadRawTable.orgs"].outputs == []
    assert _state(last["Nightly"]) == run_ends
    assert len(last) == 2


def test_task_that_failed_before_its_work_is_reported_once(
    lineage_receiver: Receiver,
) -> None:
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
    last = ends(take(lineage_receiver))
    errors = {
        name: event.run.facets["errorMessage"].message for name, event in last.items()
    }
    assert errors == {
        "RawPartition.orgs": "it is incomplete",
        "ArchiveDataset.org_day": "the connection is lost",
        "SyncTrialMetricsToSalesforce": "no login",
        "Nightly": "it is incomplete",
    }


def test_run_without_work_sends_nothing(lineage_receiver: Receiver) -> None:
    _start()
    lineage.run_ended(_outcome(ExitCode.DONE))
    assert lineage_receiver.take() == []
    Step("LoadRawTable", "orgs", [DAY]).complete(rows=1)  # nobody observes it
    _start()
    lineage.work_started()
    lineage.run_ended(_outcome(ExitCode.DONE))
    assert [_state(event) for event in take(lineage_receiver)] == ["START", "COMPLETE"]


def test_steps_of_forked_processes_arrive(lineage_receiver: Receiver) -> None:
    _start()
    child = os.fork()
    if child == 0:
        Step("LoadRawTable", "orgs", [DAY]).complete(lines=5, rows=4, rejects=1)
        os._exit(0)
    os.waitpid(child, 0)
    lineage.run_ended(_outcome(ExitCode.DONE))
    last = ends(take(lineage_receiver))
    (partition,) = last["LoadRawTable.orgs"].inputs
    assert (partition.namespace, partition.name) == ("s3://raw-bucket", "in #1/orgs")
    table, rejects = last["LoadRawTable.orgs"].outputs
    assert (counts(partition)[0], counts(table)[0], counts(rejects)[0]) == (5, 4, 1)


def test_outer_run_and_namespace_are_those_that_openlineage_dbt_reads(
    lineage_receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "acme")
    run_id = "22222222-2222-4222-8222-222222222222"
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/dag.elt/{run_id}")
    root = Backfill(data_date_from=date(2026, 11, 20), data_date=DAY, env="local")
    lineage.run_started(root, STARTED_AT)
    Step("LoadRawTable", "orgs", [DAY]).complete()
    lineage.run_ended(_outcome(ExitCode.DONE))
    last = ends(take(lineage_receiver))
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
    lineage_receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"type": "redshift", "host": "wh.example.com", "port": 5439}
    target = Target("prod", {**values, "password": PASSWORD, "user": "etl"})
    monkeypatch.setattr(dbt_profile, "target", lambda: target)
    _start()
    Step("LoadRawTable", "orgs", [DAY]).complete()
    lineage.run_ended(_outcome(ExitCode.DONE))
    requests = lineage_receiver.requests
    assert not any(PASSWORD.encode() in request.body for request in requests)
    outputs = ends(take(lineage_receiver))["LoadRawTable.orgs"].outputs
    assert {each.namespace for each in outputs} == {"redshift://wh.example.com:5439"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://host:5000", "OpenLineage's settings are valid (transport http)"),
        ("not a url", "Correct OPENLINEAGE_URL"),
    ],
)
def test_doctor_checks_the_settings(
    url: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    check = doctor._run("lineage", doctor._check_lineage, ())
    assert message in check.message
    assert check.passed == url.startswith("http")


@pytest.mark.parametrize("url", [f"http://{HOST}:{CLOSED_PORT}", "not a url"])
def test_receiver_that_cannot_be_used_is_one_line(
    url: str,
    lineage_receiver: Receiver,
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
    assert lineage_receiver.take() == []
