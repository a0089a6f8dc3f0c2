"""How a run ended: its exit code, and each task that ran in it."""

from dataclasses import dataclass, field
from enum import IntEnum


class ExitCode(IntEnum):
    """What a scheduler may conclude from the end of a run."""

    DONE = 0
    FAILED = 1
    REJECTED = 2
    MISCONFIGURED = 3


@dataclass(frozen=True)
class TaskEnd:
    """How one task ended, in whichever process it ran.

    `thing` is the source, model or dataset that it was about; `kind` the error's class.
    `is_planned` is false when it failed before anything could start.
    """

    task: str
    what: str
    status: str
    seconds: float = 0.0
    error: str = ""
    thing: str = ""
    kind: str = ""
    is_planned: bool = True


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
