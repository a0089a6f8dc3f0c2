"""What the operating system refuses: full disks, missing rights, unusable paths.

Python's own message has no path for a failed write and no remedy, so every such error
that reaches a user passes through `classify`.
"""

import errno
import os
import shutil
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path

from loaders.errors import ConfigError, MachineError, NightshiftError, TransientError
from loaders.private_files import VAR

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
UNUSABLE_PATH = {
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EINVAL,
}
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}
# SQLite reports a full disk by text alone.
SQLITE_FULL = "disk is full"


def classify(error: BaseException) -> NightshiftError:
    """Return the error that is shown for an exception of any kind."""
    if isinstance(error, NightshiftError):
        return error
    if isinstance(error, MemoryError):
        return MachineError(
            "Python ran out of memory. Give the machine or the container more memory, "
            "or run fewer workers, then run again."
        )
    if isinstance(error, sqlite3.Error) and SQLITE_FULL in str(error):
        return full_disk(None, str(error))
    if isinstance(error, ConnectionError | TimeoutError):
        return TransientError(
            f"A connection was lost ({_text(error)}). Check the network, then run "
            "again."
        )
    if isinstance(error, OSError) and error.errno is not None:
        return _os_error(error)
    return NightshiftError(f"Unexpected {_text(error)}.")


def full_disk(path: Path | None, cause: str) -> MachineError:
    """Return the error for a full disk, with the free bytes at `path`.

    Without a path, the fullest of the disks that a run writes to is named.
    """
    if path is None:
        path = min((VAR, Path(_temporary_folder())), key=free_bytes)
    return MachineError(
        f"The disk of {path} is full: {free_bytes(path):,} bytes are free ({cause}). "
        "Free disk space there, then run again. What is done is not repeated."
    )


def free_bytes(path: Path) -> int:
    """Return the free bytes of the disk on which `path` is or would be created."""
    for folder in (path, *path.absolute().parents):
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return 0


def _os_error(error: OSError) -> NightshiftError:
    path = Path(os.fsdecode(error.filename)) if _has_path(error) else None
    cause = error.strerror or os.strerror(error.errno or 0)
    if error.errno in FULL:
        return full_disk(path, cause)
    subject = str(path) if path else "A file"
    if error.errno in FORBIDDEN:
        return ConfigError(
            f"{subject} cannot be used: {cause}. Give the user that runs Nightshift "
            f"access to it. Its working files are in {VAR}."
        )
    if error.errno in UNUSABLE_PATH:
        return ConfigError(
            f"{subject} cannot be used: {cause}. Check the path and the setting that "
            "it comes from."
        )
    if error.errno in EXHAUSTED:
        return MachineError(
            f"The machine has run out of memory, processes or open files ({cause}). "
            "Raise the limit or stop other programs, then run again."
        )
    return MachineError(f"{subject} cannot be read or written: {cause}. Run again.")


def _has_path(error: OSError) -> bool:
    return isinstance(error.filename, str | bytes | os.PathLike)


def _temporary_folder() -> str:
    with suppress(OSError):  # none can be written
        return tempfile.gettempdir()
    return os.environ.get("TMPDIR", "/tmp")


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": .")
