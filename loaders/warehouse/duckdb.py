"""The embedded engine's file: where it is, sessions of it. The one importer of duckdb.

It lets one process in at a time, so sessions are short, unless a process that does all
the work itself keeps the file open.
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

LOCK_PATIENCE_SECONDS = 120

Error = duckdb.Error
_keeper: ExitStack | None = None  # closes at its end what keeps the file open


def file(values: Mapping[str, Any]) -> Path:
    """Return the path that the profile's target names, below the project."""
    path = Path(str(values["path"]))
    return path if path.is_absolute() else PROJECT / path


@retry(
    retry=retry_if_exception_type(TransientError),
    stop=stop_after_delay(LOCK_PATIENCE_SECONDS),
    wait=wait_random_exponential(multiplier=0.05, max=2),
    reraise=True,
)
def open_session(values: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """Open the file; wait while another process has it.

    Raises `TransientError` when it is not let go of, `ConfigError` when it cannot be
    opened at all.
    """
    global _keeper
    path = file(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    options = dict(values.get("config_options") or {})
    try:
        handle = duckdb.connect(str(path), config=options)
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise TransientError(
                f"{path} is held by another process. Close it there "
                f"(a `duckdb` shell, a notebook, a running dbt), then run again."
            ) from error
        raise ConfigError(f"Cannot open the warehouse file {path}: {error}") from error
    handle.execute("set timezone = 'UTC'")
    handle.execute("set enable_progress_bar = false")  # standard output holds results
    if _keeper is not None:
        # Not a cursor of this one: that would be closed with it.
        _keeper.callback(duckdb.connect(str(path), config=options).close)
        _keeper = None  # one suffices: whoever opens the file now shares it
    return handle


@contextmanager
def kept_open() -> Iterator[None]:
    """Keep the file open from the first session on: opening costs more than asking.

    A process that forks meanwhile would hand it on, and must not.
    """
    global _keeper
    with ExitStack() as stack:
        _keeper = stack
        try:
            yield
        finally:
            _keeper = None
