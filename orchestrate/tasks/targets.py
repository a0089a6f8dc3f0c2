"""The Luigi target of all tasks: complete when nothing about the task is stale."""

from typing import Protocol

import luigi


class HasStaleReason(Protocol):
    """A task that can report why it must run."""

    def stale_reason(self) -> str:
        """Return why the task must run, or '' if it is complete."""


class LedgerTarget(luigi.Target):
    """Exists if the task's ledger rows match its current inputs and code."""

    def __init__(self, task: HasStaleReason) -> None:
        self._task = task

    def exists(self) -> bool:
        """Return whether the task has no reason to run."""
        return not self._task.stale_reason()
