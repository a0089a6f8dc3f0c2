"""Runs that the `luigi` line started: noted and told of like those of `nightshift`.

Luigi has no event for the end of a run, so the end of its process is taken.
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
def _watch_finished(task: luigi.Task) -> None:
    """Begin with a night of which Luigi finds that it is done."""
    _begin(task, is_done=True)


@luigi.Task.event_handler(luigi.Event.DEPENDENCY_DISCOVERED)
@luigi.Task.event_handler(luigi.Event.DEPENDENCY_MISSING)
@luigi.Task.event_handler(luigi.Event.BROKEN_TASK)
def _watch(task: luigi.Task, *_: object) -> None:
    """Begin with the first thing that Luigi finds out about a night."""
    _begin(task, is_done=False)


def _begin(task: luigi.Task, *, is_done: bool) -> None:
    if isinstance(task, Nightly | Backfill) and not execution.is_recording():
        execution.start_recording()
        atexit.register(_close, task, os.getpid(), now(), is_done=is_done)


def _close(
    root: luigi.Task, process: int, started_at: datetime, *, is_done: bool
) -> None:
    if os.getpid() != process:
        return  # a forked worker ends, not the run
    try:
        outcome = execution.judge(root, is_done=is_done)
        execution.close(root, outcome, command=COMMAND, started_at=started_at)
    except NightshiftError as error:
        log.error("run not noted", error=str(error))
