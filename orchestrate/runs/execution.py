"""Run a root task with Luigi and say how it ended, in the contract's exit codes."""

import json
from collections.abc import Iterator
from dataclasses import asdict
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
from loaders.ledger import runs as run_ledger
from orchestrate import progress
from orchestrate.planning import archives as archive_planning
from orchestrate.planning import run_state
from orchestrate.run_id import RUN_ID
from orchestrate.runs import alerts
from orchestrate.runs.outcome import ExitCode, Outcome, TaskEnd
from orchestrate.tasks.export import AcceptedBySalesforce, SyncTrialMetricsToSalesforce
from orchestrate.tasks.report import MailReport

EVENTS = PROJECT / "var" / "runs"
SUCCESSES = (LuigiStatusCode.SUCCESS, LuigiStatusCode.SUCCESS_WITH_RETRY)
SHOWN_TASKS = 3

log = structlog.get_logger()


def require_past(data_date: date) -> None:
    """Raise `ConfigError` unless the day has ended (UTC)."""
    today = datetime.now(UTC).date()
    if data_date >= today:
        raise ConfigError(
            f"Data date {data_date} has not ended (today is {today}, UTC). "
            f"Give a day before today."
        )


def execute(root: luigi.Task, *, command: str, workers: int) -> Outcome:
    """Run `root` and all it wants; record the run in `ops.runs`.

    Whether a luigid is asked, and which, is luigi.cfg's word.
    """
    started_at = ledger.now()
    start_recording()
    with warehouse.kept_open():
        result = luigi.build(
            [root],
            # Tasks that take turns anyway do so in this process.
            workers=1 if warehouse.is_single_writer() else workers,
            local_scheduler=luigi.interface.core().local_scheduler,
            detailed_summary=True,
        )
        outcome = judge(root, is_done=result.status in SUCCESSES)
        close(root, outcome, command=command, started_at=started_at)
    return outcome


def close(
    root: luigi.Task, outcome: Outcome, *, command: str, started_at: datetime
) -> None:
    """Tell people how the run ended, and note it in `ops.runs`.

    A run that had nothing to do is noted only when it ends a trouble.
    """
    if outcome.exit_code in (ExitCode.FAILED, ExitCode.MISCONFIGURED):
        alerts.tell_failure(root, outcome)
        try:
            _record(root, outcome, command=command, started_at=started_at)
        except NightshiftError as error:
            log.error("run not recorded", error=str(error))  # the failure is the news
        return
    troubles = _troubles(root)
    if outcome.done or troubles:
        _record(root, outcome, command=command, started_at=started_at)
    alerts.tell_recovery(root, outcome, troubles)


def judge(root: luigi.Task, *, is_done: bool) -> Outcome:
    """Return how a run ended: by its failures, else by what is done now.

    `is_done` is Luigi's word that all is; without it everything is asked anew.
    """
    ends = _recorded()
    if is_done:
        return Outcome(RUN_ID, ExitCode.DONE, ends)
    if not Outcome(RUN_ID, ExitCode.FAILED, ends).failures:
        try:
            missing = _missing(root)
        except NightshiftError as error:
            ends = (*ends, _failure(root, error, is_planned=False))
        else:
            if not missing:
                code = ExitCode.DONE if root.complete() else ExitCode.REJECTED
                return Outcome(RUN_ID, code, ends)
            end = TaskEnd(root.task_family, str(root), "failed", error=missing)
            ends = (*ends, end)
    is_misconfigured = any(
        not end.is_planned and end.kind == ConfigError.__name__ for end in ends
    )
    code = ExitCode.MISCONFIGURED if is_misconfigured else ExitCode.FAILED
    return Outcome(RUN_ID, code, ends)


def _missing(root: luigi.Task) -> str:
    """Say what of the night is not done, Salesforce's acceptance aside, or ''."""
    run_state.forget()
    archive_planning.forget()
    # What Salesforce did not take is sent, and reported, by every run anew.
    is_open = not root.clone(AcceptedBySalesforce).complete()
    again = (SyncTrialMetricsToSalesforce, MailReport) if is_open else ()
    waiting = [
        str(task)
        for task in _wanted(root)
        if not isinstance(task, again) and not task.complete()
    ]
    if not waiting:
        return ""
    shown = ", ".join(waiting[:SHOWN_TASKS])
    more = len(waiting) - SHOWN_TASKS
    return (
        f"The run ended before all was done. Not done: {shown}"
        f"{f' and {more} more' if more > 0 else ''}."
    )


def _wanted(root: luigi.Task) -> Iterator[luigi.Task]:
    for task in flatten(root.requires()):
        if isinstance(task, luigi.WrapperTask):
            yield from _wanted(task)
        else:
            yield task


def _troubles(root: luigi.Task) -> list[run_ledger.Run]:
    """Return the troubles that a good end of this run puts an end to."""
    if not warehouse.exists():
        return []
    first = root.data_date_from or root.data_date
    with warehouse.session() as connection:
        return run_ledger.open_troubles(
            connection, first, root.data_date, env=root.env, version=root.version
        )


def _record(
    root: luigi.Task, outcome: Outcome, *, command: str, started_at: datetime
) -> None:
    columns = ["run_id", "command", "data_date_from", "data_date", "env", "version"]
    columns += ["target", "status", "exit_code", "tasks_done", "tasks_failed"]
    columns += ["started_at", "finished_at", "message"]
    failures = outcome.failures
    row = [
        *(outcome.run_id, command, root.data_date_from or root.data_date),
        *(root.data_date, root.env, root.version, dbt_profile.target().name),
        *(outcome.exit_code.name.lower(), int(outcome.exit_code)),
        *(len(outcome.done), len(failures), started_at, ledger.now()),
        failures[0].error[:2000] if failures else None,
    ]
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
        connection.insert(connection.table("ops", "runs"), columns, [row])


_events: Path | None = None


def start_recording() -> None:
    """Let each task's end be appended to one file, by whichever process runs it."""
    global _events
    EVENTS.mkdir(parents=True, exist_ok=True)
    _events = EVENTS / f"{RUN_ID}.jsonl"


def is_recording() -> bool:
    """Say whether somebody keeps the ends of tasks already."""
    return _events is not None


def _append(end: TaskEnd) -> None:
    if _events is not None:
        with _events.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(end)) + "\n")


def _recorded() -> tuple[TaskEnd, ...]:
    if _events is None or not _events.exists():
        return ()
    lines = _events.read_text(encoding="utf-8").splitlines()
    return tuple(TaskEnd(**json.loads(line)) for line in lines)


@luigi.Task.event_handler(luigi.Event.PROCESSING_TIME)
def _note_success(task: luigi.Task, seconds: float) -> None:
    if not isinstance(task, luigi.WrapperTask):
        _append(TaskEnd(task.task_family, str(task), "done", round(seconds, 3)))


@luigi.Task.event_handler(luigi.Event.FAILURE)
def _note_failure(task: luigi.Task, error: Exception) -> None:
    _append(_failure(task, error))


@luigi.Task.event_handler(luigi.Event.BROKEN_TASK)
def _note_broken(task: luigi.Task, error: Exception) -> None:
    _append(_failure(task, error, is_planned=False))


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_MISSING)
def _note_unknown(task: luigi.Task) -> None:
    """Ask again why nobody can say whether the task is done: Luigi keeps it silent."""
    if not isinstance(task, luigi.ExternalTask):
        try:
            task.complete()
        except NightshiftError as error:
            _append(_failure(task, error, is_planned=False))


def _failure(task: luigi.Task, error: Exception, *, is_planned: bool = True) -> TaskEnd:
    return TaskEnd(
        task.task_family,
        str(task),
        "failed",
        error=str(error) if isinstance(error, NightshiftError) else repr(error),
        thing=progress.thing(task),
        kind=type(error).__name__,
        is_planned=is_planned,
    )


@luigi.Task.event_handler(luigi.Event.PROCESS_FAILURE)
@luigi.Task.event_handler(luigi.Event.TIMEOUT)
def _note_death(task: luigi.Task, told: str) -> None:
    end = TaskEnd(
        task.task_family, str(task), "failed", error=told, thing=progress.thing(task)
    )
    _append(end)
