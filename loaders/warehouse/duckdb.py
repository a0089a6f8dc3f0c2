"""Sessions on the DuckDB file. Only this module imports duckdb.

Only one process at a time can open the file, so sessions are short. A process that does
all the work itself can keep the file open.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import duckdb
from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from loaders.config.settings import PROJECT
from loaders.errors import ConfigError, TransientError
from loaders.private_files import make_folder

LOCK_TIMEOUT_SECONDS = 120

Error = duckdb.Error
# Set by `keep_open` until the first session adds the connection that stays open.
_kept_connections: ExitStack | None = None


def file(values: Mapping[str, Any]) -> Path:
    """Return the target's file; a relative path is relative to the project folder.

    Raises `ConfigError` if the target has no file.
    """
    path = str(values.get("path") or "")
    if not path or path == ":memory:":
        raise ConfigError(
            "The DuckDB target needs a file. Set NIGHTSHIFT_DUCKDB_PATH, or the path "
            "in the dbt profile."
        )
    return PROJECT / path


def file_exists(values: Mapping[str, Any]) -> bool:
    """Return whether the file exists; `ConfigError` for a path that is impossible."""
    path = file(values)
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ConfigError(
            f"The DuckDB file {path} cannot be read: {error.strerror}. "
            "Correct NIGHTSHIFT_DUCKDB_PATH."
        ) from None
    return True


@retry(
    retry=retry_if_exception_type(TransientError),
    stop=stop_after_delay(LOCK_TIMEOUT_SECONDS),
    wait=wait_random_exponential(multiplier=0.05, max=2),
    reraise=True,
)
def open_session(values: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """Open the file; wait up to two minutes while another process has it open.

    Raises `TransientError` if the file stays locked, and `ConfigError` if it cannot be
    opened.
    """
    global _kept_connections
    path = file(values)
    make_folder(path.parent, remedy="Correct NIGHTSHIFT_DUCKDB_PATH")
    options = dict(values.get("config_options") or {})
    try:
        handle = duckdb.connect(str(path), config=options)
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise TransientError(
                f"{path} is locked by another process. Close the `duckdb` shell, the "
                f"notebook or the dbt run that has it open, then run again."
            ) from error
        raise ConfigError(
            f"Cannot open the DuckDB file {path}: {error}. "
            "Check NIGHTSHIFT_DUCKDB_PATH."
        ) from error
    handle.execute("set timezone = 'UTC'")
    handle.execute("set enable_progress_bar = false")  # stdout is for results
    if _kept_connections is not None:
        # A second connection, because closing `handle` would also close its cursors.
        _kept_connections.callback(duckdb.connect(str(path), config=options).close)
        _kept_connections = None
    return handle


@contextmanager
def keep_open() -> Iterator[None]:
    """Keep the file open from the first session on, because opening is expensive.

    The process must not fork while the file is open: the child would inherit it.
    """
    global _kept_connections
    with ExitStack() as stack:
        _kept_connections = stack
        try:
            yield
        finally:
            _kept_connections = None
