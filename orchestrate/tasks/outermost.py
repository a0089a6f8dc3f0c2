"""Selects the tasks that a gathering task requires, so that its graph is readable."""

from collections.abc import Iterable

import luigi
from luigi.task import flatten

from loaders.errors import NightshiftError


def outermost(tasks: Iterable[luigi.Task]) -> list[luigi.Task]:
    """Return the tasks through which Luigi reaches all others that must run.

    These are the tasks that no other one requires, and each incomplete one that only
    complete tasks require: Luigi does not look at the requirements of a complete task.
    """
    candidates = list(tasks)
    required: set[luigi.Task] = set()
    reached: set[luigi.Task] = set()
    incomplete: set[luigi.Task] = set()
    for task in candidates:
        requirements = flatten(task.requires())
        required.update(requirements)
        if not _is_complete(task):
            incomplete.add(task)
            reached.update(requirements)
    return [
        task
        for task in candidates
        if task not in (reached if task in incomplete else required)
    ]


def _is_complete(task: luigi.Task) -> bool:
    """Return whether a task is complete; Luigi reports what cannot be checked."""
    try:
        return bool(task.complete())
    except NightshiftError:
        return False
