"""The file of the log, which several processes append to."""

import fcntl
import logging
import os
from contextlib import suppress
from logging.handlers import WatchedFileHandler
from pathlib import Path

from reports.console import error_console

MAX_BYTES = 10 * 1024**2
KEPT_FILES = 5


class SharedLogFile(WatchedFileHandler):
    """A log file that several processes append to and that rotates by size.

    The process that finds the file too large renames it under a lock; the others notice
    that and reopen it. A log that cannot be written is reported once and never stops
    the run.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace", delay=True)
        self._path = path
        self._max_bytes = max_bytes
        self._is_reported = False

    def emit(self, record: logging.LogRecord) -> None:
        """Append a record, after rotation if the file has become too large."""
        try:
            if self.stream is None:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.stream = self._open()
                self._statstream()
            self.reopenIfNeeded()
            if os.fstat(self.stream.fileno()).st_size > self._max_bytes:
                self._rotate()
            self.stream.write(self.format(record) + self.terminator)
            self.flush()
        except Exception as error:  # a log line must never stop a run
            self._discard_stream()
            self._report(error)

    def _rotate(self) -> None:
        """Rename the file to `.1`, `.1` to `.2` and so on; drop the oldest."""
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if self._path.exists() and self._path.stat().st_size > self._max_bytes:
                for number in range(KEPT_FILES - 1, 0, -1):
                    older = self._numbered(number)
                    if older.exists():
                        older.replace(self._numbered(number + 1))
                self._path.replace(self._numbered(1))
        finally:
            os.close(folder)
        self.reopenIfNeeded()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _discard_stream(self) -> None:
        """Drop the open file with what it could not write; the next line reopens it."""
        if self.stream is not None:
            with suppress(OSError):
                self.stream.close()
            self.stream = None  # type: ignore[assignment]  # as the base class does

    def _report(self, error: Exception) -> None:
        if not self._is_reported:
            self._is_reported = True
            cause = getattr(error, "strerror", None) or repr(error)
            error_console.print(
                f"The log {self._path} cannot be written: {cause}. The command "
                "continues without it."
            )
