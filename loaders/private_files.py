"""Folders and files that only the user who runs Nightshift can read.

The warehouse, the log and the report hold personal data and what a library's error text
may reveal. Nothing under `var/` is open to other users of the machine.
"""

import os
from contextlib import suppress
from pathlib import Path

from loaders.config.environment import PROJECT
from loaders.errors import ConfigError

VAR = PROJECT / "var"
PRIVATE_UMASK = 0o077


def protect_process() -> int:
    """Make new files of this process private and close `var/`; return the old umask.

    Files that exist in `var/` from before become private too. Those in folders below
    need no change, because their folder is closed.
    """
    previous = os.umask(PRIVATE_UMASK)
    if VAR.is_dir():
        for path in (VAR, *VAR.iterdir()):
            with suppress(OSError):  # another user's file, or a read-only volume
                _make_private(path)
    return previous


def make_folder(path: Path, *, remedy: str = "Check its permissions") -> Path:
    """Create a folder and its parents; `ConfigError` with the remedy if impossible."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The folder {path} cannot be created: {error.strerror}. {remedy}."
        ) from error
    return path


def _make_private(path: Path) -> None:
    mode = path.lstat().st_mode
    if mode & PRIVATE_UMASK and not path.is_symlink():
        path.chmod(mode & 0o7777 & ~PRIVATE_UMASK)
