"""Records runs that the `luigi` command line started, and sends their alerts.

Luigi has no event for the end of a run, so the run ends when the process exits.
"""

import atexit
import os
from datetime import datetime

import luigi
import structlog

from loaders.errors import NightshiftError
from loaders.ledger import now
from orchestrate.nightly import Backfill, Nightly
from orchestrate.runs import execution

COMMAND = "luigi"

log = structlog.get_logger()


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_PRESENT)
def _on_complete_root(task: luigi.Task) -> None:
    """Start recording a run whose root task Luigi finds complete."""
    _start(task, is_done=True)


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_DISCOVERED)
@luigi.Task.event_handler(luigi.Event.DEPENDENCY_MISSING)
@luigi.Task.event_handler(luigi.Event.BROKEN_TASK)
def _on_first_event(task: luigi.Task, *_: object) -> None:
    """Start recording a run at the first event of its root task."""
    _start(task, is_done=False)


def _start(task: luigi.Task, *, is_done: bool) -> None:
    if isinstance(task, Nightly | Backfill) and not execution.is_recording():
        execution.start_recording()
        atexit.register(_finish, task, os.getpid(), now(), is_done=is_done)


def _finish(
    root: luigi.Task, process_id: int, started_at: datetime, *, is_done: bool
) -> None:
    if os.getpid() != process_id:
        return  # A forked worker exits; the run continues.
    try:
        outcome = execution.determine_outcome(root, is_done=is_done)
        execution.finish_run(root, outcome, command=COMMAND, started_at=started_at)
    except NightshiftError as error:
        log.error("run not recorded", error=str(error))
