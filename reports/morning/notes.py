"""Lines for operators at the end of the report: one per thing that needs a decision.

Each function of `READERS` reads one kind. Everything else that operators read is on
the history page.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from loaders import ledger
from loaders.warehouse import Connection, schema_changes
from loaders.warehouse.schema_changes import ADDED, KEPT, UNKNOWN_KEY, Change
from reports.morning import names
from reports.morning.request import ReportRequest

MAX_NOTES = 20
MAX_PARTITIONS = 12
MAX_KEYS = 5


@dataclass(frozen=True)
class Note:
    """A sentence, and the command that acts on it or ''."""

    text: str
    command: str = ""


def read_notes(connection: Connection, request: ReportRequest) -> list[Note]:
    """Return the notes of a data date, at most `MAX_NOTES`."""
    notes = [note for read in READERS for note in read(connection, request)]
    return notes[:MAX_NOTES]


def changed_partitions(_: Connection, request: ReportRequest) -> Iterator[Note]:
    """Yield the partitions outside of the run's window that changed after loading."""
    changed = request.changed_partitions
    for item in changed[:MAX_PARTITIONS]:
        yield Note(
            f"{item['source']} {item['dt']} changed after it was loaded. Take it in:",
            item["command"],
        )
    if len(changed) > MAX_PARTITIONS:
        yield Note(
            f"{len(changed) - MAX_PARTITIONS} more partitions changed after they were "
            "loaded. List them:",
            "nightshift status",
        )


def _raw_keys(connection: Connection, request: ReportRequest) -> Iterator[Note]:
    """Yield one note on the raw columns and keys that changed since the last report.

    It has no values of unknown keys: they may be personal data.
    """
    if not ledger.table_exists(connection, schema_changes.TABLE):
        return
    changes = schema_changes.read_between(
        connection, *_report_times(connection, request), schema="staging"
    )
    texts = list(dict.fromkeys(map(_change_text, changes)))
    more = len(texts) - MAX_KEYS
    shown = "; ".join(texts[:MAX_KEYS]) + (f"; and {more:,} more" if more > 0 else "")
    if texts:
        yield Note(f"Raw keys changed: {shown}. See all:", "nightshift rejects keys")


def _report_times(
    connection: Connection, request: ReportRequest
) -> tuple[datetime | None, datetime | None]:
    """Return when the date before and the date after were first reported."""
    row = connection.fetch_one(
        "-- reports.morning.notes report times\n"
        "select max(case when data_date < cast(? as date) then reported_at end), "
        "min(case when data_date > cast(? as date) then reported_at end) "
        "from (select data_date, min(finished_at) as reported_at "
        f"from {connection.table('ops', 'reports')} "
        "where env = ? and version = ? group by 1) as reports",
        [request.data_date, request.data_date, request.env, request.version],
    )
    return (row[0], row[1]) if row else (None, None)


def _change_text(change: Change) -> str:
    table = change.table.partition(".")[2]
    name = names.single_line(change.column)
    if change.change == UNKNOWN_KEY:
        return f"new key {name} in {table} ({change.records or 0:,} records)"
    if change.change == ADDED:
        return f"{table}.{name} added ({change.data_type})"
    if change.change == KEPT:
        return f"{table}.{name} is no longer declared, but kept"
    return f"{table}.{name} {change.change}"


READERS: Sequence[Callable[[Connection, ReportRequest], Iterator[Note]]] = (
    changed_partitions,
    _raw_keys,
)
