"""What other systems get to know of a run: the heartbeat of its start and its end.

Nothing here changes the outcome of a run.
"""

from datetime import datetime

import luigi

from loaders import heartbeat
from orchestrate import progress
from orchestrate.runs.outcome import ExitCode, Outcome


def run_started() -> None:
    """Call the monitor that expects a run."""
    _ping(heartbeat.START)


def run_ended(root: luigi.Task, outcome: Outcome, started_at: datetime) -> None:
    """Report how a run ended, which only exit code 0 makes a success."""
    is_done = outcome.exit_code == ExitCode.DONE
    _ping(heartbeat.SUCCESS if is_done else heartbeat.FAIL)


def _ping(event: str) -> None:
    if problem := heartbeat.ping(event):
        progress.print_line(problem, outcome="warn")
