"""Sessions on the DuckDB file, and the classification of DuckDB's errors.

Only this module imports duckdb. Only one process at a time can open the file, so
sessions are short. A process that does all the work itself can keep the file open.
"""

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from loaders import interruption
from loaders.config.settings import PROJECT
from loaders.errors import (
    ConfigError,
    DataError,
    MachineError,
    NightshiftError,
    TransientError,
)
from loaders.private_files import make_folder
from loaders.warehouse.duckdb_problems import damaged_file, problem

LOCK_TIMEOUT_SECONDS = 120
ANNOUNCE_SECONDS = 2
LOCK_POLL_SECONDS = 0.2
LOCK_HOLDER = re.compile(r"\(PID (\d+)\)")
# Texts of DuckDB's errors, in lower case: its classes do not separate these cases.
LOCKED_TEXT = "could not set lock"
PATH_TEXTS = (
    "cannot open file",
    "permission denied",
    "read-only file system",
    "is a directory",
    "not a directory",
    "no such file or directory",
    "read-only mode",
)
TRANSIENT_TEXTS = (LOCKED_TEXT, "write-write conflict", "conflict on")
TRANSIENT_CLASSES = (duckdb.TransactionException, duckdb.HTTPException)
DAMAGE_CLASSES = (
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.SerializationException,
)
INTERRUPTED_TEXT = "interrupted"
WORKING_FILE_SETTINGS = {"checkpoint_threshold": "'256MB'"}
# Rows that fill a group are written once; others are written to the WAL first.
WORKING_FILE_OPTIONS = "(row_group_size 61440)"
# For many long texts. zstd takes half the CPU time of DuckDB's own choice for them, and
# less than writing them uncompressed.
LOW_MEMORY_SETTINGS = {
    "memory_limit": "'100MB'",
    "threads": "1",
    "force_compression": "'zstd'",
}

# The connections that stay open within blocks of `keep_open`, the innermost block last.
# The first session of a block opens its own.
_kept_connections: list[duckdb.DuckDBPyConnection | None] = []
_on_wait: Callable[[str], object] = str  # prints nothing
# A run opens several sessions, but the file that stays locked is waited for once.
_has_given_up = False


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


def open_session(values: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """Open the file; wait up to two minutes while another process has it open.

    After two seconds, the process that holds it is printed. Raises `TransientError` if
    the file stays locked, `MachineError` if it is damaged, and `ConfigError` if it
    cannot be opened otherwise.
    """
    path = file(values)
    make_folder(path.parent, remedy="Correct NIGHTSHIFT_DUCKDB_PATH")
    options = dict(values.get("config_options") or {})
    handle = _connect_when_unlocked(path, options)
    # A file that the process keeps open may have become unusable since.
    with classified_errors(handle, "opening", str(path)):
        handle.execute("set timezone = 'UTC'")
        handle.execute("set enable_progress_bar = false")  # stdout is for results
        if _kept_connections and _kept_connections[-1] is None:
            # A second one, because closing `handle` would also close its cursors.
            _kept_connections[-1] = duckdb.connect(str(path), config=options)
    return handle


def open_local(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a session to which a file of this process at that path can be attached."""
    make_folder(path.parent)
    handle = duckdb.connect()
    with classified_errors(handle, "opening", str(path)):
        escaped = str(path).replace("'", "''")
        settings = {**LOW_MEMORY_SETTINGS, **WORKING_FILE_SETTINGS}
        settings["temp_directory"] = f"'{escaped}.tmp'"
        settings["enable_progress_bar"] = "false"  # stdout is for results
        for name, value in settings.items():
            handle.execute(f"set {name} = {value}")
    return handle


def rewrite_file(values: Mapping[str, Any]) -> None:
    """Replace the file by a copy of its tables and views, without deleted rows.

    Deleted rows keep their bytes in a DuckDB file. The file stays locked until it is
    replaced. Raises `MachineError` if the disk has no room for the copy.
    """
    path = file(values).resolve()  # the file itself, not a link to it
    copy = path.with_name(f".{path.name}.rewritten")
    needed, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if needed > free:
        raise MachineError(
            f"{path} cannot be rewritten: its copy needs {needed:,} bytes, but the "
            f"disk has {free:,}. Free disk space, then run the command again."
        )
    close_kept()
    handle = open_session(values)
    try:
        with classified_errors(handle, "rewriting", str(path)):
            row = handle.execute("select current_database()").fetchone()
            name = str(row[0] if row else "").replace('"', '""')
            escaped = str(copy).replace("'", "''")
            for leftover in (copy, copy.with_name(f"{copy.name}.wal")):
                leftover.unlink(missing_ok=True)
            handle.execute("checkpoint")  # There is no WAL when the file is replaced.
            handle.execute(f"attach '{escaped}' as rewritten")
            handle.execute(f'copy from database "{name}" to rewritten')
            handle.execute("checkpoint rewritten")
            handle.execute("detach rewritten")
        shutil.copymode(path, copy)
        copy.replace(path)
    finally:
        handle.close()


def set_on_wait(on_wait: Callable[[str], object]) -> None:
    """Set what prints that a lock is waited for."""
    global _on_wait
    _on_wait = on_wait


def announce(message: str) -> None:
    """Print that a lock is waited for."""
    _on_wait(message)


@contextmanager
def keep_open() -> Iterator[None]:
    """Keep the file open from the first session on, because opening is expensive.

    The process must not fork while the file is open: the child would inherit it.
    """
    _kept_connections.append(None)
    try:
        yield
    finally:
        close_kept()
        _kept_connections.pop()


def close_kept() -> None:
    """Close what `keep_open` keeps until the next session, to let others work."""
    if _kept_connections:
        kept, _kept_connections[-1] = _kept_connections[-1], None
        if kept is not None:
            kept.close()


@contextmanager
def classified_errors(
    handle: duckdb.DuckDBPyConnection, action: str, path: str
) -> Iterator[None]:
    """Raise DuckDB's errors as ours; a signal stops the statements of the block."""
    interruption.check()
    try:
        with interruption.cancelled_by_signal(handle.interrupt):
            yield
    except (duckdb.Error, RuntimeError) as error:
        interruption.check()
        raise classify(error, Path(path), action) from error


def classify(
    error: Exception, path: Path, action: str, *, is_opening: bool = False
) -> NightshiftError:
    """Return our error for any exception of DuckDB.

    `action` is what DuckDB did, `path` the file of the warehouse.
    """
    text = str(error).strip()
    if known := problem(text, path):
        return known
    lower = text.lower()
    cause = text.splitlines()[0].rstrip(".") if text else type(error).__name__
    if INTERRUPTED_TEXT in lower:
        return NightshiftError(f"DuckDB was interrupted ({action}). Run again.")
    if isinstance(error, DAMAGE_CLASSES):
        return damaged_file(path, cause)
    if isinstance(error, TRANSIENT_CLASSES) or is_transient(lower):
        return TransientError(f"{cause} ({action}). Nothing was committed. Run again.")
    if is_opening:
        return ConfigError(
            f"The DuckDB file {path} cannot be opened: {cause}. Check "
            "NIGHTSHIFT_DUCKDB_PATH, the rights on the file and its folder, and the "
            "target's settings in profiles.yml."
        )
    if any(part in lower for part in PATH_TEXTS):
        return ConfigError(
            f"DuckDB cannot use a file: {cause} ({action}). Check the rights on it and "
            "on its folder, then run again."
        )
    return DataError(
        f"{text} ({action}). Nothing was committed. Correct the statement or the data "
        "that the message names, then run again."
    )


def is_transient(text: str) -> bool:
    """Return whether an error message of DuckDB is that of a transient error."""
    return any(part in text.lower() for part in TRANSIENT_TEXTS)


def _connect_when_unlocked(
    path: Path, options: dict[str, Any]
) -> duckdb.DuckDBPyConnection:
    """Open the file; after two seconds, print which process it waits for."""
    global _has_given_up
    start = time.monotonic()
    is_announced = False
    while True:
        try:
            return duckdb.connect(str(path), config=options)
        except (duckdb.Error, RuntimeError) as error:
            interruption.check()
            if LOCKED_TEXT not in str(error).lower():
                raise classify(error, path, "opening", is_opening=True) from error
            holder = _lock_holder(str(error))
            waited = time.monotonic() - start
            if _has_given_up or waited > LOCK_TIMEOUT_SECONDS:
                _has_given_up = True
                raise TransientError(
                    f"{path} is still in use by {holder} after {LOCK_TIMEOUT_SECONDS} "
                    "seconds. Close the `duckdb` shell, the notebook, the dbt command "
                    "or the run that has it open, then run again."
                ) from error
        if waited >= ANNOUNCE_SECONDS and not is_announced:
            is_announced = True
            _on_wait(
                f"Waiting for {path}, which is in use by {holder}. Gives up after "
                f"{LOCK_TIMEOUT_SECONDS} seconds."
            )
        time.sleep(LOCK_POLL_SECONDS)


def _lock_holder(message: str) -> str:
    """Return the process that DuckDB names, with its command line if it is readable."""
    match = LOCK_HOLDER.search(message)
    if match is None:
        return "another process"
    with suppress(OSError):
        arguments = Path(f"/proc/{match[1]}/cmdline").read_bytes().split(b"\0")
        command = " ".join(part.decode("utf-8", "replace") for part in arguments)
        return f"PID {match[1]} ({command.strip()[:80]})"
    return f"PID {match[1]}"
