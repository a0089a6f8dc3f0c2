"""A connection to DuckDB or Redshift: statements, results and table names.

The first line of every statement is a comment that names its sender, and values are
passed as bound parameters only.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.errors import DataError, TransientError
from loaders.warehouse import (
    declared_tables,
    duckdb,
    redshift,
    redshift_cursors,
    redshift_sessions,
)
from loaders.warehouse.identifiers import IDENTIFIER, IDENTIFIER_RULE
from loaders.warehouse.target import location

SCHEMAS = ("staging", "intermediate", "marts", "ops")
INSERT_BATCH_ROWS = 500
MAX_PARAMETERS = 32_767  # of one statement on Redshift
# How often, and after which pauses, what failed with a transient error is repeated.
TRANSIENT = retry_if_exception_type(TransientError)
ATTEMPTS = stop_after_attempt(5)
PAUSES = wait_random_exponential(multiplier=0.2, max=10)
# What may be sent again if nobody knows whether it was executed. The functions concern
# earlier statements of the same session.
REPEATABLE = re.compile(r"(--[^\n]*\n\s*)*(select|with|show|begin)\b", re.IGNORECASE)
SESSION_FUNCTIONS = re.compile(r"\bpg_(last_|backend_pid)", re.IGNORECASE)


class Connection:
    """An open session; create it with `session()` or `transaction()`.

    `engine` is the adapter type of the profile's target. Only this module, raw/load.py
    and archive.py may depend on it.
    """

    def __init__(
        self,
        handle: Any,  # noqa: ANN401 - driver's type
        engine: str,
        prefix: str,
        values: Mapping[str, Any],
    ) -> None:
        self._handle = handle
        self.engine = engine
        self._prefix = prefix
        self._values = values
        self._has_failed = False

    def schema(self, name: str) -> str:
        """Return the quoted name that one of `SCHEMAS` has on this target."""
        if name not in SCHEMAS:
            raise ValueError(f"unknown schema: {name}")
        return identifier(f"{self._prefix}{name}")

    def table(self, schema: str, name: str) -> str:
        """Return the qualified, quoted name of a table on this target."""
        return f"{self.schema(schema)}.{identifier(name)}"

    @property
    def clock(self) -> str:
        """The expression for the warehouse's own time, in UTC."""
        if self.engine == "duckdb":
            return "cast(now() as timestamp)"  # The session's time zone is UTC.
        return "getdate()"

    def sha256(self, expression: str) -> str:
        """Return the expression for the SHA-256 of a text, as hexadecimal digits."""
        if self.engine == "duckdb":
            return f"sha256({expression})"
        return f"sha2({expression}, 256)"

    def concatenated(self, texts: Sequence[str]) -> str:
        """Return the expression for texts, none of them null, one after another."""
        if self.engine == "duckdb":
            # A chain of `||` copies all texts before it again for each text.
            return f"concat({', '.join(texts)})"
        return " || ".join(texts)

    def json_text(self, column: str) -> str:
        """Return the expression for a JSON column as text."""
        if self.engine == "duckdb":
            return f"cast({column} as varchar)"
        return f"json_serialize({column})"

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Run one statement with `?` placeholders."""
        self._cursor(sql, parameters)

    def fetch_all(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """Return all rows of a query with a small result."""
        cursor = self._cursor(sql, parameters)
        with self._classified_errors(sql):
            return [tuple(row) for row in cursor.fetchall()]

    def fetch_one(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> tuple[Any, ...] | None:
        """Return the first row of a query, or None."""
        cursor = self._cursor(sql, parameters)
        with self._classified_errors(sql):
            row = cursor.fetchone()
        return None if row is None else tuple(row)

    def stream(
        self, sql: str, parameters: Sequence[object] = (), *, size: int = 10_000
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Return batches of at most `size` rows of a query, using bounded memory."""
        if self.engine == "redshift":
            return self._fetch_through_cursor(sql, parameters, size)
        cursor = self._cursor(sql, parameters)
        return self._batches(cursor, sql, size)

    def _fetch_through_cursor(
        self, sql: str, parameters: Sequence[object], size: int
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield batches through a cursor; the driver keeps all results in memory.

        Opens a transaction for the cursor unless one is open.
        """
        sender, _, query = sql.partition("\n")
        query = redshift_cursors.with_literals(query, parameters)
        name = f"stream_{uuid4().hex}"
        size = min(size, redshift_cursors.FETCH_ROWS)
        handle = self._handle
        is_own_transaction = not handle.in_transaction
        if is_own_transaction:
            self.execute(f"{sender}\nbegin")
            handle = self._handle
        try:
            self.execute(f"{sender}\ndeclare {name} cursor for {query}")
            while batch := self.fetch_all(
                f"{sender}\nfetch forward {size} from {name}"
            ):
                yield batch
                if len(batch) < size:
                    break
            if not is_own_transaction:
                self.execute(f"{sender}\nclose {name}")
        finally:
            # A reader that stopped early may have closed this connection.
            if is_own_transaction and self._handle is handle:
                self.execute(f"{sender}\nrollback")

    def _batches(
        self,
        cursor: Any,  # noqa: ANN401 - driver's type
        sql: str,
        size: int,
    ) -> Iterator[list[tuple[Any, ...]]]:
        while True:
            with self._classified_errors(sql):
                batch = cursor.fetchmany(size)
            if not batch:
                return
            yield batch

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """Return the (name, type) pairs of a query's result columns.

        The query's first line is the comment that names its sender.
        """
        sender, _, query = sql.partition("\n")
        cursor = self._cursor(
            f"{sender}\nselect * from ({query}) as subquery where false", ()
        )
        type_name = str if self.engine == "duckdb" else redshift.type_name
        return [(column[0], type_name(column[1])) for column in cursor.description]

    def take_server_messages(self) -> list[str]:
        """Return and clear the informational messages that the server sent."""
        if self.engine == "duckdb":
            return []
        return redshift_sessions.take_server_messages(self._handle)

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Insert a few rows, for example ledger rows, into a qualified table."""
        names = ", ".join(identifier(column) for column in columns)
        values = ", ".join(self._placeholder(table, column) for column in columns)
        size = min(INSERT_BATCH_ROWS, MAX_PARAMETERS // len(columns))
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            self.execute(
                f"-- loaders.warehouse.connection insert {table}\n"
                f"insert into {table} ({names}) values "
                + ", ".join(f"({values})" for _ in batch),
                [value for row in batch for value in row],
            )

    def _placeholder(self, table: str, column: str) -> str:
        name = table.rpartition(".")[2].strip('"')
        is_json = column in declared_tables.json_columns(name)
        return "json_parse(?)" if is_json and self.engine == "redshift" else "?"

    def _cursor(self, sql: str, parameters: Sequence[object]) -> Any:  # noqa: ANN401
        is_repeatable = (
            self.engine == "redshift"
            and not self._handle.in_transaction
            and REPEATABLE.match(sql) is not None
            and SESSION_FUNCTIONS.search(sql) is None
        )
        if not is_repeatable:
            return self._send(sql, parameters)
        return Retrying(
            retry=TRANSIENT,
            stop=ATTEMPTS,
            wait=PAUSES,
            before_sleep=lambda _: self._replace_session(),
            reraise=True,
        )(self._send, sql, parameters)

    def _send(self, sql: str, parameters: Sequence[object]) -> Any:  # noqa: ANN401
        has_failed, self._has_failed = self._has_failed, True
        with self._classified_errors(sql):
            if self.engine == "duckdb":
                cursor = self._handle.execute(sql, list(parameters))
            else:
                cursor = self._handle.cursor()
                cursor.paramstyle = "qmark"
                cursor.execute(sql, tuple(parameters) or None)
        self._has_failed = has_failed
        return cursor

    def _replace_session(self) -> None:
        """Continue in a new session: this one may be lost, or see an old catalog."""
        redshift_sessions.close(self._handle)
        self._handle = redshift_sessions.open_handle(self._values)
        self._has_failed = False

    def _classified_errors(self, sql: str) -> AbstractContextManager[None]:
        """Raise the driver's errors as ours; the statement's comment is the action."""
        action = sql.partition("\n")[0].removeprefix("-- ")
        if self.engine == "duckdb":
            return duckdb.classified_errors(self._handle, action, location())
        return redshift.classified_errors(action)

    def close(self) -> None:
        """Close the session and discard uncommitted changes.

        A session of Redshift in which no statement has failed is kept for the next use.
        """
        handle, self._handle = self._handle, None
        if self.engine == "duckdb":
            handle.close()
        elif self._has_failed:
            redshift_sessions.close(handle)
        else:
            redshift_sessions.keep(self._values, handle)


def identifier(name: str) -> str:
    """Quote a name; `DataError` unless it is a lower-case SQL identifier."""
    if not IDENTIFIER.fullmatch(name):
        raise DataError(f"{name!r} is not a valid identifier. {IDENTIFIER_RULE}")
    return f'"{name}"'


def literal(text: str) -> str:
    """Quote a constant as a SQL literal. Pass data as bound parameters instead."""
    return "'" + text.replace("'", "''") + "'"
