"""The addresses at which people look after an alert."""

import luigi
import structlog

from loaders import archive, s3, warehouse
from loaders.config import settings
from loaders.errors import NightshiftError
from loaders.ledger.reports import newest_page
from orchestrate.runs import scheduler
from reports.history import page as history

PAGE = "index.html"
DATASET = "report"
VISUALISER = "static/visualiser/index.html"

log = structlog.get_logger()


def of_run(root: luigi.Task) -> dict[str, str]:
    """Return the pages of the report, the run history and Luigi's scheduler, by label.

    The first two are in the archive, so without one only the last is known. The page of
    the history is written at the end of each run, just after the alert.
    """
    links: dict[str, str] = {}
    archive_url = settings.load_valid()[0].archive_url
    if archive_url is not None:
        folder = f"{archive_url}/{root.env}/{root.version}"
        label, url = _report(root, folder)
        links = {label: _address(url), "Run history": _address(history.url(folder))}
    if address := scheduler.url():
        links["Luigi"] = f"{address}/{VISUALISER}"
    return links


def _report(root: luigi.Task, folder: str) -> tuple[str, str]:
    """Return label and URL of the data date's report, or of the newest one before."""
    newest = None
    try:
        if warehouse.exists():
            with warehouse.session() as connection:
                newest = newest_page(
                    connection, root.data_date, env=root.env, version=root.version
                )
    except NightshiftError as error:  # the alert is more important than its links
        log.warning("newest report not known", error=str(error))
    if newest is None:
        url = archive.partition_url(folder, DATASET, root.data_date) + PAGE
        return "Report (not written yet)", url
    day, url = newest
    return ("Report" if day == root.data_date else f"Newest report ({day})"), url


def _address(url: str) -> str:
    """Return where a browser finds the page, and its URL on S3."""
    try:
        return f"{s3.web_url(url)} ({url})"
    except NightshiftError as error:
        log.warning("web address not known", url=url, error=str(error))
        return url
