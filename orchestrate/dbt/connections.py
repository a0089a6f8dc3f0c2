"""dbt's connections to Redshift: kept for a whole invocation, few statements.

dbt closes a node's connection when the node ends, and surrounds every node with BEGIN
and ROLLBACK or COMMIT, also the tests, which only read. The manager of this module
keeps connections for the next node of any thread, and sends BEGIN only before the first
statement of a transaction that may write. It also splits texts of one statement faster
than dbt does. Nightshift uses it for its own invocations; a `dbt` command of an analyst
is unchanged.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.redshift import RedshiftAdapter, RedshiftConnectionManager
from dbt.adapters.redshift import connections as dbt_connections

from loaders.warehouse import redshift_sessions

READS = re.compile(
    r"(?:\s|--[^\n]*|/\*.*?\*/)*+(?:select|with|show|explain)\b",
    re.DOTALL | re.IGNORECASE,
)
# `select ... into` writes, and a semicolon may separate two statements.
WRITES = re.compile(r"\binto\b|;\s*\S", re.IGNORECASE)
_split_with_parser = dbt_connections.sqlparse.split


def install() -> None:
    """Let the dbt invocations of this process use this module."""
    RedshiftAdapter.ConnectionManager = KeptConnectionManager
    dbt_connections.sqlparse = SimpleNamespace(split=split_statements)


def split_statements(sql: str) -> list[str]:
    """Split a text into statements, as dbt-redshift does with sqlparse.

    sqlparse takes 20 ms for the 5 kB of a model, which are one statement.
    """
    text = sql.strip()
    is_one = ";" not in text[:-1]
    return [text] if is_one else list(_split_with_parser(sql))


class KeptConnectionManager(RedshiftConnectionManager):
    """Keeps the connection of a finished node open for the next one.

    A connection on which a statement has failed, or whose transaction is still open, is
    closed, which rolls back, and the next node opens a new one.
    """

    def __init__(self, profile: Any, mp_context: Any) -> None:  # noqa: ANN401 - dbt's
        super().__init__(profile, mp_context)
        self._idle: list[Connection] = []
        self._threads_with_errors: set[object] = set()

    def set_connection_name(self, name: str | None = None) -> Connection:
        """Return the thread's connection, or one that another node has released."""
        connection = self.get_if_exists()
        if connection is None or connection.state != ConnectionState.OPEN:
            kept = self._take_idle()
            if kept is not None:
                self.clear_thread_connection()
                self.set_thread_connection(kept)
        return super().set_connection_name(name)

    def release(self) -> None:
        """Keep the thread's connection, unless it may be broken."""
        connection = self.get_if_exists()
        thread = self.get_thread_identifier()
        has_error = thread in self._threads_with_errors
        self._threads_with_errors.discard(thread)
        if (
            connection is None
            or connection.state != ConnectionState.OPEN
            or has_error
            or connection.handle.in_transaction
        ):
            super().release()
            return
        connection.transaction_open = False
        self.clear_thread_connection()
        with self.lock:
            self._idle.append(connection)

    def cleanup_all(self) -> None:
        """Close all connections at the end of an invocation."""
        with self.lock:
            for number, connection in enumerate(self._idle):
                self.thread_connections["idle", number] = connection
            self._idle.clear()
        super().cleanup_all()

    def begin(self) -> Connection:
        """Open a transaction, whose BEGIN is sent before it writes."""
        connection = self.get_thread_connection()
        connection.transaction_open = True
        return connection

    def commit(self) -> None:
        """Commit the transaction if its BEGIN was sent."""
        connection = self.get_thread_connection()
        if connection.handle.in_transaction:
            super().commit()
        connection.transaction_open = False

    def add_query(
        self,
        sql: str,
        auto_begin: bool = True,
        bindings: Any = None,  # noqa: ANN401 - dbt's
        abridge_sql_log: bool = False,
    ) -> tuple[Connection, Any]:
        """Send one or more statements, after a BEGIN where they need one."""
        connection = self.get_thread_connection()
        if auto_begin and not connection.transaction_open:
            self.begin()
        if (
            connection.transaction_open
            and may_write(sql)
            and not connection.handle.in_transaction
            and not self._should_skip_transaction_statements()
        ):
            super().add_query("BEGIN", auto_begin=False)
        result: tuple[Connection, Any] = super().add_query(
            sql, False, bindings, abridge_sql_log
        )
        return result

    @contextmanager
    def exception_handler(self, sql: str) -> Iterator[None]:
        """Raise dbt's errors, and note that this connection is not to be kept."""
        try:
            with super().exception_handler(sql):
                yield
        except BaseException:  # also an interruption, which leaves an unread answer
            self._threads_with_errors.add(self.get_thread_identifier())
            raise

    def _take_idle(self) -> Connection | None:
        """Return a kept connection that the server has not closed, or None."""
        while True:
            with self.lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if redshift_sessions.is_connected(connection.handle):
                return connection
            self.close(connection)


def may_write(sql: str) -> bool:
    """Return whether a text is not a single statement that only reads."""
    return not READS.match(sql) or WRITES.search(sql) is not None
