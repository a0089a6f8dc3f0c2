"""The outcome of a run: its exit code and the result of each task."""

from dataclasses import dataclass, field
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `nightshift` and of the `luigi` command line."""

    DONE = 0
    FAILED = 1
    REJECTED = 2
    MISCONFIGURED = 3
    INTERRUPTED = 130  # by Ctrl-C
    TERMINATED = 143  # by SIGTERM

    @property
    def status(self) -> str:
        """The name of the code in `ops.runs` and in JSON."""
        code = ExitCode.INTERRUPTED if self == ExitCode.TERMINATED else self
        return code.name.lower()


@dataclass(frozen=True)
class TaskResult:
    """The result of one attempt of a task.

    `task` is the task's class, `task_id` includes its parameters, and `subject` is its
    source, model or dataset. `error_type` is the exception's class. `was_scheduled` is
    false if the task failed before Luigi could schedule it.
    """

    task: str
    task_id: str
    status: str
    seconds: float = 0.0
    error: str = ""
    subject: str = ""
    error_type: str = ""
    was_scheduled: bool = True

    @property
    def name(self) -> str:
        """The task's class and subject, as messages show them."""
        return f"{self.task} {self.subject}".rstrip()


@dataclass(frozen=True)
class Outcome:
    """The exit code of a run and the results of its tasks in order of time."""

    run_id: str
    exit_code: ExitCode
    tasks: tuple[TaskResult, ...] = field(default_factory=tuple)

    @property
    def failures(self) -> list[TaskResult]:
        """The tasks whose last attempt failed."""
        last = {(result.task, result.task_id): result for result in self.tasks}
        return [result for result in last.values() if result.status == "failed"]

    @property
    def done(self) -> list[TaskResult]:
        """The tasks that did some work and succeeded."""
        return [result for result in self.tasks if result.status == "done"]
