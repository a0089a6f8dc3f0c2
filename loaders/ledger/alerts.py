"""The ledger table of alerts, `ops.alerts`: what each alert said. Append-only."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from loaders import ledger, warehouse
from loaders.ledger.mails import (
    ACCEPTED,
    MAX_TEXT_BYTES,
    SERVICE_ALERT,
    Mail,
    cut,
)
from loaders.warehouse import Connection, create_tables

MAX_SUBJECT_BYTES = 2_048


@dataclass(frozen=True)
class AlertRecord:
    """The text of an alert, from which a later run sends it again.

    `fingerprint` is equal for alerts about the same failure. `content` has the parts of
    the alert to services; they are empty in rows of earlier versions.
    """

    subject: str
    text: str
    severity: str = ""
    fingerprint: str = ""
    content: dict[str, Any] = field(default_factory=dict)


def record(alert: Mail, content: AlertRecord, *, run_id: str) -> None:
    """Append an alert."""
    row = {
        "alert": alert.reference,
        "data_date": alert.data_date,
        "env": alert.env,
        "version": alert.version,
        "subject": cut(content.subject, MAX_SUBJECT_BYTES),
        "message": cut(content.text, MAX_TEXT_BYTES),
        "severity": content.severity,
        "fingerprint": content.fingerprint,
        "content": json.dumps(content.content),
        "run_id": run_id,
        "finished_at": ledger.now(),
    }

    def work(connection: Connection) -> None:
        warehouse.ensure_tables(connection)
        table = connection.table("ops", "alerts")
        connection.insert(table, list(row), [list(row.values())])

    warehouse.run_in_transaction(work)


def read(connection: Connection, alert: Mail) -> AlertRecord:
    """Return a recorded alert, or its name alone if it is not recorded."""
    create_tables.add_columns(connection, "alerts")
    row = connection.fetch_one(
        "-- loaders.ledger.alerts alert\n"
        "select subject, message, severity, fingerprint, content "
        f"from {connection.table('ops', 'alerts')} "
        "where alert = ? order by finished_at desc limit 1",
        [alert.reference],
    )
    if row is None:
        return AlertRecord(alert.reference, "The text of this alert is not recorded.")
    subject, text, severity, fingerprint, content = row
    return AlertRecord(
        subject, text, severity or "", fingerprint or "", json.loads(content or "{}")
    )


def find_alerts(
    connection: Connection, alert: Mail, run_ids: Collection[str]
) -> list[tuple[str, str]]:
    """Return (reference, fingerprint) of the alerts of these runs, oldest first.

    They have the data date, env and version of `alert`.
    """
    if not ledger.table_exists(connection, "alerts"):
        return []
    create_tables.add_columns(connection, "alerts")
    rows = connection.fetch_all(
        "-- loaders.ledger.alerts alerts of runs\n"
        "select alert, coalesce(fingerprint, ''), run_id "
        f"from {connection.table('ops', 'alerts')} "
        "where data_date = ? and env = ? and version = ? order by finished_at",
        [alert.data_date, alert.env, alert.version],
    )
    return [
        (reference, fingerprint)
        for reference, fingerprint, run_id in rows
        if run_id in run_ids
    ]


def services_with(
    connection: Connection, alert: Mail, references: Collection[str]
) -> set[str]:
    """Return the services that have one of these alerts of the same data date."""
    rows = connection.fetch_all(
        "-- loaders.ledger.alerts services that have an alert\n"
        f"select mail, recipient from {connection.table('ops', 'mails')} "
        "where kind = ? and status = ? and data_date = ? and env = ? and version = ?",
        [SERVICE_ALERT, ACCEPTED, alert.data_date, alert.env, alert.version],
    )
    return {recipient for reference, recipient in rows if reference in references}
