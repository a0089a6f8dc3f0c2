"""The exit code of a run by the results of its tasks."""

from datetime import date

import pytest

from orchestrate.nightly import Nightly
from orchestrate.runs import completion, recording
from orchestrate.runs.outcome import ExitCode, TaskResult
from orchestrate.tasks.export import AcceptedBySalesforce

DONE = TaskResult("DbtModel", "DbtModel(billing_plans)", "done")


def _failed(error_type: str, *, was_scheduled: bool = True) -> TaskResult:
    return TaskResult(
        "LoadRawTable",
        "LoadRawTable(orgs)",
        "failed",
        error="It failed.",
        error_type=error_type,
        was_scheduled=was_scheduled,
    )


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([_failed("ConfigError")], ExitCode.MISCONFIGURED),
        ([_failed("ConfigError", was_scheduled=False)], ExitCode.MISCONFIGURED),
        ([DONE, _failed("ConfigError")], ExitCode.FAILED),
        ([DONE, _failed("ConfigError", was_scheduled=False)], ExitCode.FAILED),
        ([_failed("DataError")], ExitCode.FAILED),
        ([DONE, _failed("TransientError")], ExitCode.FAILED),
    ],
)
def test_run_is_misconfigured_only_if_nothing_was_done(
    monkeypatch: pytest.MonkeyPatch, results: list[TaskResult], code: ExitCode
) -> None:
    monkeypatch.setattr(recording, "results", lambda: tuple(results))
    root = Nightly(data_date=date(2026, 11, 24))
    assert completion.determine_outcome(root, is_done=False).exit_code == code


@pytest.mark.parametrize("first", [None, date(2026, 11, 20)])
def test_dynamic_requirement_survives_luigi_s_serialization(
    first: date | None,
) -> None:
    root = Nightly(data_date=date(2026, 11, 24), data_date_from=first)
    task = root.clone(AcceptedBySalesforce)
    assert AcceptedBySalesforce.from_str_params(task.to_str_params()) == task
    assert task.data_date_from == first
