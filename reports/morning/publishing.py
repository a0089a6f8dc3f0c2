"""Publishing the report: to the archive on S3, to a local folder, and by mail.

`{archive}/{env}/{version}/report/dt=D/` holds `index.html`, its charts and `_SUCCESS`,
which is deleted first and written last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from loaders import archive, s3, warehouse
from loaders.ledger import now
from loaders.mime import Message
from loaders.private_files import make_folder
from reports.morning import rendering
from reports.morning.charts import Chart, draw_charts
from reports.morning.data import Report, read_report
from reports.morning.request import ReportRequest

DATASET = "report"
PAGE = "index.html"
CONTENT_TYPES = {".html": "text/html; charset=utf-8", ".png": "image/png"}


@dataclass(frozen=True)
class RenderedReport:
    """The report of a data date with its charts."""

    report: Report
    charts: Mapping[str, Chart]
    written_at: datetime
    started_at: datetime

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and content of each file, the page last."""
        for name, chart in self.charts.items():
            yield f"{name}.png", chart.png["light"]
            yield f"{name}-dark.png", chart.png["dark"]
        page = rendering.page_html(self.report, self.charts, written_at=self.written_at)
        yield PAGE, page.encode()


def prepare_report(request: ReportRequest) -> RenderedReport:
    """Read the report and draw its charts."""
    started_at = now()
    with warehouse.session() as connection:
        report = read_report(connection, request)
    charts = draw_charts(report)
    return RenderedReport(report, charts, written_at=now(), started_at=started_at)


def page_url(root: str, request: ReportRequest) -> str:
    """Return the URL of a data date's page."""
    return archive.partition_url(root, DATASET, request.data_date) + PAGE


def write_page(rendered: RenderedReport, root: str) -> str:
    """Replace the page and its charts on S3; return the page's URL."""
    url = archive.partition_url(root, DATASET, rendered.report.data_date)
    existing = list(s3.list_objects(url))
    s3.delete([item.url for item in existing if item.name == s3.SUCCESS])
    s3.delete([item.url for item in existing if item.name != s3.SUCCESS])
    for name, content in rendered.files():
        s3.write(url + name, content, content_type=CONTENT_TYPES[Path(name).suffix])
    s3.write(url + s3.SUCCESS, b"")
    return url + PAGE


def write_folder(rendered: RenderedReport, folder: Path) -> Path:
    """Write the page and its charts to a local folder; return the page's path."""
    make_folder(folder)
    for name, content in rendered.files():
        (folder / name).write_bytes(content)
    return folder / PAGE


def mail_message(rendered: RenderedReport, url: str, *, reference: str) -> Message:
    """Return the report as a mail; `url` is the address of its page."""
    report, charts, written_at = rendered.report, rendered.charts, rendered.written_at
    return Message(
        subject=rendering.mail_subject(report),
        text=rendering.mail_text(report, charts, written_at=written_at, url=url),
        html=rendering.mail_html(report, charts, written_at=written_at, url=url),
        reference=reference,
        images={
            rendering.content_id(name, report.data_date): chart.png["light"]
            for name, chart in charts.items()
        },
    )
