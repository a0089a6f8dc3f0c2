"""The ledger of reports, `ops.reports`: which page lies where, and if it was mailed.

Append-only; of several rows for a data date the latest counts.
"""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from loaders import ledger, warehouse
from loaders.warehouse import Connection

NIGHT = "night"  # the one report there is: that of a night
SENT = "sent"
PENDING = "pending"  # the page is written, its mail has not gone out
LEFT_OUT = "left_out"  # no mail server or nobody to send it to


@dataclass(frozen=True)
class Entry:
    """One edition of a report: what it was made from, and what became of its mail."""

    data_date: date
    env: str
    version: str
    url: str
    fingerprint: str
    mail_status: str
    run_id: str
    recipients: int = 0
    message: str = ""


def record(entry: Entry) -> None:
    """Append an edition, or what has become of its mail.

    A page that is written anew without a mail keeps what is known of the mail.
    """
    row: dict[str, Any] = {"report": NIGHT, **asdict(entry)}
    row["finished_at"] = ledger.now()
    mine = {"env": entry.env, "version": entry.version}
    with warehouse.transaction() as connection:
        before = latest(connection, entry.data_date, **mine)
        if before.get("mail_status") == entry.mail_status and not entry.recipients:
            row |= {name: before[name] for name in ("recipients", "message")}
        connection.insert(
            connection.table("ops", "reports"), list(row), [list(row.values())]
        )


def latest(
    connection: Connection, data_date: date, *, env: str, version: str
) -> dict[str, Any]:
    """Return url, mail_status, recipients and message of a date's report, or {}."""
    if not ledger.is_set_up(connection, "reports"):
        return {}
    names = ("url", "mail_status", "recipients", "message")
    row = connection.fetch_one(
        "-- reports.morning latest\n"
        f"select {', '.join(names)} from {connection.table('ops', 'reports')} "
        "where report = ? and data_date = ? and env = ? and version = ? "
        "and fingerprint != ? order by finished_at desc limit 1",
        [NIGHT, data_date, env, version, ledger.RERUN],
    )
    return dict(zip(names, row, strict=True)) if row else {}
