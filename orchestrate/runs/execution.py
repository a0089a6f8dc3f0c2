"""Runs a root task with Luigi, determines its exit code and records it in `ops.runs`.

Workers may be separate processes, so each task's result is appended to one file per
run, from which the outcome is read at the end.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path

import luigi
import structlog
from luigi.execution_summary import LuigiStatusCode
from luigi.task import flatten

from loaders import ledger, warehouse
from loaders.config import dbt_profile
from loaders.config.settings import PROJECT
from loaders.errors import ConfigError, NightshiftError
from loaders.ledger.runs import RunRecord, unresolved_runs
from loaders.private_files import make_folder
from orchestrate import progress
from orchestrate.planning import archives, run_state
from orchestrate.run_id import RUN_ID
from orchestrate.runs import alerts
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from orchestrate.tasks.export import AcceptedBySalesforce, SyncTrialMetricsToSalesforce
from orchestrate.tasks.report import MailReport

RESULTS_FOLDER = PROJECT / "var" / "runs"
SUCCESS_CODES = (LuigiStatusCode.SUCCESS, LuigiStatusCode.SUCCESS_WITH_RETRY)
MAX_SHOWN_TASKS = 3
MAX_MESSAGE_LENGTH = 2000

log = structlog.get_logger()


def require_past(data_date: date) -> None:
    """Raise `ConfigError` unless the data date has ended (UTC)."""
    today = datetime.now(UTC).date()
    if data_date >= today:
        raise ConfigError(
            f"Data date {data_date} has not ended (today is {today}, UTC). "
            f"Use a date before today."
        )


def execute(root: luigi.Task, *, command: str, workers: int) -> Outcome:
    """Run `root` and its dependencies; record the run in `ops.runs`.

    luigi.cfg decides whether a central scheduler is used.
    """
    started_at = ledger.now()
    start_recording()
    with warehouse.keep_open():
        result = luigi.build(
            [root],
            # With one writer, tasks run one at a time, so this process can run them.
            workers=1 if warehouse.is_single_writer() else workers,
            local_scheduler=luigi.interface.core().local_scheduler,
            detailed_summary=True,
        )
        outcome = determine_outcome(root, is_done=result.status in SUCCESS_CODES)
        finish_run(root, outcome, command=command, started_at=started_at)
    return outcome


def finish_run(
    root: luigi.Task, outcome: Outcome, *, command: str, started_at: datetime
) -> None:
    """Record the run in `ops.runs`, and send alerts that are due or still open.

    A run that had nothing to do is recorded only if it resolves an earlier failure.
    """
    if outcome.exit_code in (ExitCode.FAILED, ExitCode.MISCONFIGURED):
        try:
            _record(root, outcome, command=command, started_at=started_at)
        except NightshiftError as error:
            # The run's own failure is more important than this one.
            log.error("run not recorded", error=str(error))
        alerts.send_open_alerts(root)
        alerts.send_failure_alert(root, outcome)
        return
    unresolved = _unresolved_runs(root)
    if outcome.done or unresolved:
        _record(root, outcome, command=command, started_at=started_at)
    alerts.send_open_alerts(root)
    alerts.send_recovery_alert(root, outcome, unresolved)


def determine_outcome(root: luigi.Task, *, is_done: bool) -> Outcome:
    """Return the outcome of a run from the results of its tasks.

    `is_done` means that Luigi found everything complete. If it is false and no task
    failed, every task is checked again.
    """
    results = _recorded_results()
    if is_done:
        return Outcome(RUN_ID, ExitCode.DONE, results)
    if not Outcome(RUN_ID, ExitCode.FAILED, results).failures:
        try:
            error = _incomplete_tasks_error(root)
        except NightshiftError as caught:
            results = (*results, _failure(root, caught, was_scheduled=False))
        else:
            if not error:
                code = ExitCode.DONE if root.complete() else ExitCode.REJECTED
                return Outcome(RUN_ID, code, results)
            failure = TaskResult(root.task_family, str(root), "failed", error=error)
            results = (*results, failure)
    outcome = Outcome(RUN_ID, ExitCode.FAILED, results)
    is_misconfigured = not outcome.done and any(
        failure.error_type == ConfigError.__name__ for failure in outcome.failures
    )
    return (
        replace(outcome, exit_code=ExitCode.MISCONFIGURED)
        if is_misconfigured
        else outcome
    )


def _incomplete_tasks_error(root: luigi.Task) -> str:
    """Return an error that names the incomplete tasks, or ''.

    Rows that Salesforce rejected are no failure of the run. Every run sends and reports
    them again, so the sync and the report are not checked while there are any.
    """
    run_state.clear_cache()
    archives.clear_cache()
    has_rejects = not root.clone(AcceptedBySalesforce).complete()
    unchecked = (SyncTrialMetricsToSalesforce, MailReport) if has_rejects else ()
    incomplete = [
        str(task)
        for task in _required_tasks(root)
        if not isinstance(task, unchecked) and not task.complete()
    ]
    if not incomplete:
        return ""
    shown = ", ".join(incomplete[:MAX_SHOWN_TASKS])
    more = len(incomplete) - MAX_SHOWN_TASKS
    return (
        f"The run ended before all tasks were done. Not done: {shown}"
        f"{f' and {more} more' if more > 0 else ''}."
    )


def _required_tasks(root: luigi.Task) -> Iterator[luigi.Task]:
    for task in flatten(root.requires()):
        if isinstance(task, luigi.WrapperTask):
            yield from _required_tasks(task)
        else:
            yield task


def _unresolved_runs(root: luigi.Task) -> list[RunRecord]:
    """Return earlier runs of the same data dates that failed or left rejects."""
    if not warehouse.exists():
        return []
    first = root.data_date_from or root.data_date
    with warehouse.session() as connection:
        return unresolved_runs(
            connection, first, root.data_date, env=root.env, version=root.version
        )


def _record(
    root: luigi.Task, outcome: Outcome, *, command: str, started_at: datetime
) -> None:
    failures = outcome.failures
    row = {
        "run_id": outcome.run_id,
        "command": command,
        "data_date_from": root.data_date_from or root.data_date,
        "data_date": root.data_date,
        "env": root.env,
        "version": root.version,
        "target": dbt_profile.target().name,
        "status": outcome.exit_code.name.lower(),
        "exit_code": int(outcome.exit_code),
        "tasks_done": len(outcome.done),
        "tasks_failed": len(failures),
        "started_at": started_at,
        "finished_at": ledger.now(),
        "message": failures[0].error[:MAX_MESSAGE_LENGTH] if failures else None,
    }
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
        table = connection.table("ops", "runs")
        connection.insert(table, list(row), [list(row.values())])


_results_file: Path | None = None


def start_recording() -> None:
    """Append each task's result to the run's file from now on, in every process."""
    global _results_file
    make_folder(RESULTS_FOLDER)
    _results_file = RESULTS_FOLDER / f"{RUN_ID}.jsonl"


def is_recording() -> bool:
    """Return whether task results are being recorded."""
    return _results_file is not None


def _append(result: TaskResult) -> None:
    if _results_file is not None:
        with _results_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def _recorded_results() -> tuple[TaskResult, ...]:
    if _results_file is None or not _results_file.exists():
        return ()
    lines = _results_file.read_text(encoding="utf-8").splitlines()
    return tuple(TaskResult(**json.loads(line)) for line in lines)


@luigi.Task.event_handler(luigi.Event.PROCESSING_TIME)
def _record_success(task: luigi.Task, seconds: float) -> None:
    if not isinstance(task, luigi.WrapperTask):
        _append(TaskResult(task.task_family, str(task), "done", round(seconds, 3)))


@luigi.Task.event_handler(luigi.Event.FAILURE)
def _record_failure(task: luigi.Task, error: Exception) -> None:
    _append(_failure(task, error))


@luigi.Task.event_handler(luigi.Event.BROKEN_TASK)
def _record_broken_task(task: luigi.Task, error: Exception) -> None:
    _append(_failure(task, error, was_scheduled=False))


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_MISSING)
def _record_failed_check(task: luigi.Task) -> None:
    """Check completeness again, because Luigi drops the error of a failed check."""
    if not isinstance(task, luigi.ExternalTask):
        try:
            task.complete()
        except NightshiftError as error:
            _append(_failure(task, error, was_scheduled=False))


@luigi.Task.event_handler(luigi.Event.PROCESS_FAILURE)
@luigi.Task.event_handler(luigi.Event.TIMEOUT)
def _record_dead_worker(task: luigi.Task, message: str) -> None:
    subject = progress.subject(task)
    _append(
        TaskResult(
            task.task_family, str(task), "failed", error=message, subject=subject
        )
    )


def _failure(
    task: luigi.Task, error: Exception, *, was_scheduled: bool = True
) -> TaskResult:
    return TaskResult(
        task.task_family,
        str(task),
        "failed",
        error=str(error) if isinstance(error, NightshiftError) else repr(error),
        subject=progress.subject(task),
        error_type=type(error).__name__,
        was_scheduled=was_scheduled,
    )
