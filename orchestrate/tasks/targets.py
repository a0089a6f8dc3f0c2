"""Targets whose existence is a ledger row that matches, not a file that was touched."""

from typing import Protocol

import luigi


class Ledgered(Protocol):
    """A task that can say why it is not done."""

    def why(self) -> str:
        """Return the reason to run, or '' when the ledgers say it is done."""


class LedgerTarget(luigi.Target):
    """Exists when the task's ledger row carries today's fingerprints."""

    def __init__(self, task: Ledgered) -> None:
        self._task = task

    def exists(self) -> bool:
        """Ask the task for a reason to run; no reason is existence."""
        return not self._task.why()
