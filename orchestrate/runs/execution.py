"""Runs a root task with Luigi, determines its outcome and records it in `ops.runs`."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import luigi
import structlog
from luigi.execution_summary import LuigiStatusCode
from luigi.rpc import RPCError

from loaders import interruption, ledger, warehouse
from loaders.config import dbt_profile
from loaders.errors import ConfigError, NightshiftError
from loaders.ledger.run_outcomes import RunStart, record_run_start
from orchestrate import logs
from orchestrate.run_id import RUN_ID
from orchestrate.runs import (
    alerts,
    history_page,
    monitors,
    recording,
    run_lock,
    scheduler,
)
from orchestrate.runs.completion import determine_outcome
from orchestrate.runs.outcome import ExitCode, Outcome
from orchestrate.runs.remedy import resume_command
from reports.console import error_console

SUCCESS_CODES = (LuigiStatusCode.SUCCESS, LuigiStatusCode.SUCCESS_WITH_RETRY)
MAX_MESSAGE_LENGTH = 2000
# A run reads the days before its date; an empty warehouse has the date 1970-01-01.
FIRST_DATA_DATE = date(1971, 1, 1)

log = structlog.get_logger()


def require_past(data_date: date) -> None:
    """Raise `ConfigError` unless the data date has ended (UTC) and is not too early."""
    today = datetime.now(UTC).date()
    if data_date < FIRST_DATA_DATE:
        raise ConfigError(
            f"Data date {data_date} is too early: the first one is {FIRST_DATA_DATE}. "
            "Correct it."
        )
    if data_date >= today:
        raise ConfigError(
            f"Data date {data_date} has not ended (today is {today}, UTC). "
            f"Use a date before today."
        )


@dataclass
class _Run:
    """The run that this process executes."""

    root: luigi.Task
    command: str
    started_at: datetime = field(default_factory=ledger.now)
    has_start_row: bool = False
    is_recorded: bool = False


_run: _Run | None = None


def execute(root: luigi.Task, *, command: str, workers: int) -> Outcome:
    """Run `root` and its dependencies; record the run in `ops.runs`.

    luigi.cfg decides whether a central scheduler is used.
    """
    start_run(root, command=command)
    with warehouse.keep_open():
        is_done = _is_complete(root) or (
            run_lock.acquire(root, command=f"nightshift {command}")
            and _run_with_luigi(root, workers)
        )
        outcome = determine_outcome(root, is_done=is_done)
        finish_run(outcome)
    return outcome


def _is_complete(root: luigi.Task) -> bool:
    """Return whether there is nothing to do, so that no other run is waited for."""
    try:
        return bool(root.complete())
    except NightshiftError as error:
        # Luigi checks it again and records the failure.
        log.warning("run not checked", error=str(error))
        return False


def _run_with_luigi(root: luigi.Task, workers: int) -> bool:
    """Return whether Luigi found or made everything complete."""
    if scheduler.unreachable_error():
        return False
    try:
        result = luigi.build(
            [root],
            # With one writer, tasks run one at a time, so this process can run them.
            workers=1 if warehouse.is_single_writer() else workers,
            local_scheduler=luigi.interface.core().local_scheduler,
            detailed_summary=True,
        )
    except RPCError as error:
        log.error("scheduler lost", error=str(error))
        return False
    return result.status in SUCCESS_CODES


def start_run(root: luigi.Task, *, command: str) -> None:
    """Collect results from now on, and record the run also if it is interrupted."""
    global _run
    _run = _Run(root, command)
    logs.set_context(data_date=str(root.data_date))
    monitors.run_started(root, _run.started_at)
    recording.start()
    interruption.set_on_stop(_finish_interrupted_run)


def is_running() -> bool:
    """Return whether this process executes a run."""
    return _run is not None


def record_start() -> None:
    """Record in `ops.run_starts` that the run has work to do, once."""
    if _run is None or _run.has_start_row:
        return
    _run.has_start_row = True
    monitors.work_started()
    start = RunStart(
        run_id=RUN_ID,
        command=_run.command,
        data_date_from=_run.root.data_date_from or _run.root.data_date,
        data_date=_run.root.data_date,
        env=_run.root.env,
        version=_run.root.version,
        target=dbt_profile.target().name,
        started_at=_run.started_at,
    )
    try:
        warehouse.create_missing_tables(RUN_ID)
        warehouse.run_with_retries(
            lambda connection: record_run_start(connection, start)
        )
    except NightshiftError as error:
        # The run's tasks will fail for the same reason and report it.
        log.error("start of the run not recorded", error=str(error))


def finish_run(outcome: Outcome) -> None:
    """Record the run in `ops.runs`, and send alerts that are due or still open.

    A run that had nothing to do is recorded only if it resolves an earlier failure.
    Other runs may start afterwards.
    """
    run = _running()
    try:
        _finish_run(run, outcome)
        if run.is_recorded and (run.has_start_row or outcome.tasks):
            history_page.update(env=run.root.env, version=run.root.version)
    finally:
        run_lock.release()


def _finish_run(run: _Run, outcome: Outcome) -> None:
    has_failed = outcome.exit_code in (ExitCode.FAILED, ExitCode.MISCONFIGURED)
    unresolved = [] if has_failed else alerts.unresolved_runs_of(run.root)
    if has_failed:
        _try_to_record(run, outcome)
    elif outcome.done or unresolved or run.has_start_row:
        _record(run, outcome)
    run.is_recorded = run.is_recorded or not has_failed
    monitors.run_ended(run.root, outcome, run.command, run.started_at)
    alerts.send_open_alerts(run.root)
    if has_failed:
        alerts.send_failure_alert(run.root, outcome)
    else:
        alerts.send_recovery_alert(run.root, outcome, unresolved)


def _finish_interrupted_run(error: interruption.Interrupted) -> None:
    """Print how to resume, and record the run; alert if no person interrupted it."""
    run = _running()
    if run.is_recorded:
        error_console.print(f"{error} The run for {run.root.data_date} had ended.")
        return
    command = resume_command(run.root)
    message = (
        f"{error} The run for {run.root.data_date} is not complete. What is done is "
        f"kept. Resume: {command}"
    )
    error_console.print_error("nightshift", message)
    failure = recording.failure(run.root, NightshiftError(message))
    code = ExitCode(error.exit_code)
    outcome = Outcome(RUN_ID, code, (*recording.results(), failure))
    _try_to_record(run, outcome)
    run_lock.release()
    monitors.run_ended(run.root, outcome, run.command, run.started_at)
    if code != ExitCode.INTERRUPTED:
        alerts.send_failure_alert(run.root, outcome)


def _try_to_record(run: _Run, outcome: Outcome) -> None:
    try:
        _record(run, outcome)
    except NightshiftError as error:
        # The run's own failure is more important than this one.
        log.error("run not recorded", error=str(error))


def _record(run: _Run, outcome: Outcome) -> None:
    failures = outcome.failures
    row = {
        "run_id": outcome.run_id,
        "command": run.command,
        "data_date_from": run.root.data_date_from or run.root.data_date,
        "data_date": run.root.data_date,
        "env": run.root.env,
        "version": run.root.version,
        "target": dbt_profile.target().name,
        "status": outcome.exit_code.status,
        "exit_code": int(outcome.exit_code),
        "tasks_done": len(outcome.done),
        "tasks_failed": len(failures),
        "started_at": run.started_at,
        "finished_at": ledger.now(),
        "message": failures[0].error[:MAX_MESSAGE_LENGTH] if failures else None,
    }

    def write(connection: warehouse.Connection) -> None:
        table = connection.table("ops", "runs")
        connection.insert(table, list(row), [list(row.values())])

    with interruption.deferred():
        warehouse.create_missing_tables(RUN_ID)
        warehouse.run_with_retries(write)
        run.is_recorded = True


def _running() -> _Run:
    if _run is None:
        raise RuntimeError("no run has started")
    return _run


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_DISCOVERED)
def _on_discovered_dependency(task: luigi.Task, _: luigi.Task) -> None:
    """Record the start once Luigi has found the root task incomplete."""
    if _run is not None and task == _run.root:
        record_start()
