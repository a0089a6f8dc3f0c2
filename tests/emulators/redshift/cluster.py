"""What all sessions of the stand-in share."""

import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.emulators.redshift.bootstrap import Account
from tests.emulators.redshift.faults import Faults
from tests.emulators.redshift.history import History
from tests.emulators.redshift.postgres import Server


class Member(Protocol):
    """A session, as the others see it."""

    def is_called(self, key: bytes) -> bool:
        """Whether a cancel request with this key means it."""

    def cancel(self) -> None:
        """Stop what it is doing."""

    def end(self) -> None:
        """Send its client away."""


@dataclass
class Cluster:
    """The server, who may use it, where its S3 is, and what is to go wrong.

    `view_names` are the bare names that late-binding views have or had: only a
    statement with one of them is worth a look into the catalogue. `view_epoch` grows
    with each change of one, so that a prepared statement knows when it is out of date.
    """

    server: Server
    account: Account
    tls: ssl.SSLContext | None
    authority: Path
    history: History
    faults: Faults
    super_oid: int
    s3_endpoint: str | None = None
    accepts_any_iam_password: bool = False
    iam_roles: tuple[str, ...] = ()
    view_names: set[str] = field(default_factory=set)
    view_epoch: int = 0
    sessions: set["Member"] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def oids_out(self) -> dict[int, int]:
        """Types of results as Redshift numbers them: strings are varchar."""
        return {25: 1043, self.super_oid: 4000}

    def enter(self, session: "Member") -> None:
        """Take note of a session that has begun."""
        with self.lock:
            self.sessions.add(session)

    def leave(self, session: "Member") -> None:
        """Forget a session; one that never began is none."""
        with self.lock:
            self.sessions.discard(session)

    def cancel(self, key: bytes) -> None:
        """Stop what the session with this process id and key is doing."""
        for session in self.everyone():
            if session.is_called(key):
                session.cancel()

    def everyone(self) -> list["Member"]:
        """Return the sessions of this moment."""
        with self.lock:
            return list(self.sessions)

    def view_changed(self, name: str) -> None:
        """Take note of a late-binding view that was made, renamed or dropped."""
        with self.lock:
            if name:
                self.view_names.add(name)
            self.view_epoch += 1


def known_views(server: Server, database: str) -> tuple[set[str], int]:
    """Return the names of the late-binding views, and the oid of the type SUPER."""
    connection = server.connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select relname from pg_internal.late_binding_view"
                " join pg_class on pg_class.oid = view_id"
            )
            names = {row[0] for row in cursor.fetchall()}
            cursor.execute("select 'pg_catalog.super'::regtype::oid")
            return names, int(cursor.fetchone()[0])
    finally:
        connection.close()
