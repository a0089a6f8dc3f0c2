"""A project whose runs are complete, with the mails that they sent."""

import email
import email.policy
from dataclasses import dataclass
from datetime import date
from email.message import EmailMessage
from pathlib import Path

from tests.nightly.project import Project


@dataclass(frozen=True)
class FinishedProject:
    """A project whose runs are complete, and the folder that receives its mails."""

    project: Project
    mailbox: Path
    data_date: date

    @property
    def report_url(self) -> str:
        """The S3 URL of the reports."""
        return f"{self.project.archive_url}/local/v1/report"

    def mails(self) -> list[EmailMessage]:
        """Return all received mails, oldest first."""
        return [_parse(path) for path in sorted(self.mailbox.glob("*.eml"))]

    def mail_statuses(self) -> list[str | None]:
        """Return the mail statuses of the data date in the ledger, oldest first."""
        rows = self.project.rows(
            "select mail_status from ops.reports where data_date = ? "
            "order by finished_at",
            self.data_date,
        )
        return [row["mail_status"] for row in rows]


def _parse(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message
