"""`SyncContext`: what all steps of one sync share.

`sync.context_for` creates it after the login and the preflight check. It is frozen, so
no step can change what another one relies on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loaders.salesforce import ledger
from loaders.salesforce.client import Client
from loaders.salesforce.mapping import Mapping
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.preflight import Destination

STAGING_DB_FILE = "staging.sqlite"


@dataclass(frozen=True)
class Progress:
    """The progress of one stage of a sync, in rows."""

    stage: str
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]


def ignore_progress(_: Progress) -> None:
    """Do nothing: the default progress callback."""


@dataclass(frozen=True)
class SyncContext:
    """One sync: its ledger identity, mapping, client, destination, policy and folder.

    `folder` is the sync's own spool folder.
    """

    sync: ledger.Sync
    mapping: Mapping
    client: Client
    destination: Destination
    policy: SyncPolicy
    folder: Path
    on_progress: ProgressCallback = ignore_progress

    @property
    def staging_db_path(self) -> Path:
        """The path of this sync's staging database."""
        return self.folder / STAGING_DB_FILE
