"""The workbook of one sync: every row, what is to become of it, what became of it.

A SQLite file in the spool folder, so that a million rows need little memory and a
killed sync finds what it had sent. It holds the rendered rows of the mart, what
Salesforce last accepted for each key, and each answer. It is thrown away once its
content stands in the ledgers.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

BATCH_ROWS = 5_000
SENDABLE = "verdict in ('create', 'change', 'resend', 'missing')"
PENDING = f"{SENDABLE} and outcome is null"

SCHEMA = """
create table identity (told text not null);
create table rows (
    seq integer primary key, folded text not null, key text not null,
    hash text not null, payload text not null, verdict text,
    chunk integer, outcome text, salesforce_id text, is_created integer
);
create table state (
    folded text primary key, key text not null, hash text not null,
    payload text not null, accepted_at text not null default '',
    refused_at text not null default '', refused_hash text not null default '',
    unsure_at text not null default ''
);
create table answers (
    chunk integer not null, folded text not null, kind text not null,
    salesforce_id text not null, is_created integer not null,
    code text not null, message text not null, fields text not null
);
create index answers_by_key on answers (chunk, folded);
create table failures (
    key text not null, hash text not null, code text not null,
    message text not null, fields text not null, is_transient integer not null,
    chunk integer not null, attempt integer not null, job_id text not null
);
"""


class Row(NamedTuple):
    """A row to send: its key, rendered fields as JSON text, and their hash.

    `folded` is the key as Salesforce looks it up, and the order of sending.
    """

    folded: str
    key: str
    payload: str
    hash: str


class Answer(NamedTuple):
    """What Salesforce says of one row; `folded` is its key as Salesforce looks it up.

    A failed row has a code, a message and the fields' names, comma-separated.
    """

    folded: str
    kind: Literal["accepted", "failed", "unprocessed"]
    salesforce_id: str = ""
    is_created: bool = False
    code: str = ""
    message: str = ""
    fields: str = ""


class Failure(NamedTuple):
    """Why a row was not taken, in Salesforce's words or ours; chunk 0: never sent."""

    key: str
    hash: str
    code: str
    message: str
    fields: str
    is_transient: bool
    chunk: int = 0
    attempt: int = 0
    job_id: str = ""


class Workbook:
    """See the module. Use `create` or `reopen`, then `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = sqlite3.connect(path, isolation_level=None)
        # A killed process loses nothing this way; after a lost machine Salesforce
        # is asked.
        self.database.execute("pragma journal_mode = wal")
        self.database.execute("pragma synchronous = off")
        self.database.execute("pragma temp_store = file")

    @classmethod
    def create(cls, path: Path, *, identity: dict[str, str]) -> "Workbook":
        """Start an empty workbook, in place of any file there.

        `identity` says whose it is, for a process that finds it later.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink()
        workbook = cls(path)
        workbook.database.executescript(SCHEMA)
        workbook.run("insert into identity values (?)", json.dumps(identity))
        return workbook

    @classmethod
    def reopen(cls, path: Path) -> "Workbook | None":
        """Open the workbook of an earlier process; None when it is not here."""
        return cls(path) if path.exists() else None

    def identity(self) -> dict[str, str]:
        """Return what `create` was told."""
        told = self.database.execute("select told from identity").fetchone()
        return json.loads(told[0])

    def close(self) -> None:
        """Close the file; it stays until the spool is swept."""
        self.database.close()

    def write(self, statement: str, rows: Iterable[Sequence[object]]) -> int:
        """Run a statement for each row, all of them or none; return how many.

        Within another `write`, whose rows are being made, as part of that.
        """
        if self.database.in_transaction:
            return self._put(statement, rows)
        with self.database:
            self.database.execute("begin")
            return self._put(statement, rows)

    def _put(self, statement: str, rows: Iterable[Sequence[object]]) -> int:
        count, given = 0, iter(rows)
        while batch := list(islice(given, BATCH_ROWS)):
            self.database.executemany(statement, batch)
            count += len(batch)
        return count

    def run(self, statement: str, *parameters: object) -> int:
        """Run one statement; return how many rows it touched."""
        return self.database.execute(statement, parameters).rowcount

    def number(self, query: str, *parameters: object) -> int:
        """Return the one number that a query gives; 0 for null."""
        return self.database.execute(query, parameters).fetchone()[0] or 0

    def count_pending(self) -> int:
        """Return how many rows are still to be sent."""
        return self.number(f"select count(*) from rows where {PENDING}")

    def pending_size(self) -> tuple[int, int]:
        """Return how many rows are still to be sent, and the length of their JSON."""
        row = self.database.execute(
            "select count(*), coalesce(sum(length(payload)), 0) from rows"
            f" where {PENDING}"
        ).fetchone()
        return row[0], row[1]

    def counts(self) -> dict[str, int]:
        """Return how many rows there are of each verdict."""
        return dict(
            self.database.execute("select verdict, count(*) from rows group by 1")
        )

    def pending(self) -> Iterator[Row]:
        """Yield the rows still to be sent, in order of key, so that none can race."""
        yield from self._rows(
            f"select folded, key, payload, hash from rows where {PENDING}"
            " order by folded"
        )

    def chunk_rows(self, chunk: int) -> Iterator[Row]:
        """Yield the rows that a chunk was made of, in order of key."""
        yield from self._rows(
            "select folded, key, payload, hash from rows where chunk = ?"
            " order by folded",
            chunk,
        )

    def _rows(self, query: str, *parameters: object) -> Iterator[Row]:
        yield from map(Row._make, self.database.execute(query, parameters))

    def put_in_chunk(self, chunk: int, *, first: str, last: str) -> None:
        """Remember which chunk the pending rows between two keys are sent with."""
        self.run(
            f"update rows set chunk = ? where {PENDING} and folded between ? and ?",
            *(chunk, first, last),
        )

    def next_chunk(self) -> int:
        """Return a chunk number that was never used; the first is 1."""
        last = self.number("select max(chunk) from rows")
        return 1 + max(last, self.number("select max(chunk) from failures"))

    def add_answers(self, answers: Iterable[Answer], *, chunk: int) -> int:
        """Keep what Salesforce says of a chunk's rows; return how many answers."""
        return self.write(
            "insert into answers values (?, ?, ?, ?, ?, ?, ?, ?)",
            ((chunk, *answer) for answer in answers),
        )

    def add_failures(self, failures: Iterable[Failure]) -> int:
        """Keep failures; return how many."""
        return self.write(
            "insert into failures values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            failures,
        )

    def failures(self, chunk: int | None = None) -> Iterator[Failure]:
        """Yield the failures of a chunk, or of all."""
        where = "" if chunk is None else " where chunk = ?"
        for record in self.database.execute(
            f"select * from failures{where} order by chunk, key",
            () if chunk is None else (chunk,),
        ):
            failure = Failure._make(record)
            yield failure._replace(is_transient=bool(failure.is_transient))
