"""The spool: a folder per object, with a folder per sync, locked by one sync at a time.

Staging databases and CSV files are kept there while a sync runs, so that after a crash
the next sync on the same machine finds them. A finished sync leaves at most
`rejects.csv`.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loaders.errors import TransientError
from loaders.private_files import make_folder

REJECTS = "rejects.csv"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock an object's folder; raise `TransientError` if another sync holds the lock.

    The operating system releases the lock when the process ends.
    """
    make_folder(folder)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise TransientError(
                f"Another sync of {folder.name} is running "
                f"(process {file.read().strip()}). Run again when it has ended."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def remove_sync_folders(folder: Path, *, keep: set[str]) -> None:
    """Remove the files of all syncs but those in `keep`, except their rejects."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in keep:
            clear(path)


def clear(folder: Path) -> None:
    """Remove a sync's files except its rejects, and the folder if it is then empty."""
    for path in folder.iterdir():
        if path.name != REJECTS:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
