"""The ledger table of runs, `ops.runs`, and the runs that are not resolved yet."""

from dataclasses import dataclass
from datetime import date, datetime

from loaders import ledger
from loaders.warehouse import Connection

FAILED_STATUSES = ("failed", "misconfigured")
INTERRUPTED = "interrupted"
# A stopped machine or container interrupts a run with SIGTERM, which sends an alert. A
# person at a terminal interrupts it with Ctrl-C, which sends none.
TERMINATED_EXIT_CODE = 143


@dataclass(frozen=True)
class RunRecord:
    """One row of `ops.runs`; `message` is the root cause of a failed run."""

    run_id: str
    status: str
    exit_code: int
    data_date_from: date
    data_date: date
    finished_at: datetime
    message: str

    @property
    def has_failed(self) -> bool:
        """Whether the run ended before all tasks were done, which sent an alert."""
        return self.status in FAILED_STATUSES or (
            self.status == INTERRUPTED and self.exit_code == TERMINATED_EXIT_CODE
        )

    @property
    def is_complete(self) -> bool:
        """Whether all tasks of the run were done."""
        return self.status not in (*FAILED_STATUSES, INTERRUPTED)

    @property
    def is_unresolved(self) -> bool:
        """Whether the run leaves something to do that an alert was sent about."""
        return self.has_failed or self.status == "rejected"


def unresolved_runs(
    connection: Connection, first: date, last: date, *, env: str, version: str
) -> list[RunRecord]:
    """Return the runs for these data dates that failed or had rejects, oldest first.

    A run is resolved once a later run that includes its data date is complete.
    """
    if not ledger.table_exists(connection):
        return []
    rows = connection.fetch_all(
        "-- loaders.ledger.runs unresolved runs\n"
        "select run_id, status, exit_code, data_date_from, data_date, finished_at, "
        f"coalesce(message, '') from {connection.table('ops', 'runs')} "
        "where data_date >= ? and env = ? and version = ? order by finished_at",
        [first, env, version],
    )
    unresolved: list[RunRecord] = []
    for row in rows:
        run = RunRecord(*row)
        if run.is_complete:
            unresolved = [other for other in unresolved if not _includes(run, other)]
        if run.is_unresolved and run.data_date <= last:
            unresolved.append(run)
    return unresolved


def _includes(run: RunRecord, other: RunRecord) -> bool:
    """Return whether the data dates of `run` include the data date of `other`."""
    return run.data_date_from <= other.data_date <= run.data_date
