"""The steps of a run: what its tasks do to data, reported to whoever observes the run.

A step is one load of a partition, one build or test of a model, one archive, sync or
report. A task that finds its work done has no step. Without an observer, a step costs
nothing.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

STARTED = "started"
DONE = "done"
FAILED = "failed"
ABORTED = "aborted"
# The tests of a model are a step of their own, but no task.
MODEL = "DbtModel"
MODEL_TESTS = "DbtModelTests"


@dataclass(frozen=True)
class TestOutcome:
    """The outcome of a dbt test; `failures` counts the rows that violate it."""

    unique_id: str
    status: str
    failures: int | None = None


@dataclass(frozen=True)
class StepEvent:
    """A change of a step, as plain values that JSON can hold.

    `task` and `subject` are those of the Luigi task. `days` and `time` are ISO texts.
    `counts` may have `lines`, `rows`, `rejects`, `bytes` and `files`. `invocation` is
    the id of dbt's invocation.
    """

    state: str
    step_id: str
    task: str
    subject: str
    days: tuple[str, ...]
    time: str
    invocation: str = ""
    error: str = ""
    counts: dict[str, int | None] = field(default_factory=dict)
    tests: tuple[TestOutcome, ...] = ()

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "StepEvent":
        """Return the event of which `dataclasses.asdict` made these values."""
        tests = tuple(TestOutcome(**test) for test in values["tests"])
        return cls(**{**values, "days": tuple(values["days"]), "tests": tests})


Observer = Callable[[StepEvent], None]

_observer: Observer | None = None


def observe(observer: Observer | None) -> None:
    """Report each change of a step to `observer` from now on, from any thread.

    Processes that are forked report to it as well.
    """
    global _observer
    _observer = observer


class Step:
    """A step that starts when it is created, and ends once."""

    def __init__(
        self, task: str, subject: str, days: Sequence[date], invocation: str = ""
    ) -> None:
        self._invocation = invocation
        self._task = task
        self._subject = subject
        self._days = tuple(str(day) for day in days)
        self._id = str(uuid.uuid4())
        self._has_ended = False
        self._report(STARTED)

    def complete(self, tests: Sequence[TestOutcome] = (), **counts: int | None) -> None:
        """Report that the step succeeded, with what it read and wrote."""
        self._end(DONE, tests=tuple(tests), counts=counts)

    def fail(self, error: object, tests: Sequence[TestOutcome] = ()) -> None:
        """Report that the step failed, unless it has ended."""
        self._end(FAILED, error=str(error), tests=tuple(tests))

    def abort(self) -> None:
        """Report that the step stopped for no reason of its own."""
        self._end(ABORTED)

    def _end(self, state: str, **values: Any) -> None:  # noqa: ANN401 - fields
        if not self._has_ended:
            self._has_ended = True
            self._report(state, **values)

    def _report(self, state: str, **values: Any) -> None:  # noqa: ANN401 - fields
        if _observer is not None:
            _observer(
                StepEvent(
                    state=state,
                    step_id=self._id,
                    task=self._task,
                    subject=self._subject,
                    days=self._days,
                    invocation=self._invocation,
                    time=datetime.now(UTC).isoformat(),
                    **values,
                )
            )


@contextmanager
def step(task: str, subject: str, days: Sequence[date]) -> Iterator[Step]:
    """Report a step that is what the block does; `days` are those that it processes."""
    started = Step(task, subject, days)
    with running(started):
        yield started
    started.complete()


@contextmanager
def running(*started: Step) -> Iterator[None]:
    """Let the steps that have not ended fail with an error of the block.

    The observer sees steps that an interruption left open.
    """
    try:
        yield
    except Exception as error:  # of any kind: it is raised again
        for each in started:
            each.fail(error)
        raise
