"""The ledger table of reports, `ops.reports`: page URLs and mail statuses.

Append-only; the latest row of a data date is the valid one.
"""

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from loaders import ledger, warehouse
from loaders.warehouse import Connection

REPORT_NAME = "night"  # the value of `ops.reports.report`; there is only one report
PENDING = "pending"  # the page is written, its mail is due
OPEN = "open"  # the mail has recipients who wait for it; see `ledger.mails`
SENT = "sent"  # nobody waits for the mail
EXPIRED = "expired"  # nobody received the mail in time
LEFT_OUT = "left_out"  # no mail server or no recipients are configured


@dataclass(frozen=True)
class ReportRecord:
    """A published report: its page, the fingerprint of its inputs, its mail status.

    `started_at` is when the page was begun, None for a change of the mail status.
    """

    data_date: date
    env: str
    version: str
    url: str
    fingerprint: str
    mail_status: str
    run_id: str
    recipients: int = 0
    message: str = ""
    started_at: datetime | None = None


def record(report: ReportRecord) -> None:
    """Append a published report or a new mail status.

    A page that is rewritten without a new mail keeps the recipients and the message of
    the earlier mail.
    """
    row: dict[str, Any] = {"report": REPORT_NAME, **asdict(report)}
    row["finished_at"] = ledger.now()

    def work(connection: Connection) -> None:
        warehouse.add_columns(connection, "reports")
        previous = latest(
            connection, report.data_date, env=report.env, version=report.version
        )
        is_same_status = previous.get("mail_status") == report.mail_status
        kept: dict[str, Any] = {}
        if is_same_status and not report.recipients and not report.message:
            kept = {name: previous[name] for name in ("recipients", "message")}
        values = row | kept
        connection.insert(
            connection.table("ops", "reports"), list(values), [list(values.values())]
        )

    warehouse.run_with_retries(work)


def update_mail_status(
    data_date: date,
    mail_status: str,
    *,
    env: str,
    version: str,
    run_id: str,
    recipients: int = 0,
    message: str = "",
) -> None:
    """Append a mail status to a published report; its page stays as it is."""
    with warehouse.session() as connection:
        published = latest(connection, data_date, env=env, version=version)
    record(
        ReportRecord(
            data_date=data_date,
            env=env,
            version=version,
            url=published["url"],
            fingerprint=published["fingerprint"],
            mail_status=mail_status,
            run_id=run_id,
            recipients=recipients,
            message=message,
        )
    )


def latest(
    connection: Connection, data_date: date, *, env: str, version: str
) -> dict[str, Any]:
    """Return the latest row of a date's report, or {}.

    It has url, mail_status, recipients, message, fingerprint and run_id.
    """
    if not ledger.table_exists(connection, "reports"):
        return {}
    names = ("url", "mail_status", "recipients", "message", "fingerprint", "run_id")
    row = connection.fetch_one(
        "-- loaders.ledger.reports latest report\n"
        f"select {', '.join(names)} from {connection.table('ops', 'reports')} "
        "where report = ? and data_date = ? and env = ? and version = ? "
        "and fingerprint != ? order by finished_at desc limit 1",
        [REPORT_NAME, data_date, env, version, ledger.RERUN],
    )
    return dict(zip(names, row, strict=True)) if row else {}


def count_rerun_requests(
    connection: Connection, data_date: date, *, env: str, version: str
) -> int:
    """Return how often a new mail of the date's report was requested."""
    rows = connection.fetch_all(
        "-- loaders.ledger.reports count rerun requests\n"
        f"select count(*) from {connection.table('ops', 'reports')} where report = ? "
        "and data_date = ? and env = ? and version = ? and fingerprint = ?",
        [REPORT_NAME, data_date, env, version, ledger.RERUN],
    )
    return int(rows[0][0])


def newest_page(
    connection: Connection, last: date, *, env: str, version: str
) -> tuple[date, str] | None:
    """Return (data date, URL) of the newest page until `last`; None without one."""
    if not ledger.table_exists(connection, "reports"):
        return None
    row = connection.fetch_one(
        "-- loaders.ledger.reports newest page\n"
        f"select data_date, url from {connection.table('ops', 'reports')} "
        "where report = ? and data_date <= ? and env = ? and version = ? "
        "and url is not null and fingerprint != ? "
        "order by data_date desc, finished_at desc limit 1",
        [REPORT_NAME, last, env, version, ledger.RERUN],
    )
    return (row[0], row[1]) if row else None
