"""What every step of one sync needs to know, gathered once.

Made by `sync.run` after login and preflight; frozen, so that no step can change what
another relies on. Spool paths are below the folder that the caller gives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loaders.salesforce import ledger
from loaders.salesforce.client import Client
from loaders.salesforce.mapping import Mapping
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.preflight import Destination

WORKBOOK = "workbook.sqlite"


@dataclass(frozen=True)
class Progress:
    """How far a stage of the sync is, in rows."""

    stage: str
    done: int
    total: int


ProgressHook = Callable[[Progress], None]


def tell_nobody(_: Progress) -> None:
    """Take a word of progress and drop it: the hook when the caller gives none."""


@dataclass(frozen=True)
class Errand:
    """One sync on its way: where to, what, how, and as whom in the ledgers."""

    sync: ledger.Sync
    mapping: Mapping
    client: Client
    destination: Destination
    policy: SyncPolicy
    folder: Path
    tell: ProgressHook = tell_nobody

    @property
    def workbook_path(self) -> Path:
        """Where the workbook of this sync lies."""
        return self.folder / WORKBOOK
