"""The history of queries and connections behind `sys_query_history` and others.

Records are written in the background. A statement that reads a system view first
waits until all earlier records are written.
"""

import threading
import time
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

import psycopg2
from psycopg2.extras import execute_values

from tests.emulators.redshift.postgres import Server

SYSTEM_TABLE_PREFIXES = ("stl_", "sys_", "svl_", "svv_", "stv_", "show ")
INSERT_QUERIES = (
    "insert into pg_internal.query values %s on conflict (query_id) do nothing"
)
INSERT_CONNECTIONS = "insert into pg_internal.connection values %s"
FLUSH_INTERVAL_SECONDS = 0.5


def utc_now() -> datetime:
    """Return the current UTC time without a time zone, as in the system tables."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class QueryRecord:
    """One finished statement, its fields in the column order of pg_internal.query."""

    query_id: int
    user_name: str
    label: str
    pid: int
    query_type: str
    query_text: str
    written: list[str]
    started_at: datetime
    ended_at: datetime
    rows: int
    error: str | None


@dataclass(frozen=True)
class ConnectionRecord:
    """An event of one connection, its fields in the order of pg_internal.connection."""

    event: str
    recorded_at: datetime
    remote_host: str
    remote_port: int
    pid: int
    database_name: str
    user_name: str
    auth_method: str
    ssl_version: str
    ssl_cipher: str
    application_name: str
    os_version: str
    driver_version: str
    plugin_name: str
    protocol_version: int
    session_id: str
    duration_microseconds: int


class History:
    """Queues records and writes them to the database."""

    def __init__(self, server: Server, database: str) -> None:
        self._queue: SimpleQueue[QueryRecord | ConnectionRecord] = SimpleQueue()
        self._lock = threading.Lock()
        self._connection = server.connect(database)
        self._is_open = True
        self._id_lock = threading.Lock()
        self._last_id = self._highest_id()
        threading.Thread(target=self._flush_periodically, daemon=True).start()

    def next_id(self) -> int:
        """Return an unused query id."""
        with self._id_lock:
            self._last_id += 1
            return self._last_id

    def add(self, record: QueryRecord | ConnectionRecord) -> None:
        """Queue a record for writing."""
        self._queue.put(record)

    def flush(self) -> None:
        """Write all queued records; they are readable when this returns."""
        with self._lock:
            queries, connections = [], []
            while True:
                try:
                    record = self._queue.get_nowait()
                except Empty:
                    break
                is_query = isinstance(record, QueryRecord)
                (queries if is_query else connections).append(astuple(record))
            if not self._is_open:
                return
            with self._connection.cursor() as cursor:
                if queries:
                    execute_values(cursor, INSERT_QUERIES, queries, page_size=500)
                if connections:
                    execute_values(cursor, INSERT_CONNECTIONS, connections)

    def write_rows(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        """Insert rows into another relay table, in a separate transaction."""
        if not rows:
            return
        with self._lock, self._connection.cursor() as cursor:
            execute_values(cursor, sql, rows, page_size=500)

    def close(self) -> None:
        """Write the queued records and close the connection."""
        self.flush()
        with self._lock:
            self._is_open = False
            self._connection.close()

    def _highest_id(self) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute("select coalesce(max(query_id), 100) from pg_internal.query")
            return int(cursor.fetchone()[0])

    def _flush_periodically(self) -> None:
        while self._is_open:
            time.sleep(FLUSH_INTERVAL_SECONDS)
            try:
                self.flush()
            except psycopg2.Error:
                return  # the server is shutting down
