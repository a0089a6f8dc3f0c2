"""An edition of the report: read, drawn and rendered once, for S3, mail and this disk.

On S3 `{archive}/{env}/{version}/report/dt=D/` holds `index.html`, the pictures that it
shows, and `_SUCCESS`, which goes first and comes back last.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from loaders import archive, s3, warehouse
from loaders.ledger import now
from loaders.mail import Letter
from reports.morning import charts as pictures
from reports.morning import rendering
from reports.morning.data import Asked, Report, read

DATASET = "report"
PAGE = "index.html"
TYPES = {".html": "text/html; charset=utf-8", ".png": "image/png"}


@dataclass(frozen=True)
class Edition:
    """A data date's report with its pictures drawn."""

    report: Report
    pictures: dict[str, pictures.Picture]
    written_at: datetime

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and content of each file, the page last."""
        for name, picture in self.pictures.items():
            yield f"{name}.png", picture.png["light"]
            yield f"{name}-dark.png", picture.png["dark"]
        page = rendering.page(self.report, self.pictures, written_at=self.written_at)
        yield PAGE, page.encode()


def prepare(asked: Asked) -> Edition:
    """Read the report and draw its pictures."""
    with warehouse.session() as connection:
        report = read(connection, asked)
    return Edition(report=report, pictures=pictures.draw(report), written_at=now())


def page_url(root: str, asked: Asked) -> str:
    """Return where the page of a data date lies."""
    return archive.partition_url(root, DATASET, asked.data_date) + PAGE


def write_page(edition: Edition, root: str) -> str:
    """Write page and pictures in place of what lies there; return the page's URL."""
    url = archive.partition_url(root, DATASET, edition.report.data_date)
    before = list(s3.list_objects(url))
    s3.delete([item.url for item in before if item.name == s3.SUCCESS])
    s3.delete([item.url for item in before if item.name != s3.SUCCESS])
    for name, content in edition.files():
        s3.write(url + name, content, content_type=TYPES[Path(name).suffix])
    s3.write(url + s3.SUCCESS, b"")
    return url + PAGE


def write_folder(edition: Edition, folder: Path) -> Path:
    """Write page and pictures to a folder; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in edition.files():
        (folder / name).write_bytes(content)
    return folder / PAGE


def letter(edition: Edition, url: str) -> Letter:
    """Return the report as a mail that names its page."""
    report, drawn = edition.report, edition.pictures
    facts = {"written_at": edition.written_at, "url": url}
    return Letter(
        subject=rendering.subject(report),
        text=rendering.mail_text(report, drawn, **facts),
        html=rendering.mail_html(report, drawn, **facts),
        reference=f"report.{report.data_date}.{edition.written_at:%Y%m%dT%H%M%S}",
        pictures={
            rendering.content_id(name, report.data_date): picture.png["light"]
            for name, picture in drawn.items()
        },
    )
