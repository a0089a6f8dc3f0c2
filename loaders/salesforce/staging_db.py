"""The staging database: the working state of one sync, in a SQLite file.

It holds the rendered rows of the mart, what Salesforce last accepted for each key, and
the result of each row sent. It is a file in the spool folder, so that a million rows
need little memory and recovery finds what an interrupted sync had sent. It is deleted
once its content is in the ledgers.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from loaders.private_files import make_folder

BATCH_ROWS = 5_000
SENDABLE = "action in ('create', 'change', 'resend', 'missing')"
PENDING = f"{SENDABLE} and outcome is null"

SCHEMA = """
create table identity (content text not null);
create table rows (
    seq integer primary key, folded_key text not null, key text not null,
    hash text not null, payload text not null, action text,
    chunk integer, outcome text, salesforce_id text, is_created integer
);
create table state (
    folded_key text primary key, key text not null, hash text not null,
    payload text not null, accepted_at text not null default '',
    rejected_at text not null default '', rejected_hash text not null default '',
    outcome_unknown_at text not null default ''
);
create table results (
    chunk integer not null, folded_key text not null, kind text not null,
    salesforce_id text not null, is_created integer not null,
    code text not null, message text not null, fields text not null
);
create index results_by_key on results (chunk, folded_key);
create table failures (
    key text not null, hash text not null, code text not null,
    message text not null, fields text not null, is_transient integer not null,
    chunk integer not null, attempt integer not null, job_id text not null
);
"""


class Row(NamedTuple):
    """A row to send: its key, its rendered fields as JSON text, and their hash.

    `folded_key` is the key as Salesforce compares it: in lower case, unless the key
    field is case-sensitive. Rows are sent in its order.
    """

    folded_key: str
    key: str
    payload: str
    hash: str


class RowResult(NamedTuple):
    """Salesforce's result for the row with this `folded_key`.

    A failed row has a code, a message and comma-separated field names.
    """

    folded_key: str
    kind: Literal["accepted", "failed", "unprocessed"]
    salesforce_id: str = ""
    is_created: bool = False
    code: str = ""
    message: str = ""
    fields: str = ""


class Failure(NamedTuple):
    """Why a row was not accepted; `chunk` is 0 if it was never sent."""

    key: str
    hash: str
    code: str
    message: str
    fields: str
    is_transient: bool
    chunk: int = 0
    attempt: int = 0
    job_id: str = ""


class StagingDb:
    """A staging database; open it with `create` or `reopen`, then `close` it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = sqlite3.connect(path, isolation_level=None)
        # These settings survive a killed process. After a power loss the file may be
        # damaged, but recovery can read the records back from Salesforce.
        self.database.execute("pragma journal_mode = wal")
        self.database.execute("pragma synchronous = off")
        self.database.execute("pragma temp_store = file")

    @classmethod
    def create(cls, path: Path, *, identity: dict[str, str]) -> "StagingDb":
        """Create an empty staging database in place of any existing file.

        `identity` is the sync's identity, for a process that reopens the file.
        """
        make_folder(path.parent)
        for existing in path.parent.glob(f"{path.name}*"):
            existing.unlink()
        staging_db = cls(path)
        staging_db.database.executescript(SCHEMA)
        staging_db.execute("insert into identity values (?)", json.dumps(identity))
        return staging_db

    @classmethod
    def reopen(cls, path: Path) -> "StagingDb | None":
        """Open the staging database of an earlier sync; None if it does not exist."""
        return cls(path) if path.exists() else None

    def identity(self) -> dict[str, str]:
        """Return the identity that was passed to `create`."""
        row = self.database.execute("select content from identity").fetchone()
        identity: dict[str, str] = json.loads(row[0])
        return identity

    def close(self) -> None:
        """Close the file; it stays until the spool is cleared."""
        self.database.close()

    def execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> int:
        """Run a statement for each row in one transaction; return the number of rows.

        If `rows` itself writes to the database, those writes join the transaction.
        """
        if self.database.in_transaction:
            return self._execute_batches(statement, rows)
        with self.database:
            self.database.execute("begin")
            return self._execute_batches(statement, rows)

    def _execute_batches(self, statement: str, rows: Iterable[Sequence[object]]) -> int:
        count, iterator = 0, iter(rows)
        while batch := list(islice(iterator, BATCH_ROWS)):
            self.database.executemany(statement, batch)
            count += len(batch)
        return count

    def execute(self, statement: str, *parameters: object) -> int:
        """Run one statement; return the number of rows that it changed."""
        return self.database.execute(statement, parameters).rowcount

    def query_int(self, query: str, *parameters: object) -> int:
        """Return the single integer that a query selects; 0 for null."""
        return self.database.execute(query, parameters).fetchone()[0] or 0

    def count_pending(self) -> int:
        """Return the number of rows still to be sent."""
        return self.query_int(f"select count(*) from rows where {PENDING}")

    def pending_size(self) -> tuple[int, int]:
        """Return the number of rows still to be sent and the length of their JSON."""
        row = self.database.execute(
            "select count(*), coalesce(sum(length(payload)), 0) from rows"
            f" where {PENDING}"
        ).fetchone()
        return row[0], row[1]

    def count_by_action(self) -> dict[str, int]:
        """Return the number of rows by action."""
        return dict(
            self.database.execute("select action, count(*) from rows group by 1")
        )

    def pending_rows(self) -> Iterator[Row]:
        """Yield the rows still to be sent, in key order."""
        yield from self._rows(
            f"select folded_key, key, payload, hash from rows where {PENDING}"
            " order by folded_key"
        )

    def chunk_rows(self, chunk: int) -> Iterator[Row]:
        """Yield the rows of a chunk, in key order."""
        yield from self._rows(
            "select folded_key, key, payload, hash from rows where chunk = ?"
            " order by folded_key",
            chunk,
        )

    def _rows(self, query: str, *parameters: object) -> Iterator[Row]:
        yield from map(Row._make, self.database.execute(query, parameters))

    def assign_chunk(self, chunk: int, *, first: str, last: str) -> None:
        """Assign the pending rows between two folded keys to a chunk."""
        self.execute(
            f"update rows set chunk = ? where {PENDING} and folded_key between ? and ?",
            *(chunk, first, last),
        )

    def next_chunk_number(self) -> int:
        """Return an unused chunk number; the first is 1."""
        last = self.query_int("select max(chunk) from rows")
        return 1 + max(last, self.query_int("select max(chunk) from failures"))

    def add_results(self, results: Iterable[RowResult], *, chunk: int) -> int:
        """Store the results for a chunk's rows; return their number."""
        return self.execute_many(
            "insert into results values (?, ?, ?, ?, ?, ?, ?, ?)",
            ((chunk, *result) for result in results),
        )

    def add_failures(self, failures: Iterable[Failure]) -> int:
        """Store failures; return their number."""
        return self.execute_many(
            "insert into failures values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            failures,
        )

    def failures(self, chunk: int | None = None) -> Iterator[Failure]:
        """Yield the failures of a chunk, or all failures."""
        where = "" if chunk is None else " where chunk = ?"
        for record in self.database.execute(
            f"select * from failures{where} order by chunk, key",
            () if chunk is None else (chunk,),
        ):
            failure = Failure._make(record)
            yield failure._replace(is_transient=bool(failure.is_transient))
