"""Connections, transactions and table names for DuckDB and Redshift.

The dbt profile selects the warehouse. Keep sessions short: only one process at a time
can open a DuckDB file. The first line of every statement is a comment that names its
sender, and values are passed as bound parameters only.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, TypeVar

from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.config import dbt_profile
from loaders.errors import ConfigError, DataError, NightshiftError, TransientError
from loaders.warehouse import declared_tables, duckdb, duckdb_problems, redshift

SCHEMAS = ("staging", "intermediate", "marts", "ops")
INSERT_BATCH_ROWS = 500
MAX_ATTEMPTS = 5

Result = TypeVar("Result")


class Connection:
    """An open session; create it with `session()` or `transaction()`.

    `engine` is the adapter type of the profile's target. Only this module, raw/load.py
    and archive.py may depend on it.
    """

    def __init__(self, handle: Any, engine: str, prefix: str) -> None:  # noqa: ANN401
        self._handle = handle
        self.engine = engine
        self._prefix = prefix

    def schema(self, name: str) -> str:
        """Return the quoted name that one of `SCHEMAS` has on this target."""
        if name not in SCHEMAS:
            raise ValueError(f"unknown schema: {name}")
        return identifier(f"{self._prefix}{name}")

    def table(self, schema: str, name: str) -> str:
        """Return the qualified, quoted name of a table on this target."""
        return f"{self.schema(schema)}.{identifier(name)}"

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
            return redshift.stream(self._handle, sql, parameters, size=size)
        cursor = self._cursor(sql, parameters)
        return self._batches(cursor, sql, size)

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
        return redshift.take_server_messages(self._handle)

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Insert a few rows, for example ledger rows, into a qualified table."""
        names = ", ".join(identifier(column) for column in columns)
        values = ", ".join(self._placeholder(table, column) for column in columns)
        for start in range(0, len(rows), INSERT_BATCH_ROWS):
            batch = rows[start : start + INSERT_BATCH_ROWS]
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
        with self._classified_errors(sql):
            if self.engine == "duckdb":
                return self._handle.execute(sql, list(parameters))
            cursor = self._handle.cursor()
            cursor.paramstyle = "qmark"
            return cursor.execute(sql, tuple(parameters) or None)

    def _classified_errors(self, sql: str) -> AbstractContextManager[None]:
        """Raise the driver's errors as ours; the statement's comment is the action."""
        action = sql.partition("\n")[0].removeprefix("-- ")
        if self.engine == "duckdb":
            return duckdb.classified_errors(self._handle, action, location())
        return redshift.classified_errors(action)

    def close(self) -> None:
        """Close the session and discard uncommitted changes."""
        if self.engine == "duckdb":
            self._handle.close()
        else:
            redshift.close(self._handle)


@contextmanager
def session() -> Iterator[Connection]:
    """Open a session in autocommit mode, for reading."""
    connection = _connect()
    try:
        yield connection
    finally:
        connection.close()


def keep_open() -> AbstractContextManager[None]:
    """Keep a DuckDB file open from the first session on; no effect on Redshift."""
    return duckdb.keep_open()


@contextmanager
def transaction() -> Iterator[Connection]:
    """Open a session with one transaction around all statements."""
    with session() as connection, transaction_on(connection):
        yield connection


@contextmanager
def transaction_on(connection: Connection) -> Iterator[None]:
    """Run the statements of an open session in one transaction."""
    connection.execute("-- loaders.warehouse.connection begin\nbegin")
    try:
        yield
    except BaseException:
        # A failing rollback must not hide the original error.
        with suppress(NightshiftError, KeyboardInterrupt):
            connection.execute("-- loaders.warehouse.connection rollback\nrollback")
        raise
    connection.execute("-- loaders.warehouse.connection commit\ncommit")


@contextmanager
def with_settings(
    connection: Connection, settings: Mapping[str, str]
) -> Iterator[None]:
    """Change DuckDB settings within the block; no effect on Redshift.

    Open the transaction inside: settings cannot be reset in a failed transaction.
    """
    changed = settings if is_single_writer() else {}
    for name, value in changed.items():
        connection.execute(
            f"-- loaders.warehouse.connection change settings\nset {name} = {value}"
        )
    try:
        yield
    finally:
        # A failing reset must not hide the original error.
        with suppress(NightshiftError, KeyboardInterrupt):
            for name in changed:
                connection.execute(
                    f"-- loaders.warehouse.connection reset settings\nreset {name}"
                )


@retry(
    retry=retry_if_exception_type(TransientError),
    stop=stop_after_attempt(MAX_ATTEMPTS),
    wait=wait_random_exponential(multiplier=0.2, max=10),
    reraise=True,
)
def run_in_transaction(work: Callable[[Connection], Result]) -> Result:
    """Run `work` in its own transaction; retry all of it after a transient error.

    Use it for ledger rows and tables. Loads of data have their own retries.
    """
    with transaction() as connection:
        return work(connection)


def identifier(name: str) -> str:
    """Quote a name; `DataError` unless it is a lower-case SQL identifier."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,126}", name):
        raise DataError(
            f"{name!r} is not a valid identifier. Use only a-z, 0-9 and _, "
            "not starting with a digit."
        )
    return f'"{name}"'


def literal(text: str) -> str:
    """Quote a constant as a SQL literal. Pass data as bound parameters instead."""
    return "'" + text.replace("'", "''") + "'"


def is_single_writer() -> bool:
    """Return whether only one process at a time can open the warehouse (DuckDB)."""
    return dbt_profile.target().engine == "duckdb"


def exists() -> bool:
    """Return whether the DuckDB file exists; always true for Redshift."""
    return not is_single_writer() or duckdb.file_exists(dbt_profile.target().values)


def location() -> str:
    """Return the file or the host and database of the warehouse, for messages."""
    target = dbt_profile.target()
    if target.engine == "duckdb":
        return str(duckdb.file(target.values))
    return f"{target.values.get('host')}/{target.values.get('dbname')}"


def is_transient(message: str) -> bool:
    """Return whether the error message of a warehouse is about a transient error."""
    if is_single_writer():
        return duckdb.is_transient(message)
    return redshift.is_transient(message)


def machine_problem(message: str) -> str:
    """Return what is wrong with disk, memory or file and what to do, or ''.

    `message` is the text that dbt passes on from DuckDB.
    """
    if not is_single_writer():
        return ""
    error = duckdb_problems.problem(message, duckdb.file(dbt_profile.target().values))
    return str(error or "")


def set_on_wait(on_wait: Callable[[str], object]) -> None:
    """Set what prints the message that a locked DuckDB file is waited for."""
    duckdb.set_on_wait(on_wait)


def _connect() -> Connection:
    target = dbt_profile.target()
    openers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "duckdb": duckdb.open_session,
        "redshift": redshift.open_session,
    }
    if target.engine not in openers:
        raise ConfigError(
            f"Target {target.name!r} has type {target.engine!r}. "
            f"Choose a target of type {' or '.join(openers)}."
        )
    handle = openers[target.engine](target.values)
    return Connection(handle, target.engine, target.schema_prefix)
