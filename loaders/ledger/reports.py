"""The ledger table of reports, `ops.reports`: page URLs and mail statuses.

Append-only; the latest row of a data date is the valid one.
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from loaders import ledger, warehouse
from loaders.warehouse import Connection

REPORT_NAME = "night"  # the value of `ops.reports.report`; there is only one report
SENT = "sent"
PENDING = "pending"  # the page is written, the mail is not sent yet
LEFT_OUT = "left_out"  # no mail server or no recipients are configured


@dataclass(frozen=True)
class ReportRecord:
    """A published report: its page, the fingerprint of its inputs, its mail status."""

    data_date: date
    env: str
    version: str
    url: str
    fingerprint: str
    mail_status: str
    run_id: str
    recipients: int = 0
    message: str = ""


def record(report: ReportRecord) -> None:
    """Append a published report or a new mail status.

    A page that is rewritten without a new mail keeps the recipients and the message of
    the earlier mail.
    """
    row: dict[str, Any] = {"report": REPORT_NAME, **asdict(report)}
    row["finished_at"] = ledger.now()
    with warehouse.transaction() as connection:
        previous = latest(
            connection, report.data_date, env=report.env, version=report.version
        )
        is_same_status = previous.get("mail_status") == report.mail_status
        if is_same_status and not report.recipients:
            row |= {name: previous[name] for name in ("recipients", "message")}
        connection.insert(
            connection.table("ops", "reports"), list(row), [list(row.values())]
        )


def latest(
    connection: Connection, data_date: date, *, env: str, version: str
) -> dict[str, Any]:
    """Return url, mail_status, recipients and message of the latest report, or {}."""
    if not ledger.table_exists(connection, "reports"):
        return {}
    names = ("url", "mail_status", "recipients", "message")
    row = connection.fetch_one(
        "-- loaders.ledger.reports latest report\n"
        f"select {', '.join(names)} from {connection.table('ops', 'reports')} "
        "where report = ? and data_date = ? and env = ? and version = ? "
        "and fingerprint != ? order by finished_at desc limit 1",
        [REPORT_NAME, data_date, env, version, ledger.RERUN],
    )
    return dict(zip(names, row, strict=True)) if row else {}
