"""The ledger table of deliveries, `ops.mails`: who has a mail or an alert.

Append-only. A recipient is open until the mail server has accepted the mail for that
recipient, or has rejected it for good, or `OPEN_DAYS` have passed. The state is
recorded after each attempt, so that nobody who has a mail receives it again. Services
that receive alerts are recipients too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from loaders import ledger, warehouse
from loaders.warehouse import Connection

REPORT = "report"
ALERT = "alert"
SERVICE_ALERT = "service alert"

OPEN = "open"  # not served yet; the next attempt sends to these recipients alone
ACCEPTED = "accepted"
REJECTED = "rejected"  # the mail server's answer is final
EXPIRED = "expired"  # not accepted within `OPEN_DAYS`
WITHDRAWN = "withdrawn"  # no longer a recipient, or a newer mail replaces this one

MAX_TEXT_BYTES = 65_535

# Mail servers also give up after about five days (RFC 5321, section 4.5.4.1).
OPEN_DAYS = 5


@dataclass(frozen=True)
class Mail:
    """One mail to a set of recipients.

    `reference` is unique per kind and becomes its message id. `kind` is `REPORT`,
    `ALERT` for a mail, or `SERVICE_ALERT`.
    """

    reference: str
    kind: str
    data_date: date
    env: str
    version: str


@dataclass(frozen=True)
class Delivery:
    """The state of a mail for one recipient, and the server's latest reply."""

    status: str
    message: str = ""


@dataclass(frozen=True)
class OpenRecipient:
    """A recipient who waits for a mail since `since` (UTC), and the latest reply."""

    mail: Mail
    recipient: str
    message: str
    since: datetime


def start(mail: Mail, recipients: Iterable[str], *, run_id: str) -> dict[str, Delivery]:
    """Record the recipients of a mail; return the state of each.

    New ones are open. Those who are no longer recipients are withdrawn, and so is an
    open earlier report of the same data date. Those who waited for too long expire.
    """

    def work(connection: Connection) -> dict[str, Delivery]:
        warehouse.ensure_tables(connection)
        states = _states(connection, mail)
        wanted = list(recipients)
        changes = {name: Delivery(OPEN) for name in wanted if name not in states}
        expired_before = ledger.now() - timedelta(days=OPEN_DAYS)
        for entry in open_recipients(connection, env=mail.env, version=mail.version):
            if entry.mail == mail and entry.since < expired_before:
                changes[entry.recipient] = Delivery(EXPIRED, entry.message)
            elif entry.mail == mail and entry.recipient not in wanted:
                changes[entry.recipient] = Delivery(WITHDRAWN, entry.message)
            elif _is_replaced(entry.mail, mail):
                withdrawn = {entry.recipient: Delivery(WITHDRAWN, entry.message)}
                _insert(connection, entry.mail, withdrawn, run_id)
        _insert(connection, mail, changes, run_id)
        return states | changes

    return warehouse.run_in_transaction(work)


def record(mail: Mail, deliveries: Mapping[str, Delivery], *, run_id: str) -> None:
    """Append the results of one attempt."""
    if deliveries:
        warehouse.run_with_retries(
            lambda connection: _insert(connection, mail, deliveries, run_id)
        )


def open_recipients(
    connection: Connection, *, env: str, version: str
) -> list[OpenRecipient]:
    """Return everybody who still waits for a report or an alert, oldest mail first."""
    if not ledger.table_exists(connection, "mails"):
        return []
    rows = connection.fetch_all(
        "-- loaders.ledger.mails open recipients\n"
        "select mail, kind, data_date, recipient, message, since from ("
        "select *, min(finished_at) over (partition by mail, kind) as since, "
        f"{_RECENCY} from {connection.table('ops', 'mails')} "
        "where env = ? and version = ?) as states "
        "where recency = 1 and status = ? order by since, mail, recipient",
        [env, version, OPEN],
    )
    return [
        OpenRecipient(
            mail=Mail(reference, kind, day, env, version),
            recipient=recipient,
            message=message or "",
            since=since,
        )
        for reference, kind, day, recipient, message, since in rows
    ]


# A final state stays, also if the clock was set back after it was recorded.
_RECENCY = (
    "row_number() over (partition by mail, kind, recipient "
    f"order by case when status = '{OPEN}' then 1 else 0 end, finished_at desc) "
    "as recency"
)


def _states(connection: Connection, mail: Mail) -> dict[str, Delivery]:
    rows = connection.fetch_all(
        "-- loaders.ledger.mails states of one mail\n"
        "select recipient, status, message from ("
        f"select *, {_RECENCY} from {connection.table('ops', 'mails')} "
        "where mail = ? and kind = ?) as states where recency = 1",
        [mail.reference, mail.kind],
    )
    return {name: Delivery(status, text or "") for name, status, text in rows}


def cut(text: str, size: int) -> str:
    """Return the text without what exceeds `size` bytes of UTF-8."""
    return text.encode(errors="replace")[:size].decode(errors="ignore")


def _is_replaced(earlier: Mail, mail: Mail) -> bool:
    return (
        mail.kind == earlier.kind == REPORT
        and earlier.data_date == mail.data_date
        and earlier.reference != mail.reference
    )


def _insert(
    connection: Connection,
    mail: Mail,
    deliveries: Mapping[str, Delivery],
    run_id: str,
) -> None:
    names = ["mail", "kind", "data_date", "env", "version", "recipient", "status"]
    names += ["message", "run_id", "finished_at"]
    now = ledger.now()
    key = [mail.reference, mail.kind, mail.data_date, mail.env, mail.version]
    rows = [
        [
            *(*key, recipient, delivery.status),
            *(cut(delivery.message, MAX_TEXT_BYTES), run_id, now),
        ]
        for recipient, delivery in deliveries.items()
    ]
    if rows:
        connection.insert(connection.table("ops", "mails"), names, rows)
