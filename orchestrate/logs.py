"""The log file of both command lines, and what of it the `luigi` line shows.

Every process of a run appends to the same file. NIGHTSHIFT_LOG_FORMAT selects one JSON
object per line (`json`, the default) or lines for people (`human`).
"""

import fcntl
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

import luigi.configuration
import structlog
from structlog.types import EventDict, Processor

from loaders.config import redaction
from loaders.config.settings import LOG_FORMATS
from loaders.errors import NightshiftError
from loaders.private_files import VAR
from reports.console import error_console, printable

LOG_FILE = VAR / "logs" / "nightshift.log"
MAX_BYTES = 10 * 1024**2
KEPT_FILES = 5
LOGGERS = ("luigi-interface", "luigi", "nightshift")
# Present in every line.
HEAD_FIELDS = ("timestamp", "level", "process")
TRACEBACK = "Traceback (most recent call last):"


def log_to_file() -> Path:
    """Send our log lines and Luigi's to `LOG_FILE`; return its path."""
    luigi.configuration.get_config().set("core", "no_configure_logging", "true")
    handler = SharedLogFile(LOG_FILE)
    handler.setFormatter(_formatter(os.environ.get("NIGHTSHIFT_LOG_FORMAT", "")))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    structlog.configure(
        processors=[
            *_common_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=lambda *_: logging.getLogger("nightshift"),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return LOG_FILE


def show_warnings() -> None:
    """Show warnings and errors on standard error too, without tracebacks."""
    handler = _WarningsOnTerminal(level=logging.WARNING)
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)


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


def without_traceback(text: str) -> str:
    """Return a message in which each traceback is reduced to its exception."""
    message, separator, rest = text.rpartition(TRACEBACK)
    if not separator:
        return text
    lines = rest.strip("\n").splitlines()
    start = next((n for n, line in enumerate(lines) if not line.startswith(" ")), 0)
    error = "\n".join(lines[start:]).removeprefix("loaders.errors.")
    return f"{message.partition(TRACEBACK)[0].rstrip()} {error}".strip()


class _WarningsOnTerminal(logging.Handler):
    """Prints a record on standard error; the log file has its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, dict):  # from structlog
            text = _fields_text(
                {key: record.msg[key] for key in record.msg if key not in HEAD_FIELDS}
            )
        else:
            text = without_traceback(record.getMessage())
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            is_known = isinstance(error, NightshiftError)
            text = str(error) if is_known else f"{text}: {error!r}"
        error_console.print(f"{record.levelname}: {redaction.redact(text)}")


def _formatter(log_format: str) -> logging.Formatter:
    # A malformed setting is reported where the settings are read.
    is_human = log_format.strip().lower() == LOG_FORMATS[1]
    renderer: Processor = (
        _human_line if is_human else structlog.processors.JSONRenderer()
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_common_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redact,
            renderer,
        ],
    )


def _common_processors() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_process,
    ]


def _add_process(_: Any, __: str, event: EventDict) -> EventDict:  # noqa: ANN401
    return {**event, "process": os.getpid()}


def _redact(_: Any, __: str, event: EventDict) -> EventDict:  # noqa: ANN401
    """Mask secrets in all values, because a library's error text may contain them."""
    return {name: _redacted(value) for name, value in event.items()}


def _redacted(value: Any) -> Any:  # noqa: ANN401 - any logged value
    if isinstance(value, str):
        return redaction.redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    return value


def _human_line(_: Any, __: str, event: EventDict) -> str:  # noqa: ANN401
    """Render `2026-11-24T01:00:00Z INFO [123] partition loaded source=orgs rows=7`."""
    fields = dict(event)
    exception = str(fields.pop("exception", ""))
    timestamp, level, process = (fields.pop(name, "") for name in HEAD_FIELDS)
    text = f"{timestamp} {str(level).upper()} [{process}] {_fields_text(fields)}"
    first, *more = [*text.splitlines(), *exception.splitlines()]
    return "\n".join(map(printable, [first, *(f"    {line}" for line in more)]))


def _fields_text(fields: Mapping[str, Any]) -> str:
    """Return the event followed by `name=value` of its other fields."""
    others = (f"{name}={value}" for name, value in fields.items() if name != "event")
    return " ".join([str(fields.get("event", "")), *others])
