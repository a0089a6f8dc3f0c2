"""Sessions and transactions of the warehouse that the dbt profile selects.

Keep sessions short: only one process at a time can open a DuckDB file.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from tenacity import retry

from loaders.config import dbt_profile
from loaders.errors import ConfigError, NightshiftError
from loaders.warehouse import create_tables, duckdb, redshift_sessions
from loaders.warehouse.connection import ATTEMPTS, PAUSES, TRANSIENT, Connection
from loaders.warehouse.target import is_single_writer

Result = TypeVar("Result")


@contextmanager
def session() -> Iterator[Connection]:
    """Open a session in autocommit mode, for reading or for single statements."""
    connection = _connect()
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def transaction() -> Iterator[Connection]:
    """Open a session with one transaction around all statements."""
    with session() as connection, transaction_on(connection):
        yield connection


@contextmanager
def transaction_on(connection: Connection) -> Iterator[None]:
    """Run the statements of an open session in one transaction."""
    connection.execute("-- loaders.warehouse.sessions begin\nbegin")
    try:
        yield
    except BaseException:
        # A failing rollback must not hide the original error.
        with suppress(NightshiftError, KeyboardInterrupt):
            connection.execute("-- loaders.warehouse.sessions rollback\nrollback")
        raise
    connection.execute("-- loaders.warehouse.sessions commit\ncommit")


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
            f"-- loaders.warehouse.sessions change settings\nset {name} = {value}"
        )
    try:
        yield
    finally:
        # A failing reset must not hide the original error.
        with suppress(NightshiftError, KeyboardInterrupt):
            for name in changed:
                connection.execute(
                    f"-- loaders.warehouse.sessions reset settings\nreset {name}"
                )


_retried = retry(retry=TRANSIENT, stop=ATTEMPTS, wait=PAUSES, reraise=True)


@_retried
def run_in_transaction(work: Callable[[Connection], Result]) -> Result:
    """Run `work` in its own transaction; retry all of it after a transient error.

    Use it for ledger rows and tables. Loads of data have their own retries.
    """
    with transaction() as connection:
        return work(connection)


@_retried
def run_with_retries(work: Callable[[Connection], Result]) -> Result:
    """Run `work` without a transaction; retry all of it after a transient error.

    One statement of `work` may write: a single statement is atomic.
    """
    with session() as connection:
        return work(connection)


def create_missing_tables(run_id: str | None = None) -> None:
    """Create the schemas, declared tables and columns that do not exist.

    Two processes may do so at once: who fails because of the other looks again.
    """
    if not run_with_retries(create_tables.find_all_tables):
        run_in_transaction(partial(create_tables.ensure_tables, run_id=run_id))


def close_sessions() -> None:
    """Close what this process keeps open for its next session on Redshift."""
    redshift_sessions.close_unused()


def _connect() -> Connection:
    target = dbt_profile.target()
    openers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "duckdb": duckdb.open_session,
        "redshift": redshift_sessions.take,
    }
    if target.engine not in openers:
        raise ConfigError(
            f"Target {target.name!r} has type {target.engine!r}. "
            f"Choose a target of type {' or '.join(openers)}."
        )
    handle = openers[target.engine](target.values)
    return Connection(handle, target.engine, target.schema_prefix, target.values)
