"""Logging of the `nightshift` command to a file."""

import logging
from pathlib import Path

import luigi.configuration
import structlog

from loaders.config.settings import PROJECT

LOG_FILE = PROJECT / "var" / "logs" / "nightshift.log"


def log_to_file() -> Path:
    """Send our log lines (JSON) and Luigi's to `LOG_FILE`; return its path."""
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
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: logging.getLogger("nightshift"),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return LOG_FILE
