"""Every exception of DuckDB, of redshift-connector and of the system is classified."""

import errno
import inspect
import os
import socket
import sqlite3
import ssl
import struct
from pathlib import Path

import duckdb
import pytest
import redshift_connector

from loaders import machine
from loaders.errors import (
    ConfigError,
    DataError,
    MachineError,
    NightshiftError,
    TransientError,
)
from loaders.warehouse import duckdb as duckdb_sessions
from loaders.warehouse import redshift as redshift_sessions

FILE = Path("/data/nightshift.duckdb")


def _exceptions(module: object) -> list[type[Exception]]:
    return [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Exception)
    ]


@pytest.mark.parametrize("kind", _exceptions(duckdb))
@pytest.mark.parametrize("is_opening", [False, True])
def test_each_duckdb_exception_has_a_class_and_a_next_step(
    kind: type[Exception], is_opening: bool
) -> None:
    error = kind("Something happened")
    shown = duckdb_sessions.classify(error, FILE, "load", is_opening=is_opening)
    assert type(shown) is not NightshiftError
    assert "Something happened" in str(shown) and str(shown).endswith(".")


@pytest.mark.parametrize(
    ("text", "expected", "remedy"),
    [
        (
            'IO Error: Could not write file "/x/a.duckdb": No space left on device',
            MachineError,
            "The disk of /x/a.duckdb is full: ",
        ),
        (
            "TransactionContext Error: Failed to commit: Could not write file "
            '"/x/a.duckdb.wal": No space left on device',
            MachineError,
            "bytes are free",
        ),
        (
            'IO Error: Async write failed: {"exception_message":"Could not write file '
            '\\"/x/y.parquet\\": No space left on device","errno":"28"}',
            MachineError,
            "The disk of /x/y.parquet is full",
        ),
        (
            "Out of Memory Error: failed to offload data block of size 256.0 KiB\n"
            "This limit was set by the 'max_temp_directory_size' setting.",
            MachineError,
            "temp_directory",
        ),
        (
            "Out of Memory Error: could not allocate block of size 256.0 KiB",
            MachineError,
            "memory_limit",
        ),
        (
            'Failure while replaying WAL file "/data/nightshift.duckdb.wal": Corrupt '
            "WAL file: entry at byte position 89",
            MachineError,
            f"mv {FILE}.wal {FILE}.wal.damaged",
        ),
        ("TransactionContext Error: Conflict on update!", TransientError, "Run again"),
        ("Catalog write-write conflict on alter", TransientError, "Run again"),
        ('IO Error: Cannot open file "/x": Permission denied', ConfigError, "rights"),
        ("Conversion Error: Could not convert", DataError, "Correct the statement"),
    ],
)
def test_duckdb_text_decides_what_to_do(
    text: str, expected: type[Exception], remedy: str
) -> None:
    error = duckdb_sessions.classify(duckdb.Error(text), FILE, "load")
    assert isinstance(error, expected)
    assert remedy in str(error)


@pytest.mark.parametrize("kind", _exceptions(redshift_connector))
@pytest.mark.parametrize("argument", ["text", {"C": "XX000", "M": "text"}])
def test_each_redshift_exception_has_a_class(
    kind: type[Exception], argument: object
) -> None:
    error = redshift_sessions.classify(kind(argument), "load")
    assert type(error) is not NightshiftError
    assert "text" in str(error)


@pytest.mark.parametrize(
    ("state", "message", "detail", "expected"),
    [
        ("XX000", "1018", "Relation does not exist.", TransientError),
        ("XX000", "1023", "Serializable isolation violation on table", TransientError),
        ("40001", "could not serialize access", "", TransientError),
        ("XX000", "table 1 dropped by concurrent transaction", "", TransientError),
        ("XX000", "could not open relation with OID 7", "", TransientError),
        ("42P01", 'relation "m" does not exist', "", DataError),
        ("22003", "1018 is out of range", "", DataError),
        ("42501", "permission denied for relation m", "", ConfigError),
    ],
)
def test_redshift_server_errors_are_classified(
    state: str, message: str, detail: str, expected: type[Exception]
) -> None:
    fields = {"C": state, "M": message, "D": detail}
    error = redshift_connector.ProgrammingError(fields)
    assert type(redshift_sessions.classify(error, "load")) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionResetError(errno.ECONNRESET, "reset"), TransientError),
        (BrokenPipeError(errno.EPIPE, "broken"), TransientError),
        (TimeoutError("timed out"), TransientError),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), TransientError),
        (ssl.SSLError("wrong version"), TransientError),
        (ssl.SSLCertVerificationError("self-signed"), ConfigError),
        (struct.error("unpack requires 4 bytes"), TransientError),
        (AttributeError("'NoneType' object has no attribute 'read'"), TransientError),
    ],
)
def test_redshift_socket_errors_are_classified(
    error: Exception, expected: type[Exception]
) -> None:
    assert type(redshift_sessions.classify(error, "load")) is expected


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), MachineError, "bytes are"),
        (OSError(errno.EDQUOT, "Quota", "/x/y"), MachineError, "/x/y"),
        (PermissionError(errno.EACCES, "denied", "/x/y"), ConfigError, "/x/y"),
        (OSError(errno.EROFS, "Read-only", "/x/y"), ConfigError, "/x/y"),
        (NotADirectoryError(errno.ENOTDIR, "Not", "/x/y"), ConfigError, "/x/y"),
        (OSError(errno.EMFILE, "Too many open files"), MachineError, "open files"),
        (MemoryError(), MachineError, "memory"),
        (sqlite3.OperationalError("database or disk is full"), MachineError, "is full"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "no"), TransientError, "network"),
        (KeyError("x"), NightshiftError, "Unexpected KeyError"),
    ],
)
def test_system_errors_are_classified(
    error: Exception, expected: type[Exception], text: str
) -> None:
    shown = machine.classify(error)
    assert type(shown) is expected and text in str(shown)


@pytest.mark.parametrize("code", sorted(errno.errorcode))
def test_each_errno_has_a_message(code: int) -> None:
    shown = machine.classify(OSError(code, os.strerror(code), "/x/y"))
    assert type(shown) is not NightshiftError
