"""The spool: one folder an object, one folder a sync in it, one sync at a time.

Workbooks and CSV files lie here while rows are in flight, so that a restart on the
same machine finds them. A finished sync leaves at most its `rejects.csv`; leftovers
of syncs that never sent anything are swept by the next one.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loaders.errors import TransientError

REJECTS = "rejects.csv"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the object's folder; `TransientError` when another sync has it.

    The lock ends with the process, however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
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


def sweep(folder: Path, *, keep: set[str]) -> None:
    """Remove what syncs other than `keep` left behind, apart from their rejects."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in keep:
            clear(path)


def clear(folder: Path) -> None:
    """Remove a sync's files apart from its rejects, and the folder when empty."""
    for path in folder.iterdir():
        if path.name != REJECTS:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
