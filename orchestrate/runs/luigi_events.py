"""Records runs that the `luigi` command line started, and sends their alerts.

Luigi has no event for the end of a run, so the run ends when the process exits.
"""

import atexit
import os
import warnings
from types import TracebackType

import luigi
import luigi.configuration
import structlog
from luigi.parameter import UnconsumedParameterWarning

from loaders import interruption, warehouse
from loaders.errors import NightshiftError
from orchestrate import task_metrics
from orchestrate.nightly import Backfill, Nightly
from orchestrate.runs import completion, execution, run_lock, scheduler
from orchestrate.runs.outcome import ExitCode
from reports.console import error_console

COMMAND = "luigi"

log = structlog.get_logger()


class TaskProcess:
    """The context in which Luigi runs each task, also in a process that it forked.

    A forked process ends without Python's own clean-up.
    """

    def __init__(self, process: object) -> None:
        self._is_forked = bool(getattr(process, "use_multiprocessing", False))

    def __enter__(self) -> "TaskProcess":
        """Do nothing."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the sessions of a forked process, or end it if it was interrupted.

        An interrupted process would otherwise print a traceback.
        """
        if not self._is_forked:
            return
        if isinstance(error, interruption.Interrupted):
            interruption.exit_now(error.exit_code)
        warehouse.close_sessions()


# Luigi warns of options of its own scheduler client, for example its URL.
warnings.filterwarnings(
    "ignore", message=".*'core'", category=UnconsumedParameterWarning
)
# Of Luigi's range tasks, if no parameter is named.
warnings.filterwarnings("ignore", message='Parameter "param_name"')
task_metrics.guard()
luigi.configuration.get_config().set(
    "worker", "task_process_context", f"{__name__}.{TaskProcess.__name__}"
)


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_PRESENT)
def _on_complete_root(task: luigi.Task) -> None:
    """Start recording a run whose root task Luigi finds complete."""
    _start(task, is_done=True)


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_DISCOVERED)
def _on_incomplete_root(task: luigi.Task, _: luigi.Task) -> None:
    """Start recording a run that has work to do."""
    if not _start(task, is_done=False):
        return
    if not run_lock.acquire(task, command=COMMAND):
        _finish(task, os.getpid(), is_done=False)
    execution.record_start()


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_MISSING)
@luigi.Task.event_handler(luigi.Event.BROKEN_TASK)
def _on_broken_root(task: luigi.Task, *_: object) -> None:
    """Start recording a run whose root task cannot be checked."""
    _start(task, is_done=False)


def _start(task: luigi.Task, *, is_done: bool) -> bool:
    """Start recording at the first event of a root task; return whether this is it."""
    if not isinstance(task, Nightly | Backfill) or execution.is_running():
        return False
    execution.start_run(task, command=COMMAND)
    if scheduler.unreachable_error():
        _finish(task, os.getpid(), is_done=False)
    atexit.register(_finish, task, os.getpid(), is_done=is_done)
    return True


def _finish(root: luigi.Task, process_id: int, *, is_done: bool) -> None:
    """Record the run, and end the process with the exit code of its outcome."""
    if os.getpid() != process_id:
        return  # A forked worker exits; the run continues.
    code: int = ExitCode.FAILED
    try:
        outcome = completion.determine_outcome(root, is_done=is_done)
        code = outcome.exit_code
        execution.finish_run(outcome)
        for failure in outcome.failures:
            if failure.task == root.get_task_family():  # no line of the log shows it
                error_console.print_error("luigi", failure.error)
    except interruption.Interrupted as error:
        interruption.stop(error)
    except NightshiftError as error:
        log.error("run not recorded", error=str(error))
    warehouse.close_sessions()
    interruption.exit_now(int(code))
