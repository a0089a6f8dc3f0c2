"""The addresses at which people look after an alert."""

import luigi
import structlog

from loaders import archive, s3, warehouse
from loaders.config import settings
from loaders.errors import NightshiftError
from loaders.ledger.reports import newest_page
from orchestrate.runs import scheduler

PAGE = "index.html"
DATASET = "report"
VISUALISER = "static/visualiser/index.html"

log = structlog.get_logger()


def of_run(root: luigi.Task) -> dict[str, str]:
    """Return the report's page and that of Luigi's central scheduler, by label."""
    links: dict[str, str] = {}
    try:
        links |= _report(root)
    except NightshiftError as error:  # the alert is more important than its links
        log.warning("no link to the report", error=str(error))
    if address := scheduler.url():
        links["Luigi"] = f"{address}/{VISUALISER}"
    return links


def _report(root: luigi.Task) -> dict[str, str]:
    """Return the page of the data date, or the newest one if it has none yet."""
    archive_url = settings.load_valid()[0].archive_url
    if archive_url is None:
        return {}
    folder = f"{archive_url}/{root.env}/{root.version}"
    url = archive.partition_url(folder, DATASET, root.data_date) + PAGE
    label = "Report"
    if warehouse.exists():
        with warehouse.session() as connection:
            newest = newest_page(
                connection, root.data_date, env=root.env, version=root.version
            )
        if newest and newest[0] != root.data_date:
            day, url = newest
            label = f"Newest report ({day})"
    return {label: f"{s3.web_url(url)} ({url})"}
