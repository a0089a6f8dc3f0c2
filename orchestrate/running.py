"""Run a root task with Luigi and say how it ended, in the contract's exit codes."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from enum import IntEnum
from pathlib import Path

import luigi
from luigi.execution_summary import LuigiStatusCode

from loaders import ledger, profile, warehouse
from loaders.errors import ConfigError, NightshiftError
from loaders.settings import PROJECT
from orchestrate import night
from orchestrate.targets import RUN_ID

EVENTS = PROJECT / "var" / "runs"


class ExitCode(IntEnum):
    """What a scheduler may conclude from the end of a run."""

    DONE = 0
    FAILED = 1
    REJECTED = 2
    MISCONFIGURED = 3


@dataclass(frozen=True)
class TaskEnd:
    """How one task ended, in whichever process it ran."""

    task: str
    what: str
    status: str
    seconds: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: its exit code and each task that ran."""

    run_id: str
    exit_code: ExitCode
    tasks: tuple[TaskEnd, ...] = field(default_factory=tuple)

    @property
    def failures(self) -> list[TaskEnd]:
        """Tasks whose last attempt failed."""
        last = {(end.task, end.what): end for end in self.tasks}
        return [end for end in last.values() if end.status == "failed"]

    @property
    def done(self) -> list[TaskEnd]:
        """Tasks that did something and succeeded."""
        return [end for end in self.tasks if end.status == "done"]


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
    _recording_to(EVENTS / f"{RUN_ID}.jsonl")
    result = luigi.build(
        [root],
        workers=workers,
        local_scheduler=luigi.interface.core().local_scheduler,
        detailed_summary=True,
    )
    outcome = Outcome(
        run_id=RUN_ID,
        exit_code=_exit_code(result.status),
        tasks=tuple(_recorded(EVENTS / f"{RUN_ID}.jsonl")),
    )
    if outcome.done or outcome.failures:
        _record(root, outcome, command=command, started_at=started_at)
    return outcome


def _exit_code(status: LuigiStatusCode) -> ExitCode:
    if status in (LuigiStatusCode.SUCCESS, LuigiStatusCode.SUCCESS_WITH_RETRY):
        return ExitCode.DONE
    if status == LuigiStatusCode.MISSING_EXT:
        return ExitCode.REJECTED
    return ExitCode.FAILED


def _record(
    root: luigi.Task, outcome: Outcome, *, command: str, started_at: datetime
) -> None:
    columns = ["run_id", "command", "data_date_from", "data_date", "env", "version"]
    columns += ["target", "status", "exit_code", "tasks_done", "tasks_failed"]
    columns += ["started_at", "finished_at", "message"]
    failures = outcome.failures
    row = [
        *(outcome.run_id, command, root.data_date_from or root.data_date),
        *(root.data_date, root.env, root.version, profile.target().name),
        *(outcome.exit_code.name.lower(), int(outcome.exit_code)),
        *(len(outcome.done), len(failures), started_at, ledger.now()),
        failures[0].error[:2000] if failures else None,
    ]
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
        connection.insert(connection.table("ops", "runs"), columns, [row])


_events: Path | None = None


def _recording_to(path: Path) -> None:
    """Let each task's end be appended to one file, by whichever process runs it."""
    global _events
    path.parent.mkdir(parents=True, exist_ok=True)
    _events = path


def _append(end: TaskEnd) -> None:
    if _events is not None:
        with _events.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(end)) + "\n")


def _recorded(path: Path) -> list[TaskEnd]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [TaskEnd(**json.loads(line)) for line in lines]


@luigi.Task.event_handler(luigi.Event.PROCESSING_TIME)
def _note_success(task: luigi.Task, seconds: float) -> None:
    if not isinstance(task, luigi.WrapperTask):
        _append(TaskEnd(task.task_family, str(task), "done", round(seconds, 3)))


@luigi.Task.event_handler(luigi.Event.FAILURE)
def _note_failure(task: luigi.Task, error: Exception) -> None:
    told = str(error) if isinstance(error, NightshiftError) else repr(error)
    _append(TaskEnd(task.task_family, str(task), "failed", error=told))


def snapshot(root: luigi.Task) -> night.Night:
    """Return the night of a root task, read anew."""
    return night.refreshed(
        root.data_date, root.data_date_from, env=root.env, version=root.version
    )
