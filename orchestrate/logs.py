"""Where log lines go: to a file when a person watches, to standard error otherwise."""

import logging
import sys
from pathlib import Path

import luigi.configuration
import structlog

from loaders.config.settings import PROJECT

LOG_FILE = PROJECT / "var" / "logs" / "nightshift.log"


def to_file() -> Path:
    """Send our lines (JSON) and Luigi's to `var/logs/nightshift.log`; return it."""
    luigi.configuration.get_config().set("core", "no_configure_logging", "true")
    LOG_FILE.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(LOG_FILE, encoding="utf-8")
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(process)d %(name)s %(levelname)s %(message)s")
    )
    for name in ("luigi-interface", "luigi", "nightshift"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    structlog.configure(
        processors=[*_processors(), structlog.processors.JSONRenderer()],
        logger_factory=lambda *_: logging.getLogger("nightshift"),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return LOG_FILE


def to_standard_error() -> None:
    """Send our lines to standard error, one a line, for a scheduler's log."""
    structlog.configure(
        processors=[
            *_processors(),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def _processors() -> list[structlog.types.Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
