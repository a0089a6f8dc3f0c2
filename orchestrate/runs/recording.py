"""The results of a run's tasks, collected from all processes that Luigi forks."""

from dataclasses import asdict

import luigi

from loaders import machine
from loaders.config import redaction
from loaders.errors import NightshiftError
from orchestrate import progress
from orchestrate.runs import scheduler
from orchestrate.runs.outcome import TaskResult
from orchestrate.runs.process_channel import ProcessChannel


class ResultCollector:
    """Collects results from the process that created it and from those it forks."""

    def __init__(self) -> None:
        self._results: list[TaskResult] = []
        self._channel = ProcessChannel(
            "results", lambda message: self._results.append(TaskResult(**message))
        )

    def add(self, result: TaskResult) -> None:
        """Add a result; it takes effect in the first process."""
        if self._channel.is_own_process:
            self._results.append(result)
        else:
            self._channel.send(asdict(result))

    def results(self) -> tuple[TaskResult, ...]:
        """Return all results so far, in order of time."""
        self._channel.drain()
        return tuple(self._results)


_collector: ResultCollector | None = None


def start() -> None:
    """Collect the results of tasks from now on."""
    global _collector
    _collector = ResultCollector()


def results() -> tuple[TaskResult, ...]:
    """Return the results of the run's tasks so far."""
    return _collector.results() if _collector else ()


def failure(
    task: luigi.Task, error: BaseException, *, was_scheduled: bool = True
) -> TaskResult:
    """Return the result of a task that failed with an exception of any kind."""
    shown = scheduler.describe(error) or machine.classify(error)
    return TaskResult(
        task.get_task_family(),
        str(task),
        "failed",
        error=str(shown),
        subject=progress.subject(task),
        error_type=type(shown).__name__,
        was_scheduled=was_scheduled,
    )


def add_failure(task: luigi.Task, error: BaseException) -> None:
    """Add the result of a task that could not be started."""
    _add(failure(task, error, was_scheduled=False))


def _add(result: TaskResult) -> None:
    if _collector is not None:
        _collector.add(result)


def _explain(_: luigi.Task, error: BaseException) -> str:
    """Return what luigid shows of a failed task: our message, without a traceback."""
    shown = scheduler.describe(error) or machine.classify(error)
    return redaction.redact(str(shown))


luigi.Task.on_failure = _explain  # for all tasks


@luigi.Task.event_handler(luigi.Event.PROCESSING_TIME)
def _record_success(task: luigi.Task, seconds: float) -> None:
    if not isinstance(task, luigi.WrapperTask):
        _add(TaskResult(task.get_task_family(), str(task), "done", round(seconds, 3)))


@luigi.Task.event_handler(luigi.Event.FAILURE)
def _record_failure(task: luigi.Task, error: Exception) -> None:
    _add(failure(task, error))


@luigi.Task.event_handler(luigi.Event.BROKEN_TASK)
def _record_broken_task(task: luigi.Task, error: Exception) -> None:
    _add(failure(task, error, was_scheduled=False))


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_MISSING)
def _record_failed_check(task: luigi.Task) -> None:
    """Check completeness again, because Luigi drops the error of a failed check."""
    if not isinstance(task, luigi.ExternalTask):
        try:
            task.complete()
        except Exception as error:  # every failed check is a result
            _add(failure(task, error, was_scheduled=False))


@luigi.Task.event_handler(luigi.Event.PROCESS_FAILURE)
@luigi.Task.event_handler(luigi.Event.TIMEOUT)
def _record_dead_worker(task: luigi.Task, message: str) -> None:
    _add(failure(task, NightshiftError(message)))
