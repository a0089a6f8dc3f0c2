"""State shared by all sessions of the emulated cluster."""

import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg2

from tests.emulators.redshift import long_names
from tests.emulators.redshift.bootstrap import Account
from tests.emulators.redshift.conflicts import Conflicts
from tests.emulators.redshift.faults import Faults
from tests.emulators.redshift.history import History
from tests.emulators.redshift.postgres import Server
from tests.emulators.redshift.type_oids import (
    INTERVAL,
    INTERVAL_D2S,
    INTERVAL_Y2M,
    OWN_TYPES,
)
from tests.emulators.redshift.view_columns import ViewColumns

# `ALTER ROLE ... SET` stores it, in a catalog that all databases share.
STORED_PASSWORD = """
select substr(setting, strpos(setting, '=') + 1)
from pg_db_role_setting
join pg_roles on pg_roles.oid = setrole
cross join lateral unnest(setconfig) as setting
where rolname = %s and setting like 'redshift.password=%%'
"""


class SessionHandle(Protocol):
    """The part of a session that other sessions and the listener use."""

    def has_cancel_key(self, key: bytes) -> bool:
        """Whether a cancel request with this key addresses the session."""

    def cancel(self) -> None:
        """Cancel the running statement."""

    def disconnect(self) -> None:
        """Close the client's connection."""


@dataclass
class Cluster:
    """The PostgreSQL server, its account, its S3 endpoint and roles, and the faults.

    `view_names` holds the unqualified names of all current and former late-binding
    views, and of those that `dialect/views/leader_views.py` records: only a statement
    that contains one of them needs a catalog lookup.
    `view_epoch` increases with each change of such a view and shows whether a prepared
    statement is out of date. `sessions_opened` counts all sessions since the start.
    `long_names` holds, by database, the short names of the stored long names.
    """

    server: Server
    account: Account
    tls: ssl.SSLContext | None
    authority: Path
    history: History
    faults: Faults
    type_oids: dict[str, int]
    lookups: "psycopg2.extensions.connection"
    s3_endpoint: str | None = None
    accepts_any_iam_password: bool = False
    iam_roles: tuple[str, ...] = ()
    view_names: set[str] = field(default_factory=set)
    view_epoch: int = 0
    sessions_opened: int = 0
    conflicts: Conflicts = field(default_factory=Conflicts)
    view_columns: ViewColumns = field(default_factory=ViewColumns)
    long_names: dict[str, set[str]] = field(default_factory=dict)
    sessions: set["SessionHandle"] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def result_type_oids(self) -> dict[int, int]:
        """Redshift's type oids by PostgreSQL's, where they differ in results."""
        return {25: 1043} | {
            self.type_oids[name]: oid for name, oid in OWN_TYPES.items()
        }

    @property
    def parameter_type_oids(self) -> dict[int, int]:
        """PostgreSQL's type oids by Redshift's, where they differ in parameters."""
        own = {oid: self.type_oids[name] for name, oid in OWN_TYPES.items()}
        return own | {INTERVAL_Y2M: INTERVAL, INTERVAL_D2S: INTERVAL}

    def add_session(self, session: "SessionHandle") -> None:
        """Register a session."""
        with self.lock:
            self.sessions.add(session)
            self.sessions_opened += 1

    def remove_session(self, session: "SessionHandle") -> None:
        """Remove a session; does nothing if it was never registered."""
        with self.lock:
            self.sessions.discard(session)

    def cancel(self, key: bytes) -> None:
        """Cancel the statement of the session with this process id and key."""
        for session in self.open_sessions():
            if session.has_cancel_key(key):
                session.cancel()

    def stored_password(self, user: str) -> str | None:
        """Return the stored SHA-256 password of a user, None for another password."""
        with self.lock, self.lookups.cursor() as cursor:
            cursor.execute(STORED_PASSWORD, [user])
            row = cursor.fetchone()
        return str(row[0]) if row else None

    def open_sessions(self) -> list["SessionHandle"]:
        """Return the sessions that are open now."""
        with self.lock:
            return list(self.sessions)

    def load_long_names(self, database: str) -> None:
        """Remember the long names that a database contains, once."""
        with self.lock:
            if database in self.long_names:
                return
            connection = self.server.connect(database)
            try:
                with connection.cursor() as cursor:
                    # The database `postgres` has none of Redshift's objects.
                    cursor.execute("select to_regclass('pg_internal.long_name')")
                    names = []
                    if cursor.fetchone()[0]:
                        cursor.execute("select short, long from pg_internal.long_name")
                        names = cursor.fetchall()
            finally:
                connection.close()
            long_names.remember(names)
            self.long_names[database] = {short for short, _ in names}

    def record_long_names(self, database: str, names: Mapping[str, str]) -> None:
        """Store long names, by their short ones, in a database."""
        with self.lock:
            known = self.long_names[database]
            new = names.keys() - known
            if not new:
                return
            connection = self.server.connect(database)
            try:
                with connection.cursor() as cursor:
                    cursor.executemany(
                        "insert into pg_internal.long_name values (%s, %s)"
                        " on conflict do nothing",
                        [(short, names[short]) for short in new],
                    )
            finally:
                connection.close()
            known |= new

    def record_view_change(self, name: str) -> None:
        """Record that a view of `view_names` was created, renamed or dropped.

        `name` is its new name, or empty if there is none.
        """
        with self.lock:
            if name:
                self.view_names.add(name)
            self.view_epoch += 1


def load_catalog(server: Server, database: str) -> tuple[set[str], dict[str, int]]:
    """Return the recorded views' names and the oids of Redshift's own types."""
    connection = server.connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select relname from pg_class where oid in ("
                "select view_id from pg_internal.late_binding_view"
                " union select view_id from pg_internal.leader_view)"
            )
            names = {row[0] for row in cursor.fetchall()}
            cursor.execute(
                "select typname, oid from pg_type where typname = any(%s)",
                [list(OWN_TYPES)],
            )
            return names, {name: int(oid) for name, oid in cursor.fetchall()}
    finally:
        connection.close()
