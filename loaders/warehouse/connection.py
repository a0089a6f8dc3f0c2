"""The warehouse: connections, transactions, names, whichever engine it is.

Connections come from the dbt profile and are opened for short: the embedded engine
lets one process in at a time. Statements say who sends them in their first line, and
values travel as bound parameters only.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, TypeVar

import structlog
from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.config import dbt_profile
from loaders.errors import ConfigError, DataError, NightshiftError, TransientError
from loaders.warehouse import declared_tables, duckdb, redshift

SCHEMAS = ("staging", "intermediate", "marts", "ops")
INSERT_BATCH_ROWS = 500
COMMIT_TRIES = 5

Result = TypeVar("Result")
log = structlog.get_logger()


class Connection:
    """An open session. Use it through `session()` or `transaction()`.

    `engine` is the adapter type of the profile's target; only this module, copy.py
    and archive.py may look at it.
    """

    def __init__(self, handle: Any, engine: str, prefix: str) -> None:  # noqa: ANN401
        self._handle = handle
        self.engine = engine
        self._prefix = prefix

    def schema(self, name: str) -> str:
        """Return the real name of one of `SCHEMAS` on this target."""
        if name not in SCHEMAS:
            raise ValueError(f"no such schema: {name}")
        return identifier(f"{self._prefix}{name}")

    def table(self, schema: str, name: str) -> str:
        """Return the qualified, quoted name of a table on this target."""
        return f"{self.schema(schema)}.{identifier(name)}"

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Run one statement; `?` marks a parameter."""
        self._cursor(sql, parameters)

    def fetch_all(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """Return all rows of a small result."""
        return [tuple(row) for row in self._cursor(sql, parameters).fetchall()]

    def fetch_one(
        self, sql: str, parameters: Sequence[object] = ()
    ) -> tuple[Any, ...] | None:
        """Return the first row, or None."""
        row = self._cursor(sql, parameters).fetchone()
        return None if row is None else tuple(row)

    def stream(
        self, sql: str, parameters: Sequence[object] = (), *, size: int = 10_000
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Yield batches of at most `size` rows, in bounded memory."""
        cursor = self._cursor(sql, parameters)
        while batch := cursor.fetchmany(size):
            yield [tuple(row) for row in batch]

    def columns(self, sql: str) -> list[tuple[str, str]]:
        """Return the (name, type) pairs that a query would give."""
        cursor = self._cursor(f"select * from ({sql}) as asked where false", ())
        named = str if self.engine == "duckdb" else redshift.type_name
        return [(column[0], named(column[1])) for column in cursor.description]

    def take_notices(self) -> list[str]:
        """Return what the warehouse remarked since last asked."""
        return [] if self.engine == "duckdb" else redshift.take_notices(self._handle)

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Insert a few rows (ledger rows, not data) into a qualified table."""
        names = ", ".join(identifier(column) for column in columns)
        marks = f"({', '.join(self._mark(table, column) for column in columns)})"
        for start in range(0, len(rows), INSERT_BATCH_ROWS):
            batch = rows[start : start + INSERT_BATCH_ROWS]
            self.execute(
                f"-- loaders.warehouse insert {table}\n"
                f"insert into {table} ({names}) values "
                + ", ".join(marks for _ in batch),
                [value for row in batch for value in row],
            )

    def _mark(self, table: str, column: str) -> str:
        name = table.rpartition(".")[2].strip('"')
        is_json = column in declared_tables.json_columns(name)
        return "json_parse(?)" if is_json and self.engine == "redshift" else "?"

    def _cursor(self, sql: str, parameters: Sequence[object]) -> Any:  # noqa: ANN401
        if self.engine == "duckdb":
            return self._handle.execute(sql, list(parameters))
        with redshift.explained(sql.partition("\n")[0].removeprefix("-- ")):
            cursor = self._handle.cursor()
            cursor.paramstyle = "qmark"
            return cursor.execute(sql, tuple(parameters) or None)

    def close(self) -> None:
        """Close the session; what was not committed is gone."""
        if self.engine == "duckdb":
            self._handle.close()
        else:
            redshift.close(self._handle)


@contextmanager
def session() -> Iterator[Connection]:
    """Open a session in which each statement commits by itself, for reading."""
    connection = _connect()
    try:
        yield connection
    finally:
        connection.close()


def kept_open() -> AbstractContextManager[None]:
    """Let the first session of an embedded engine keep its file open for the rest."""
    return duckdb.kept_open()


@contextmanager
def transaction() -> Iterator[Connection]:
    """Open a session whose statements commit together at the end, or not at all."""
    with session() as connection, begun(connection):
        yield connection


@contextmanager
def begun(connection: Connection) -> Iterator[None]:
    """Let statements of an open session commit together at the end, or not at all."""
    connection.execute("-- loaders.warehouse begin\nbegin")
    try:
        yield
    except BaseException:
        # The first error is the one to show, also when the session is dead.
        with suppress(duckdb.Error, NightshiftError):
            connection.execute("-- loaders.warehouse rollback\nrollback")
        raise
    connection.execute("-- loaders.warehouse commit\ncommit")


@contextmanager
def limited(connection: Connection, settings: Mapping[str, str]) -> Iterator[None]:
    """Let an embedded engine work under other settings; a server has its own.

    Open the transaction within: a failed one would refuse to let go of them.
    """
    chosen = settings if is_single_writer() else {}
    for name, value in chosen.items():
        connection.execute(f"-- loaders.warehouse limit\nset {name} = {value}")
    try:
        yield
    finally:
        # The first error is the one to show, also when the session is dead.
        with suppress(duckdb.Error):
            for name in chosen:
                connection.execute(f"-- loaders.warehouse limit\nreset {name}")


@retry(
    retry=retry_if_exception_type(TransientError),
    stop=stop_after_attempt(COMMIT_TRIES),
    wait=wait_random_exponential(multiplier=0.2, max=10),
    reraise=True,
)
def committed(work: Callable[[Connection], Result]) -> Result:
    """Do `work` in a transaction of its own, the whole of it again when that helps.

    For ledger rows and tables; whoever loads data counts its tries itself.
    """
    with transaction() as connection:
        return work(connection)


def identifier(name: str) -> str:
    """Quote a name; only plain lower-case names are names here."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,126}", name):
        raise DataError(f"{name!r} is not a name this project uses for a table.")
    return f'"{name}"'


def literal(text: str) -> str:
    """Quote a text of ours that stands in a statement; values travel as parameters."""
    return "'" + text.replace("'", "''") + "'"


def is_single_writer() -> bool:
    """Say whether one process at a time may hold the warehouse."""
    return dbt_profile.target().engine == "duckdb"


def exists() -> bool:
    """Say whether there is a warehouse to ask; a server is taken to be there."""
    return not is_single_writer() or duckdb.file(dbt_profile.target().values).exists()


def location() -> str:
    """Say in words where the warehouse is, without secrets."""
    target = dbt_profile.target()
    if target.engine == "duckdb":
        return str(duckdb.file(target.values))
    return f"{target.values.get('host')}/{target.values.get('dbname')}"


def is_transient(message: str) -> bool:
    """Say whether a warehouse's error message is of a kind that passes by itself."""
    return "could not set lock" in message.lower() or redshift.is_transient(message)


def ensure_tables(connection: Connection) -> None:
    """Create the schemas and declared tables that are absent, and nothing else.

    Who may not create any can still run, when they are there.
    """
    present = connection.fetch_all(
        "-- loaders.warehouse schemas\nselect nspname from pg_namespace"
    )
    for name in SCHEMAS:
        if (connection.schema(name).strip('"'),) not in present:
            connection.execute(
                f"-- loaders.warehouse ensure {name}\n"
                f"create schema if not exists {connection.schema(name)}"
            )
    tables = connection.fetch_all(
        "-- loaders.warehouse tables\n"
        "select table_schema, table_name from information_schema.tables"
    )
    for table in declared_tables.declared():
        if (connection.schema(table.schema).strip('"'), table.name) in tables:
            continue
        columns = ", ".join(
            f"{identifier(column.name)} {_type(column.data_type, connection.engine)}"
            for column in table.columns
        )
        connection.execute(
            f"-- loaders.warehouse ensure {table.schema}.{table.name}\n"
            f"create table if not exists "
            f"{connection.table(table.schema, table.name)} ({columns})"
            f"{_layout(table, connection.engine)}"
        )


def _layout(table: declared_tables.Table, engine: str) -> str:
    """Sort a raw table by its days; it has no one key to be spread by."""
    if engine == "duckdb" or not table.source:
        return ""
    return " diststyle even sortkey (dt)"


def _type(data_type: str, engine: str) -> str:
    if data_type == "json" and engine == "redshift":
        return "super"
    return data_type


def _connect() -> Connection:
    target = dbt_profile.target()
    openers: dict[str, Callable[[dbt_profile.Target], Any]] = {
        "duckdb": _open_duckdb,
        "redshift": _open_redshift,
    }
    if target.engine not in openers:
        raise ConfigError(
            f"Target {target.name!r} has type {target.engine!r}; "
            f"Nightshift runs on {' and '.join(openers)}."
        )
    handle = openers[target.engine](target)
    return Connection(handle, target.engine, target.schema_prefix)


def _open_duckdb(target: dbt_profile.Target) -> Any:  # noqa: ANN401 - driver's own
    return duckdb.open_session(target.values)


def _open_redshift(target: dbt_profile.Target) -> Any:  # noqa: ANN401 - driver's own
    return redshift.open_session(target.values)
