"""The results of a run's tasks, collected from all its processes.

Results do not pass through files, which a full or read-only disk would lose: the
processes that Luigi forks send them to the first process over a socket.
"""

import json
import os
import socket
import threading
from contextlib import suppress
from dataclasses import asdict, replace

import luigi

from loaders import machine
from loaders.config import redaction
from loaders.errors import NightshiftError
from orchestrate import progress
from orchestrate.runs import scheduler
from orchestrate.runs.outcome import TaskResult

# One message must fit into a socket's buffer.
MAX_ERROR_LENGTH = 20_000
MAX_MESSAGE_BYTES = 200_000
SEND_TIMEOUT_SECONDS = 10


class ResultCollector:
    """Collects results from the process that created it and from those it forks."""

    def __init__(self) -> None:
        self._results: list[TaskResult] = []
        self._process_id = os.getpid()
        self._sender, self._receiver = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_DGRAM
        )
        self._sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_MESSAGE_BYTES)
        # A process whose parent has been killed must not wait for it.
        self._sender.settimeout(SEND_TIMEOUT_SECONDS)
        self._is_drained = threading.Event()
        threading.Thread(target=self._receive, name="results", daemon=True).start()

    def add(self, result: TaskResult) -> None:
        """Add a result; it takes effect in the first process."""
        if os.getpid() == self._process_id:
            self._results.append(result)
            return
        result = replace(result, error=result.error[:MAX_ERROR_LENGTH])
        with suppress(OSError):
            self._sender.send(json.dumps(asdict(result)).encode())

    def results(self) -> tuple[TaskResult, ...]:
        """Return all results so far, in order of time."""
        self._is_drained.clear()
        with suppress(OSError):
            self._sender.send(b"")  # arrives after everything that was sent before
            self._is_drained.wait(SEND_TIMEOUT_SECONDS)
        return tuple(self._results)

    def _receive(self) -> None:
        while True:
            message = self._receiver.recv(MAX_MESSAGE_BYTES)
            if message:
                self._results.append(TaskResult(**json.loads(message)))
            else:
                self._is_drained.set()


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
