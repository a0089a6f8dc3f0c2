"""Writes the page of the run history at the end of each run, beside the reports.

What goes wrong with it is logged. It never changes the outcome of the run, and never
delays its end by more than `TIMEOUT_SECONDS`.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

import structlog

from loaders import machine, warehouse
from loaders.config import settings
from loaders.config.settings import PROJECT
from loaders.errors import NightshiftError

FOLDER = PROJECT / "var" / "status"
TIMEOUT_SECONDS = 5.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Page:
    """Where the page is stored; `url` is '' if it could not be written to S3."""

    path: Path
    url: str = ""
    problem: str = ""


def write(*, env: str, version: str) -> Page:
    """Write the page to this disk and to S3; a problem of S3 is part of the result.

    Raises errors of the warehouse and of the disk.
    """
    from reports.history import page
    from reports.history.data import read_history

    with warehouse.session() as connection:
        history = read_history(connection, env=env, version=version)
    text = page.html(history)
    path = page.write_file(text, FOLDER)
    try:
        archive = settings.load().required_archive_url()
        return Page(path, page.write(text, root=f"{archive}/{env}/{version}"))
    except NightshiftError as error:
        return Page(path, problem=str(error))


def update(*, env: str, version: str) -> None:
    """Write the page in the background, and wait for it for a limited time."""
    writer = threading.Thread(
        target=_update, args=(env, version), name="history page", daemon=True
    )
    writer.start()
    writer.join(TIMEOUT_SECONDS)
    if writer.is_alive():
        log.warning("history page not written in time", seconds=TIMEOUT_SECONDS)


def _update(env: str, version: str) -> None:
    try:
        written = write(env=env, version=version)
    except Exception as error:  # a fault here must not fail a run that is done
        log.warning("history page not written", error=str(machine.classify(error)))
        return
    if written.problem:
        log.warning("history page not written to S3", error=written.problem)
