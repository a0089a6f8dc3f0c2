"""The log file of both command lines, and what of it standard error shows.

Every process of a run appends to the same file, also lines of dbt and of libraries.
NIGHTSHIFT_LOG_FORMAT selects one JSON object per line (`json`) or lines for people
(`human`). If it is not set, the file has JSON, and so has standard error unless it is a
terminal. With JSON, standard error has every line of the log and every message. Unless
`json` is set, it has no tracebacks, and the error that ends a command and those of the
failed tasks are plain text.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import luigi.configuration
import structlog
from structlog.types import EventDict, Processor

from loaders.config import redaction
from loaders.config.settings import LOG_FORMATS
from loaders.errors import NightshiftError
from loaders.private_files import VAR
from orchestrate.log_file import SharedLogFile
from orchestrate.run_id import RUN_ID
from reports.console import error_console, indented

LOG_FILE = VAR / "logs" / "nightshift.log"
LOGGERS = ("luigi-interface", "luigi", "nightshift")
DBT_LOGGER = "nightshift-dbt"
# Present in every line.
HEAD_FIELDS = ("timestamp", "level", "process")
CONTEXT_FIELDS = ("run_id", "data_date", "task")
TRACEBACK = "Traceback (most recent call last):"

_context: dict[str, str | None] = {}


def log_to_file() -> Path:
    """Send all log lines of this process to `LOG_FILE`; return its path."""
    luigi.configuration.get_config().set("core", "no_configure_logging", "true")
    log_format = os.environ.get("NIGHTSHIFT_LOG_FORMAT", "")
    is_set = _selected(log_format) is not None
    handlers: list[logging.Handler] = [SharedLogFile(LOG_FILE)]
    handlers[0].setFormatter(_formatter(log_format))
    if _is_json_stream(log_format):
        stream = _ErrorStream(error_console.file)
        stream.setFormatter(_formatter(log_format, has_tracebacks=is_set))
        handlers.append(stream)
        error_console.set_on_line(
            logging.getLogger("nightshift").log, passes_errors=is_set
        )
    for name in (*LOGGERS, DBT_LOGGER):
        logger = logging.getLogger(name)
        logger.handlers[:] = handlers
        logger.setLevel(logging.INFO)
        logger.propagate = False
    # Libraries log to the root; warnings and errors of threads come here too.
    root = logging.getLogger()
    root.handlers[:] = handlers
    logging.captureWarnings(True)
    _log_errors_of_threads()
    set_context()
    structlog.configure(
        processors=[
            *_common_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=lambda *names: logging.getLogger(*names or ("nightshift",)),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return LOG_FILE


def set_context(*, data_date: str | None = None, task: str | None = None) -> None:
    """Add the data date of the run and the current task to each line from now on."""
    _context.update(run_id=RUN_ID, data_date=data_date, task=task)


def set_task(task: str | None) -> None:
    """Add the task that this process executes to each line from now on."""
    _context["task"] = task


def show_warnings() -> None:
    """Show warnings and errors on standard error too, without tracebacks.

    Not if all lines of the log go there.
    """
    if error_console.has_on_line:
        return
    handler = _WarningsOnTerminal(level=logging.WARNING)
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)


def _is_json_stream(log_format: str) -> bool:
    selected = _selected(log_format)
    if selected is None:
        return not error_console.file.isatty()
    return selected == LOG_FORMATS[0]


def _selected(log_format: str) -> str | None:
    """Return the format that is set; a malformed one is reported with the settings."""
    name = log_format.strip().lower()
    return name if name in LOG_FORMATS else None


def _log_errors_of_threads() -> None:
    """Log what ends a thread, instead of printing its traceback."""
    show_exception = threading.excepthook

    def log_exception(arguments: threading.ExceptHookArgs) -> None:
        error = arguments.exc_value
        if error is None or not isinstance(error, Exception):
            show_exception(arguments)  # an interruption
            return
        logging.getLogger("nightshift").error(
            "unexpected error in a thread",
            exc_info=(type(error), error, arguments.exc_traceback),
        )

    threading.excepthook = log_exception


def without_traceback(text: str) -> str:
    """Return a message in which each traceback is reduced to its exception."""
    message, separator, rest = text.rpartition(TRACEBACK)
    if not separator:
        return text
    lines = rest.strip("\n").splitlines()
    start = next((n for n, line in enumerate(lines) if not line.startswith(" ")), 0)
    error = "\n".join(lines[start:]).removeprefix("loaders.errors.")
    return f"{message.partition(TRACEBACK)[0].rstrip()} {error}".strip()


class _ErrorStream(logging.StreamHandler[IO[str]]):
    """Standard error, which gets the lines of the log."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Print no traceback of a record that cannot be formatted."""


class _WarningsOnTerminal(logging.Handler):
    """Prints a record on standard error; the log file has its traceback."""

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, dict):  # from structlog
            hidden = (*HEAD_FIELDS, *CONTEXT_FIELDS)
            text = _fields_text(
                {key: record.msg[key] for key in record.msg if key not in hidden}
            )
        else:
            text = without_traceback(record.getMessage())
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            is_known = isinstance(error, NightshiftError)
            text = str(error) if is_known else f"{text}: {error!r}"
        error_console.print(f"{record.levelname}: {redaction.redact(text)}")


def _formatter(log_format: str, *, has_tracebacks: bool = True) -> logging.Formatter:
    is_human = _selected(log_format) == LOG_FORMATS[1]
    renderer: Processor = (
        _human_line if is_human else structlog.processors.JSONRenderer()
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_common_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *([] if has_tracebacks else [_without_tracebacks]),
            _redact,
            renderer,
        ],
    )


def _common_processors() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_process,
        _add_context,
    ]


def _add_process(_: Any, __: str, event: EventDict) -> EventDict:  # noqa: ANN401
    return {**event, "process": os.getpid()}


def _add_context(_: Any, __: str, event: EventDict) -> EventDict:  # noqa: ANN401
    """Add run id, data date and task; a field of the line itself has precedence."""
    return {**dict.fromkeys(CONTEXT_FIELDS), **_context, **event}


def _without_tracebacks(_: Any, __: str, event: EventDict) -> EventDict:  # noqa: ANN401
    """Reduce each traceback to its exception, as for a person."""
    names = {"event", "exception"} & event.keys()
    return {**event, **{name: without_traceback(str(event[name])) for name in names}}


def _redact(_: Any, __: str, event: EventDict) -> EventDict:  # noqa: ANN401
    """Mask secrets in all values, because a library's error text may contain them."""
    redact = redaction.redactor()
    return {name: _redacted(value, redact) for name, value in event.items()}


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:  # noqa: ANN401 - any logged value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(inner, redact) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner, redact) for inner in value]
    return value


def _human_line(_: Any, __: str, event: EventDict) -> str:  # noqa: ANN401
    """Render `2026-11-24T01:00:00Z INFO [123] partition loaded source=orgs rows=7`."""
    fields = dict(event)
    exception = str(fields.pop("exception", ""))
    timestamp, level, process = (fields.pop(name, "") for name in HEAD_FIELDS)
    for name in CONTEXT_FIELDS:
        if name == "run_id" or fields.get(name) is None:
            fields.pop(name, None)
    text = f"{timestamp} {str(level).upper()} [{process}] {_fields_text(fields)}"
    return indented(f"{text}\n{exception}".rstrip())


def _fields_text(fields: Mapping[str, Any]) -> str:
    """Return the event followed by `name=value` of its other fields."""
    others = (f"{name}={value}" for name, value in fields.items() if name != "event")
    return " ".join([str(fields.get("event", "")), *others])
