"""Selects the tasks that a gathering task requires, so that its graph is readable."""

from collections.abc import Iterable

import luigi
from luigi.task import flatten

from loaders.errors import NightshiftError


def outermost(tasks: Iterable[luigi.Task]) -> list[luigi.Task]:
    """Return the tasks through which Luigi reaches all others that must run.

    These are the tasks that no other one requires, and each incomplete one that only
    complete tasks require: Luigi does not look at the requirements of a complete task,
    nor at those of a task that it cannot check.
    """
    candidates = list(tasks)
    required: set[luigi.Task] = set()
    reached: set[luigi.Task] = set()
    incomplete: set[luigi.Task] = set()
    for task in candidates:
        requirements = flatten(task.requires())
        required.update(requirements)
        try:
            if task.complete():
                continue
            reached.update(requirements)
        except NightshiftError:
            pass  # Luigi checks it again and reports it
        incomplete.add(task)
    return [
        task
        for task in candidates
        if task not in (reached if task in incomplete else required)
    ]


def can_be_skipped(task: luigi.Task) -> bool:
    """Return whether a task is known to be complete.

    One that cannot be checked is not: Luigi checks it again, reports it as the failure
    of that task, and runs the others.
    """
    try:
        return bool(task.complete())
    except NightshiftError:
        return False
