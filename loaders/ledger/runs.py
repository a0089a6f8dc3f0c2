"""The ledger of runs, `ops.runs`: how each ended, and which troubles are still open."""

from dataclasses import dataclass
from datetime import date, datetime

from loaders import ledger
from loaders.warehouse import Connection

FAILURES = ("failed", "misconfigured")
TROUBLES = (*FAILURES, "rejected")


@dataclass(frozen=True)
class Run:
    """One run as its ledger row tells it; `message` is the first cause of a failure."""

    run_id: str
    status: str
    data_date_from: date
    data_date: date
    finished_at: datetime
    message: str

    @property
    def has_failed(self) -> bool:
        """Whether it ended before all was done."""
        return self.status in FAILURES


def open_troubles(
    connection: Connection, first: date, last: date, *, env: str, version: str
) -> list[Run]:
    """Return the runs of these data dates that failed or left rows, oldest first.

    A trouble is over when a later run of its date did not fail.
    """
    if not ledger.is_set_up(connection):
        return []
    rows = connection.fetch_all(
        "-- loaders.ledger.runs runs\n"
        "select run_id, status, data_date_from, data_date, finished_at, message "
        f"from {connection.table('ops', 'runs')} "
        "where data_date >= ? and env = ? and version = ? order by finished_at",
        [first, env, version],
    )
    found: list[Run] = []
    for *facts, message in rows:
        run = Run(*facts, message or "")
        if not run.has_failed:
            found = [trouble for trouble in found if not _covers(run, trouble)]
        if run.status in TROUBLES and run.data_date <= last:
            found.append(run)
    return found


def _covers(run: Run, trouble: Run) -> bool:
    return run.data_date_from <= trouble.data_date <= run.data_date
