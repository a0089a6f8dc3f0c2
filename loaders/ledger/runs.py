"""The ledger table of runs, `ops.runs`, and the runs that are not resolved yet."""

from dataclasses import dataclass
from datetime import date, datetime

from loaders import ledger
from loaders.warehouse import Connection

FAILED_STATUSES = ("failed", "misconfigured")
UNRESOLVED_STATUSES = (*FAILED_STATUSES, "rejected")


@dataclass(frozen=True)
class RunRecord:
    """One row of `ops.runs`; `message` is the root cause of a failed run."""

    run_id: str
    status: str
    data_date_from: date
    data_date: date
    finished_at: datetime
    message: str

    @property
    def has_failed(self) -> bool:
        """Whether the run ended before all tasks were done."""
        return self.status in FAILED_STATUSES


def unresolved_runs(
    connection: Connection, first: date, last: date, *, env: str, version: str
) -> list[RunRecord]:
    """Return the runs for these data dates that failed or had rejects, oldest first.

    A run is resolved once a later run that includes its data date did not fail.
    """
    if not ledger.table_exists(connection):
        return []
    rows = connection.fetch_all(
        "-- loaders.ledger.runs unresolved runs\n"
        "select run_id, status, data_date_from, data_date, finished_at, message "
        f"from {connection.table('ops', 'runs')} "
        "where data_date >= ? and env = ? and version = ? order by finished_at",
        [first, env, version],
    )
    unresolved: list[RunRecord] = []
    for run_id, status, data_date_from, data_date, finished_at, message in rows:
        run = RunRecord(
            run_id=run_id,
            status=status,
            data_date_from=data_date_from,
            data_date=data_date,
            finished_at=finished_at,
            message=message or "",
        )
        if not run.has_failed:
            unresolved = [other for other in unresolved if not _includes(run, other)]
        if run.status in UNRESOLVED_STATUSES and run.data_date <= last:
            unresolved.append(run)
    return unresolved


def _includes(run: RunRecord, other: RunRecord) -> bool:
    """Return whether the data dates of `run` include the data date of `other`."""
    return run.data_date_from <= other.data_date <= run.data_date
