"""The lease of `ops.run_lease`: which run may work, until its heartbeat is too old.

A table has no unique keys on Redshift, so a new holder compares the term that it has
read with the table's in the statement that takes the lease. Concurrent takers change
the same row: one of them fails with a serialization error and tries again. All times
are the warehouse's, so that the clocks of the machines do not matter.
"""

import os
import socket
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from loaders.ledger import processes
from loaders.warehouse import Connection

TABLE = "run_lease"
# Several heartbeats long, so that a short loss of the connection does no harm.
LEASE = timedelta(seconds=180)
COLUMNS = (
    "term",
    "run_id",
    "command",
    "data_date_from",
    "data_date",
    "host",
    "process_id",
    "process",
    "taken_at",
    "heartbeat_at",
)


@dataclass(frozen=True)
class Holder:
    """Who takes the lease; the dates are None for a command without data dates."""

    run_id: str
    command: str
    data_date_from: date | None = None
    data_date: date | None = None

    def overlaps(self, lease: "Lease") -> bool:
        """Return whether this and the holder of `lease` process a common date."""
        dates = (self.data_date_from, self.data_date)
        if None in (*dates, lease.data_date_from, lease.data_date):
            return False
        return lease.data_date_from <= dates[1] and dates[0] <= lease.data_date  # type: ignore[operator]  # checked above


@dataclass(frozen=True)
class Lease:
    """The state of the lease at `read_at`; `run_id` is None if nobody holds it."""

    term: int
    run_id: str | None
    command: str | None
    data_date_from: date | None
    data_date: date | None
    host: str | None
    process_id: int | None
    process: str | None
    taken_at: datetime | None
    heartbeat_at: datetime | None
    read_at: datetime

    @property
    def is_held(self) -> bool:
        """Whether its holder is running.

        A process of this machine is looked up. Another one is judged by its heartbeat.
        """
        if self.run_id is None or self.heartbeat_at is None:
            return False
        has_ended = processes.has_ended(self.process or "")
        if has_ended is None:
            return self.read_at - self.heartbeat_at <= LEASE
        return not has_ended

    @property
    def description(self) -> str:
        """The holder in words, for messages."""
        dates = f"{self.data_date_from} to {self.data_date}"
        if self.data_date_from == self.data_date:
            dates = str(self.data_date)
        subject = f"`{self.command}`{f' for {dates}' if self.data_date else ''}"
        return f"{subject}, run {self.run_id}, process {self.process_id} on {self.host}"


def read(connection: Connection) -> Lease | None:
    """Return the lease; None if nobody has ever taken it."""
    columns = ", ".join(COLUMNS)
    row = connection.fetch_one(
        f"-- loaders.ledger.run_lease read\nselect {columns}, {connection.clock} "
        f"from {connection.table('ops', TABLE)} order by term desc limit 1"
    )
    return Lease(*row) if row else None


def running_run_id(connection: Connection) -> str | None:
    """Return the id of the run that holds the lease and is running, or None."""
    lease = read(connection)
    return lease.run_id if lease and lease.is_held else None


def take(connection: Connection, holder: Holder) -> Lease | None:
    """Take the lease if its last holder is not running; else return that lease.

    May be repeated after an error: a holder that has the lease keeps it.
    """
    lease = read(connection)
    if lease is None:
        connection.insert(connection.table("ops", TABLE), ["term"], [[0]])
        lease = read(connection)
    if lease is None or lease.run_id == holder.run_id:
        return None
    if lease.is_held:
        return lease
    row = {
        "term": lease.term + 1,
        "run_id": holder.run_id,
        "command": holder.command,
        "data_date_from": holder.data_date_from,
        "data_date": holder.data_date,
        "host": socket.gethostname(),
        "process_id": os.getpid(),
        "process": processes.current_process(),
    }
    table = connection.table("ops", TABLE)
    connection.execute(
        f"-- loaders.ledger.run_lease take\nupdate {table} set "
        + ", ".join(f"{column} = ?" for column in row)
        + f", taken_at = {connection.clock}, heartbeat_at = {connection.clock} "
        f"where (select max(term) from {table}) = ?",
        [*row.values(), lease.term],
    )
    taken = read(connection)
    is_own = taken is not None and taken.run_id == holder.run_id
    return None if is_own else taken


def renew(connection: Connection, run_id: str) -> Lease | None:
    """Renew the lease of a run; return the lease, which others may have taken."""
    connection.execute(
        f"-- loaders.ledger.run_lease renew\nupdate {connection.table('ops', TABLE)} "
        f"set term = term + 1, heartbeat_at = {connection.clock} where run_id = ?",
        [run_id],
    )
    return read(connection)


def release(connection: Connection, run_id: str) -> None:
    """Give the lease of a run back; no effect if others have taken it."""
    connection.execute(
        f"-- loaders.ledger.run_lease release\nupdate {connection.table('ops', TABLE)} "
        "set term = term + 1, run_id = null where run_id = ?",
        [run_id],
    )
