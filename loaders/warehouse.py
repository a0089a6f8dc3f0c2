"""The warehouse: connections, transactions, names. The one importer of its drivers.

Connections come from the dbt profile and are opened for short: the embedded engine
lets one process in at a time. Statements say who sends them in their first line, and
values travel as bound parameters only.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import structlog
from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from loaders import profile, raw_tables
from loaders.errors import ConfigError, DataError, TransientError
from loaders.settings import PROJECT

SCHEMAS = ("staging", "intermediate", "marts", "ops")
LOCK_PATIENCE_SECONDS = 120
INSERT_BATCH_ROWS = 500
TRANSIENT_SIGNS = (
    "could not set lock",
    "serializable isolation violation",
    "conflict with concurrent transaction",
    "connection reset",
    "connection refused",
    "server closed the connection",
    "broken pipe",
    "timed out",
)

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
        return [(column[0], str(column[1])) for column in cursor.description]

    def insert(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Insert a few rows (ledger rows, not data) into a qualified table."""
        names = ", ".join(identifier(column) for column in columns)
        marks = f"({', '.join('?' for _ in columns)})"
        for start in range(0, len(rows), INSERT_BATCH_ROWS):
            batch = rows[start : start + INSERT_BATCH_ROWS]
            self.execute(
                f"-- loaders.warehouse insert {table}\n"
                f"insert into {table} ({names}) values "
                + ", ".join(marks for _ in batch),
                [value for row in batch for value in row],
            )

    def _cursor(self, sql: str, parameters: Sequence[object]) -> Any:  # noqa: ANN401
        if self.engine == "duckdb":
            return self._handle.execute(sql, list(parameters))
        cursor = self._handle.cursor()
        cursor.paramstyle = "qmark"
        cursor.execute(sql, tuple(parameters) or None)
        return cursor

    def close(self) -> None:
        """Close the session; what was not committed is gone."""
        self._handle.close()


@contextmanager
def session() -> Iterator[Connection]:
    """Open a session in which each statement commits by itself, for reading."""
    connection = _connect()
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction() -> Iterator[Connection]:
    """Open a session whose statements commit together at the end, or not at all."""
    with session() as connection:
        connection.execute("begin")
        try:
            yield connection
        except BaseException:
            # The first error is the one to show, also when the session is dead.
            with suppress(duckdb.Error):
                connection.execute("rollback")
            raise
        connection.execute("commit")


def identifier(name: str) -> str:
    """Quote a name; only plain lower-case names are names here."""
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,126}", name):
        raise DataError(f"{name!r} is not a name this project uses for a table.")
    return f'"{name}"'


def is_single_writer() -> bool:
    """Say whether one process at a time may hold the warehouse."""
    return profile.target().engine == "duckdb"


def exists() -> bool:
    """Say whether there is a warehouse to ask; a server is taken to be there."""
    return not is_single_writer() or _file(profile.target()).exists()


def location() -> str:
    """Say in words where the warehouse is, without secrets."""
    target = profile.target()
    if target.engine == "duckdb":
        return str(_file(target))
    return f"{target.values.get('host')}/{target.values.get('dbname')}"


def is_transient(message: str) -> bool:
    """Say whether a warehouse's error message is of a kind that passes by itself."""
    return any(sign in message.lower() for sign in TRANSIENT_SIGNS)


def ensure_tables(connection: Connection) -> None:
    """Create the schemas and every declared table that is absent."""
    for name in SCHEMAS:
        connection.execute(f"create schema if not exists {connection.schema(name)}")
    for table in raw_tables.declared():
        columns = ", ".join(
            f"{identifier(column.name)} {_type(column.data_type, connection.engine)}"
            for column in table.columns
        )
        connection.execute(
            f"-- loaders.warehouse ensure {table.schema}.{table.name}\n"
            f"create table if not exists "
            f"{connection.table(table.schema, table.name)} ({columns})"
        )


def _type(data_type: str, engine: str) -> str:
    if data_type == "json" and engine == "redshift":
        return "super"
    return data_type


def _connect() -> Connection:
    target = profile.target()
    openers: dict[str, Callable[[profile.Target], Any]] = {
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


def _file(target: profile.Target) -> Path:
    path = Path(str(target.values["path"]))
    return path if path.is_absolute() else PROJECT / path


@retry(
    retry=retry_if_exception_type(TransientError),
    stop=stop_after_delay(LOCK_PATIENCE_SECONDS),
    wait=wait_random_exponential(multiplier=0.05, max=2),
    reraise=True,
)
def _open_duckdb(target: profile.Target) -> duckdb.DuckDBPyConnection:
    path = _file(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = duckdb.connect(
            str(path), config=dict(target.values.get("config_options") or {})
        )
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise TransientError(
                f"{path} is held by another process. Close it there "
                f"(a `duckdb` shell, a notebook, a running dbt), then run again."
            ) from error
        raise ConfigError(f"Cannot open the warehouse file {path}: {error}") from error
    handle.execute("set timezone = 'UTC'")
    return handle


def _open_redshift(target: profile.Target) -> Any:  # noqa: ANN401 - driver's own
    # dbt's own classes know password, IAM and serverless; they cost seconds to
    # import, which the embedded engine need not pay.
    from dbt.adapters.redshift.connections import (
        RedshiftCredentials,
        get_connection_method,
    )

    values = {key: value for key, value in target.values.items() if key != "type"}
    credentials = RedshiftCredentials.from_dict(
        RedshiftCredentials.translate_aliases(values)
    )
    return get_connection_method(credentials)()
