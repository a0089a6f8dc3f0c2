"""Sends OpenLineage events of a run and its steps, if OpenLineage is configured.

Nothing here changes the outcome of a run or delays it by more than seconds.
"""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta

import luigi
import structlog

from loaders.errors import ConfigError
from loaders.lineage import sender
from loaders.lineage.sender import Sender
from orchestrate import progress, steps
from orchestrate.runs.lineage_facts import LineageFacts
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from orchestrate.runs.process_channel import ProcessChannel
from orchestrate.steps import StepEvent

CLOSE_SECONDS = 5.0
# An interrupted run must stop at once.
INTERRUPTED_CLOSE_SECONDS = 2.0
INTERRUPTED_CODES = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)

log = structlog.get_logger()


class RunLineage:
    """The events of one run, whose steps may be executed by forked processes."""

    def __init__(self, root: luigi.Task, started_at: datetime) -> None:
        """Connect; raise `ConfigError` if OpenLineage's settings cannot be used."""
        self._root = StepEvent(
            state=steps.STARTED,
            step_id=str(uuid.uuid4()),
            task=root.get_task_family(),
            subject="",
            days=tuple(map(str, _days(root))),
            time=started_at.replace(tzinfo=UTC).isoformat(),
        )
        self._sender = Sender(LineageFacts(root, self._root.step_id).events)
        self._channel = ProcessChannel(
            "steps", lambda message: self._take(StepEvent.from_dict(message))
        )
        self._has_started = False
        self._open: dict[str, StepEvent] = {}
        self._failed: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        steps.observe(self._observe)

    def start(self) -> None:
        """Send the start of the run, once."""
        if not self._has_started:
            self._has_started = True
            self._sender.put(self._root)

    def end(self, outcome: Outcome) -> str:
        """Send the end of open steps and of the run; return what went wrong, or ''."""
        self._channel.drain()
        steps.observe(None)
        is_interrupted = outcome.exit_code in INTERRUPTED_CODES
        failures = () if is_interrupted else outcome.failures
        with self._lock:
            self._end_open_steps(is_interrupted)
            self._report_other_failures(failures)
        if outcome.exit_code in (ExitCode.DONE, ExitCode.REJECTED):
            state, error = steps.DONE, ""
        else:
            state = steps.ABORTED if is_interrupted else steps.FAILED
            error = "\n".join(each.error for each in outcome.failures[:1])
            self.start()
        if self._has_started:
            self._sender.put(_changed(self._root, state, error))
        return self._sender.close(
            INTERRUPTED_CLOSE_SECONDS if is_interrupted else CLOSE_SECONDS
        )

    def _observe(self, event: StepEvent) -> None:
        if self._channel.is_own_process:
            self._take(event)
        else:
            self._channel.send(asdict(event))

    def _take(self, event: StepEvent) -> None:
        with self._lock:
            self.start()
            if event.state == steps.STARTED:
                self._open[event.step_id] = event
            else:
                self._open.pop(event.step_id, None)
            if event.state == steps.FAILED:
                task = steps.MODEL if event.task == steps.MODEL_TESTS else event.task
                self._failed.add((task, event.subject))
            self._sender.put(event)

    def _end_open_steps(self, is_interrupted: bool) -> None:
        for event in self._open.values():
            state = steps.ABORTED if is_interrupted else steps.FAILED
            error = "" if is_interrupted else "Its process ended before it did."
            self._sender.put(_changed(event, state, error))

    def _report_other_failures(self, failures: Sequence[TaskResult]) -> None:
        """Report tasks that failed before they began to work, for example to wait."""
        for failure in failures:
            key = (failure.task, failure.subject)
            # The root's own failure is that of the run.
            if failure.task == self._root.task or key in self._failed:
                continue
            self.start()
            event = replace(
                _changed(self._root, steps.STARTED),
                step_id=str(uuid.uuid4()),
                task=failure.task,
                subject=failure.subject,
            )
            self._sender.put(event)
            self._sender.put(_changed(event, steps.FAILED, failure.error))


_current: RunLineage | None = None


def run_started(root: luigi.Task, started_at: datetime) -> None:
    """Observe the steps of a run, if OpenLineage is configured."""
    global _current
    _current = None
    steps.observe(None)
    if not sender.is_configured():
        return
    try:
        _current = RunLineage(root, started_at)
    except ConfigError as error:
        _report(str(error))


def work_started() -> None:
    """Send the start of the run, which has something to do."""
    if _current is not None:
        _current.start()


def run_ended(outcome: Outcome) -> None:
    """Send the end of the run, and wait for the events for a limited time."""
    global _current
    run, _current = _current, None
    if run is not None and (problem := run.end(outcome)):
        _report(problem)


def _report(problem: str) -> None:
    log.warning("lineage", problem=problem)
    progress.print_line(problem, outcome="warn")


def _changed(event: StepEvent, state: str, error: str = "") -> StepEvent:
    now = datetime.now(UTC).isoformat()
    return replace(event, state=state, error=error, time=now)


def _days(root: luigi.Task) -> list[date]:
    first = root.data_date_from or root.data_date
    days = (root.data_date - first).days
    return [first + timedelta(days=day) for day in range(days + 1)]
