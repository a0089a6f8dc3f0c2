"""What ran: the queries for sys_query_history and its like, written in the background.

A statement that reads a system view waits until all before it is written.
"""

import threading
import time
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

import psycopg2
from psycopg2.extras import execute_values

from tests.emulators.redshift.postgres import Server

SYSTEM_TABLES = ("stl_", "sys_", "svl_", "svv_", "stv_", "show ")
INSERT = "insert into pg_internal.query values %s on conflict (query_id) do nothing"
PAUSE_SECONDS = 0.5


def now() -> datetime:
    """Return this moment in UTC, without a zone, as the system tables hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class QueryRecord:
    """One statement that ended, in the order of pg_internal.query's columns."""

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


class History:
    """Keeps records and writes them to the database."""

    def __init__(self, server: Server, database: str) -> None:
        self._queue: SimpleQueue[QueryRecord] = SimpleQueue()
        self._lock = threading.Lock()
        self._connection = server.connect(database)
        self._is_open = True
        self._ids = threading.Lock()
        self._last_id = self._highest_id()
        threading.Thread(target=self._run, daemon=True).start()

    def next_id(self) -> int:
        """Return a query id that none had before."""
        with self._ids:
            self._last_id += 1
            return self._last_id

    def add(self, record: QueryRecord) -> None:
        """Take a record; it is written soon."""
        self._queue.put(record)

    def flush(self) -> None:
        """Write what was taken; returns when it can be read."""
        with self._lock:
            records = []
            while True:
                try:
                    records.append(astuple(self._queue.get_nowait()))
                except Empty:
                    break
            if records and self._is_open:
                with self._connection.cursor() as cursor:
                    execute_values(cursor, INSERT, records, page_size=500)

    def write(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        """Write rows of another kind, in a transaction of their own."""
        if not rows:
            return
        with self._lock, self._connection.cursor() as cursor:
            execute_values(cursor, sql, rows, page_size=500)

    def close(self) -> None:
        """Write the rest and close."""
        self.flush()
        with self._lock:
            self._is_open = False
            self._connection.close()

    def _highest_id(self) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute("select coalesce(max(query_id), 100) from pg_internal.query")
            return int(cursor.fetchone()[0])

    def _run(self) -> None:
        while self._is_open:
            time.sleep(PAUSE_SECONDS)
            try:
                self.flush()
            except psycopg2.Error:
                return  # the server is going down
