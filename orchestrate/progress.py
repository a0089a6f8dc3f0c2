"""A line for each thing done: what, rows, seconds. For people at a terminal.

Written to standard error by whichever worker did it, so that standard output holds
the result alone.
"""

import time
from datetime import date

import luigi
from rich.console import Console
from rich.text import Text

console = Console(stderr=True, highlight=False, soft_wrap=True)
MARKS = {"done": ("✔", "green"), "failed": ("✘", "red"), "warn": ("!", "yellow")}
_shown = False


def show() -> None:
    """Print lines from now on, in this process and those it forks."""
    global _shown
    _shown = True


def line(
    what: str,
    *,
    day: date | None = None,
    rows: int | None = None,
    seconds: float | None = None,
    outcome: str = "done",
) -> None:
    """Print one line; nothing when nobody watches."""
    if not _shown:
        return
    mark, colour = MARKS[outcome]
    text = Text(f"{mark} ", style=colour)
    text.append(f"{what:<46}", style="" if outcome == "done" else colour)
    text.append(f" {day or ''!s:<10}", style="dim")
    text.append(f" {rows:>12,} rows" if rows is not None else " " * 18)
    text.append(f" {seconds:>8.2f} s" if seconds is not None else "")
    console.print(text)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._start


@luigi.Task.event_handler(luigi.Event.FAILURE)
def _tell_failure(task: luigi.Task, error: Exception) -> None:
    line(f"{task.task_family} {thing(task)}", outcome="failed")
    if _shown:
        console.print(Text(f"    {type(error).__name__}: {error}", style="red"))


def thing(task: luigi.Task) -> str:
    """Return the source, model or dataset that a task is about, or ''."""
    for name in ("source", "model", "dataset"):
        if hasattr(task, name):
            return str(getattr(task, name))
    return ""
