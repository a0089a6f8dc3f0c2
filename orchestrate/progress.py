"""Progress lines for people at a terminal: task, data date, rows, seconds.

They go to standard error, so that standard output contains only the result. Each
worker process prints its own.
"""

import time
from datetime import date

import luigi

from orchestrate import logs
from reports.console import Text, error_console

SYMBOLS = {"done": ("✔", "green"), "failed": ("✘", "red"), "warn": ("!", "yellow")}
_is_enabled = False
# Text and data date of the failures that this process has printed.
_failed: set[tuple[str, date | None]] = set()


def enable() -> None:
    """Print lines from now on, in this process and in those that it forks."""
    global _is_enabled
    _is_enabled = True


def print_line(
    text: str,
    *,
    day: date | None = None,
    rows: int | None = None,
    seconds: float | None = None,
    outcome: str = "done",
) -> None:
    """Print one line if enabled; `outcome` is a key of `SYMBOLS`."""
    if outcome == "failed":
        _failed.add((text, day))
    if not _is_enabled:
        return
    symbol, colour = SYMBOLS[outcome]
    line = Text(f"{symbol} ", style=colour)
    line.append(f"{text:<46}", style="" if outcome == "done" else colour)
    line.append(f" {day or ''!s:<10}", style="dim")
    line.append(f" {rows:>12,} rows" if rows is not None else " " * 18)
    line.append(f" {seconds:>8.2f} s" if seconds is not None else "")
    error_console.print(line)


class Stopwatch:
    """Measures the seconds since it was created."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """The elapsed seconds."""
        return time.monotonic() - self._start


def subject(task: luigi.Task) -> str:
    """Return the source, model or dataset that a task processes, or ''."""
    for name in ("source", "model", "dataset"):
        if hasattr(task, name):
            return str(getattr(task, name))
    return ""


@luigi.Task.event_handler(luigi.Event.FAILURE)
def _print_failure(task: luigi.Task, _: Exception) -> None:
    """Print which task failed, unless that is printed: once for all its attempts.

    The summary of the run has the error.
    """
    text = f"{task.get_task_family()} {subject(task)}"
    day = getattr(task, "data_date", None)
    if (text, day) not in _failed:
        print_line(text, day=day, outcome="failed")


@luigi.Task.event_handler(luigi.Event.START)
def _name_task_in_log(task: luigi.Task) -> None:
    """Let the log lines of this process name the task."""
    logs.set_task(f"{task.get_task_family()} {subject(task)}".rstrip())


@luigi.Task.event_handler(luigi.Event.SUCCESS)
@luigi.Task.event_handler(luigi.Event.FAILURE)
def _name_no_task_in_log(*_: object) -> None:
    logs.set_task(None)
