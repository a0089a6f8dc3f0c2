"""The request of a sync, the context that its steps share, and its folder.

The context is created after the login and the preflight check. It is frozen, so no step
can change what another one relies on. Staging databases and CSV files are kept in a
folder per object with a folder per sync, so that after a crash the next sync on the
same machine finds them. A finished sync leaves at most `rejects.csv`.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

from loaders import warehouse
from loaders.config.salesforce_mapping import SALESFORCE_OBJECT, Mapping
from loaders.config.salesforce_policy import SyncPolicy
from loaders.config.settings import Salesforce as Settings
from loaders.errors import TransientError
from loaders.ledger import now
from loaders.private_files import make_folder
from loaders.salesforce.ledger import Scope, Sync
from loaders.salesforce_api.client import Client, connect
from loaders.salesforce_api.preflight import Destination, check

STAGING_DB_FILE = "staging.duckdb"
REJECTS_FILE = "rejects.csv"


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
class SyncRequest:
    """What to sync, for which data date, and how.

    `spool` is the folder for working files. `fingerprint` identifies the tested build
    of the mart and is stored in the ledger. `full` sends unchanged rows too;
    `only_rejected` sends only rows that were rejected before. `as_of` sends the values
    of an earlier data date instead of the mart's. `approved_plan_id` is the id of a
    plan that the safety check stopped and a person approved. `is_date_given` is whether
    the data date was chosen, and is not simply the newest one. `repair_drift` sends
    only rows whose record was deleted or edited in Salesforce.
    """

    mapping: Mapping
    data_date: date
    spool: Path
    env: str = "prod"
    version: str = "1"
    run_id: str = ""
    fingerprint: str = ""
    full: bool = False
    dry_run: bool = False
    only_rejected: bool = False
    as_of: date | None = None
    approved_plan_id: str | None = None
    is_date_given: bool = False
    repair_drift: bool = False

    @property
    def variant(self) -> str:
        """The options that select the rows to send, other than the data date."""
        options = {
            f"--as-of {self.as_of}": self.as_of,
            "--full": self.full,
            "--retry": self.only_rejected,
            "--repair-drift": self.repair_drift,
        }
        return " ".join(option for option, is_given in options.items() if is_given)

    @property
    def command(self) -> str:
        """The command line of this request, without an approval."""
        parts = ["nightshift salesforce", "rejects" if self.only_rejected else "sync"]
        if self.mapping.object != SALESFORCE_OBJECT:
            parts.append(f"--object {self.mapping.object}")
        if self.is_date_given:
            parts.append(f"--date {self.data_date}")
        return " ".join([*parts, self.variant]).rstrip()

    @property
    def review_command(self) -> str:
        """The command line that shows what this request would send."""
        if self.full or self.only_rejected or self.repair_drift:
            return f"{self.command} --dry-run"
        return self.command.replace(" sync", " diff", 1)


@dataclass(frozen=True)
class SyncContext:
    """One sync: its ledger identity, mapping, client, destination, policy and folder.

    `folder` is the sync's own spool folder.
    """

    sync: Sync
    mapping: Mapping
    client: Client
    destination: Destination
    policy: SyncPolicy
    folder: Path
    on_progress: ProgressCallback = ignore_progress

    @property
    def scope(self) -> Scope:
        """The object of a Salesforce org that the sync's state belongs to."""
        return Scope(
            self.sync.object,
            self.sync.salesforce_org_id,
            self.destination.is_key_case_sensitive,
        )

    @property
    def staging_db_path(self) -> Path:
        """The path of this sync's staging database."""
        return self.folder / STAGING_DB_FILE


@contextmanager
def context_for(request: SyncRequest, settings: Settings) -> Iterator[SyncContext]:
    """Log in, run the preflight check, and yield the context of a new sync.

    All ledgers exist in the warehouse then.
    """
    mapping, policy = request.mapping, settings.sync
    if policy.missing_rows == "flag":
        mapping = mapping.with_flag(policy.missing_flag_field)
    connection = connect(settings)
    try:
        destination = check(connection, mapping, expect_sandbox=settings.expect_sandbox)
        warehouse.create_missing_tables()
        sync_id = f"{now():%Y%m%dT%H%M%S}-{uuid4().hex[:12]}"
        yield SyncContext(
            sync=Sync(
                sync_id=sync_id,
                object=mapping.object,
                data_date=request.as_of or request.data_date,
                mapping_version=destination.mapping_version(mapping),
                run_id=request.run_id,
                fields_version=destination.fields_version,
            ),
            mapping=mapping,
            client=connection,
            destination=destination,
            policy=policy,
            folder=request.spool / mapping.object / sync_id,
        )
    finally:
        connection.close()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock an object's folder; raise `TransientError` if another sync holds the lock.

    The operating system releases the lock when the process ends.
    """
    make_folder(folder)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise TransientError(
                f"Another sync of {folder.name} is running "
                f"(process {file.read().strip()}). Run again when it has ended."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def remove_sync_folders(folder: Path, *, keep: set[str]) -> None:
    """Remove the files of all syncs but those in `keep`, except their rejects."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in keep:
            clear(path)


def clear(folder: Path) -> None:
    """Remove a sync's files except its rejects, and the folder if it is then empty."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != REJECTS_FILE:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
