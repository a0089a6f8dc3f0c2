"""The staging database: the working state of one sync, in a local DuckDB file.

It holds the rows that may have to be sent, what Salesforce last accepted for their
keys, and the result of each row sent. It is a file in the spool folder, so that a
million rows need little memory and recovery finds what an interrupted sync had sent. It
is deleted once its content is in the ledgers.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from loaders import warehouse
from loaders.private_files import make_folder
from loaders.salesforce_api.rows import Failure, Row, RowResult
from loaders.warehouse import Connection, bulk_rows, local_tables
from loaders.warehouse.local_tables import LocalConnection

SENDER = "-- loaders.salesforce.staging_db\n"
SENDABLE = "action in ('create', 'change', 'resend', 'missing')"
PENDING = f"{SENDABLE} and outcome is null"
UNMATCHED = "(action in ('unmatched', 'gone') or outcome = 'unmatched')"
NEVER = datetime(1000, 1, 1)  # the default of the times in `state`
# `state` and `rejects` come from earlier syncs, `results` and `failures` from this one.
SCHEMA = """
create table local.identity (content varchar);
create table local.totals (mart_rows bigint, sent_before bigint, is_complete boolean);
create table local.rows (
    folded_key varchar, key varchar, hash varchar, source_hash varchar,
    payload varchar, line varchar, action varchar, chunk integer, outcome varchar,
    salesforce_id varchar, is_created boolean
);
create table local.state (
    folded_key varchar, key varchar, hash varchar default '',
    payload varchar default '{}', mapping_version varchar default '',
    accepted_at timestamp default '1000-01-01',
    rejected_at timestamp default '1000-01-01',
    outcome_unknown_at timestamp default '1000-01-01'
);
create table local.rejects (
    folded_key varchar, key varchar, rejected_at timestamp, outcome_unknown_at timestamp
);
create table local.approved (key varchar, hash varchar, approved_at timestamp);
create table local.results (
    chunk integer, folded_key varchar, kind varchar, salesforce_id varchar,
    is_created boolean, code varchar, message varchar, fields varchar
);
create table local.failures (
    key varchar, hash varchar, code varchar, message varchar, fields varchar,
    is_transient boolean, chunk integer, attempt integer, job_id varchar, cause varchar
);
"""


class StagingDb:
    """A staging database; open it with `create` or `reopen`, then `close` it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = LocalConnection(path)
        self._connection: Connection = self._own

    @classmethod
    def create(cls, path: Path, *, identity: dict[str, str]) -> "StagingDb":
        """Create an empty staging database in place of any existing file.

        `identity` is the sync's identity, for a process that reopens the file.
        """
        make_folder(path.parent)
        for existing in path.parent.glob(f"{path.name}*"):
            existing.unlink()
        staging_db = cls(path)
        with staging_db.transaction():
            staging_db.execute(SCHEMA)
            staging_db.execute(
                "insert into local.identity values (?)", json.dumps(identity)
            )
        return staging_db

    @classmethod
    def reopen(cls, path: Path) -> "StagingDb | None":
        """Open the staging database of an earlier sync; None if it does not exist."""
        if not path.exists():
            return None
        staging_db = cls(path)
        if staging_db.query("select 1 from duckdb_tables() where table_name = 'rows'"):
            staging_db.execute(
                "alter table local.failures add column if not exists cause varchar"
            )  # the file of an earlier version lacks it
            return staging_db
        staging_db.close()  # the process was killed while it created the file
        return None

    def identity(self) -> dict[str, str]:
        """Return the identity that was passed to `create`."""
        ((content,),) = self.query("select content from local.identity")
        identity: dict[str, str] = json.loads(content)
        return identity

    def close(self) -> None:
        """Close the file; it stays until the spool is cleared."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the statements of the block in one transaction."""
        with warehouse.transaction_on(self._connection):
            yield

    @contextmanager
    def attached_to(self, connection: Connection) -> Iterator[bool]:
        """Let a session of the warehouse read and write this file, if it can.

        Yields whether it can. All statements of this object then run in that session.
        If not, the block is a transaction, within which a lost session is not replaced:
        it would lack the temporary tables.
        """
        if not warehouse.is_single_writer():
            with warehouse.transaction_on(connection):
                yield False
            return
        with self._own.released():
            try:
                with local_tables.attached(connection, self.path):
                    self._connection = connection
                    yield True
            finally:
                self._connection = self._own

    @contextmanager
    def ledger_transaction(self, rows: int) -> Iterator[Connection]:
        """Open a transaction in the warehouse for appending about `rows` rows."""
        if rows <= local_tables.MAX_VALUES_ROWS:
            with warehouse.transaction() as connection:
                yield connection
            return
        with (
            bulk_rows.session() as connection,
            self.attached_to(connection) as is_attached,
            warehouse.transaction_on(connection) if is_attached else nullcontext(),
        ):
            yield connection

    def append(
        self,
        connection: Connection,
        table: str,
        columns: Sequence[str],
        query: str,
        *,
        parameters: Sequence[object] = (),
        rows: int,
    ) -> None:
        """Append a query's `rows` rows to a table, in a `ledger_transaction`."""
        local_tables.append(
            connection,
            table,
            columns,
            local=self._connection,
            query=query,
            parameters=parameters,
            rows=rows,
        )

    def fill(
        self,
        connection: Connection,
        table: str,
        columns: Sequence[str],
        query: str,
        parameters: Sequence[object],
        *,
        convert: Callable[[Sequence[Any]], Sequence[object]],
    ) -> None:
        """Insert the rows of a query of the warehouse, to which this file is attached.

        If it cannot be attached, `convert` replaces the nulls of each row.
        """
        sender = f"-- loaders.salesforce.staging_db fill {table}\n"
        if self._connection is connection:
            names = ", ".join(columns)
            connection.execute(
                f"{sender}insert into local.{table} ({names}) {query}", parameters
            )
            return
        rows = (
            convert(row)
            for batch in connection.stream(sender + query, parameters)
            for row in batch
        )
        self.insert(table, columns, rows)

    def execute(self, statement: str, *parameters: object) -> None:
        """Run one statement."""
        self._connection.execute(SENDER + statement, parameters)

    def query(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return all rows of a query with a small result."""
        return self._connection.fetch_all(SENDER + query, parameters)

    def stream(self, query: str, *parameters: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query; run no other statement meanwhile."""
        for batch in self.stream_batches(query, *parameters):
            yield from batch

    def stream_batches(
        self, query: str, *parameters: object
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a query in batches."""
        return self._connection.stream(SENDER + query, parameters)

    def query_int(self, query: str, *parameters: object) -> int:
        """Return the single integer that a query selects; 0 for null."""
        ((value,),) = self.query(query, *parameters)
        return int(value or 0)

    def insert(
        self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
    ) -> int:
        """Insert any number of rows without nulls; return their number."""
        return local_tables.insert(self._connection, f"local.{table}", columns, rows)

    def count_pending(self) -> int:
        """Return the number of rows still to be sent."""
        return self.query_int(f"select count(*) from local.rows where {PENDING}")

    def pending_size(self) -> tuple[int, int]:
        """Return the number of rows still to be sent and their size in bytes."""
        ((rows, size),) = self.query(
            "select count(*), coalesce(sum(strlen(line)), 0) from local.rows"
            f" where {PENDING}"
        )
        return rows, int(size)

    def count_by_action(self) -> dict[str, int]:
        """Return the number of rows of the mart by action."""
        counts = dict(
            self.query(
                "select action, count(*) from local.rows"
                " where action is not null group by 1"
            )
        )
        ((mart_rows,),) = self.query("select max(mart_rows) from local.totals")
        # Rows that never left the warehouse are unchanged.
        others = ("missing", "gone")
        staged = sum(n for action, n in counts.items() if action not in others)
        unchanged = counts.get("unchanged", 0) + max(0, (mart_rows or 0) - staged)
        return counts | ({"unchanged": unchanged} if unchanged else {})

    def pending_rows(self) -> list[Row]:
        """Return the rows still to be sent, in key order; use it for few rows."""
        return self._rows(PENDING)

    def chunk_rows(self, chunk: int) -> list[Row]:
        """Return the rows of a chunk, in key order."""
        return self._rows("chunk = ?", chunk)

    def sample_accepted(self, limit: int) -> list[Row]:
        """Return some of the accepted rows."""
        return self._rows(
            "key in (select key from local.rows where outcome = 'accepted'"
            " order by random() limit ?)",
            limit,
        )

    def _rows(self, condition: str, *parameters: object) -> list[Row]:
        records = self.query(
            "select folded_key, key, payload, hash, coalesce(salesforce_id, '')"
            " from local.rows"
            f" where {condition} order by folded_key",
            *parameters,
        )
        return [Row(*record) for record in records]

    def assign_chunk(self, chunk: int, *, first: str, last: str) -> None:
        """Assign the pending rows between two folded keys to a chunk."""
        self.execute(
            f"update local.rows set chunk = ? where {PENDING}"
            " and folded_key between ? and ?",
            *(chunk, first, last),
        )

    def next_chunk_number(self) -> int:
        """Return an unused chunk number; the first is 1."""
        return 1 + self.query_int(
            "select greatest((select max(chunk) from local.rows),"
            " (select max(chunk) from local.failures))"
        )

    def add_results(self, results: Iterable[RowResult], *, chunk: int) -> None:
        """Store the results for a chunk's rows."""
        columns = ["chunk", *RowResult._fields]
        self.insert("results", columns, ((chunk, *result) for result in results))

    def add_failures(self, failures: Iterable[Failure]) -> None:
        """Store failures."""
        self.insert("failures", Failure._fields, failures)
