"""How each run ended: `ops.run_starts` and `ops.runs` read together.

A run that has work to do appends a row to `ops.run_starts` when it starts, and one to
`ops.runs` when it ends. A run with the first row alone is running if it holds the lease
of `ops.run_lease`; otherwise it was killed.
"""

import os
import socket
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from loaders.ledger import run_lease
from loaders.ledger.completion import now
from loaders.warehouse import Connection
from loaders.warehouse.relations import list_relations

DONE = "done"
FAILED = "failed"
REJECTED = "rejected"
RUNNING = "running"
INTERRUPTED = "interrupted"
KILLED = "killed"
OUTCOMES = (DONE, FAILED, REJECTED, RUNNING, INTERRUPTED, KILLED)
# Statuses of `ops.runs` that are reported under another name.
OUTCOME_BY_STATUS = {"misconfigured": FAILED}


@dataclass(frozen=True)
class RunStart:
    """The start of a run: its key, and the process that executes it."""

    run_id: str
    command: str
    data_date_from: date
    data_date: date
    env: str
    version: str
    target: str
    started_at: datetime


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended; `outcome` is one of `OUTCOMES`.

    `finished_at`, `exit_code` and the numbers of tasks are None for a run without an
    end. `seconds` is the duration until the end or, while the run is running, until
    now; None for a killed run. `first_error` is '' for a run that is done or running.
    """

    run_id: str
    command: str
    data_date_from: date
    data_date: date
    outcome: str
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    first_error: str
    exit_code: int | None
    tasks_done: int | None
    tasks_failed: int | None


def record_run_start(connection: Connection, start: RunStart) -> None:
    """Append a row for a run that this process executes."""
    row = {
        "run_id": start.run_id,
        "command": start.command,
        "data_date_from": start.data_date_from,
        "data_date": start.data_date,
        "env": start.env,
        "version": start.version,
        "target": start.target,
        "host": socket.gethostname(),
        "process_id": os.getpid(),
        "started_at": start.started_at,
    }
    connection.insert(
        connection.table("ops", "run_starts"), list(row), [list(row.values())]
    )


def read_run_outcomes(
    connection: Connection,
    first: date | None = None,
    last: date | None = None,
    *,
    env: str,
    version: str,
) -> list[RunOutcome]:
    """Return the runs that include dates of `first` to `last`, latest start first."""
    relations = list_relations(connection)
    schema = connection.schema("ops").strip('"')
    if (schema, "runs") not in relations:
        return []
    scope: list[object] = [env, version, first or date.min, last or date.max]
    outcomes = [_ended(row) for row in _read_ended(connection, scope)]
    if (schema, "run_starts") in relations:
        running = None
        if (schema, run_lease.TABLE) in relations:
            running = run_lease.running_run_id(connection)
        rows = _read_not_ended(connection, scope)
        outcomes += [_not_ended(row, is_running=row[0] == running) for row in rows]
    return sorted(outcomes, key=lambda run: (run.started_at, run.run_id), reverse=True)


def _read_ended(connection: Connection, scope: list[object]) -> list[tuple[Any, ...]]:
    return connection.fetch_all(
        "-- loaders.ledger.run_outcomes ended runs\n"
        "select run_id, command, data_date_from, data_date, status, started_at, "
        "finished_at, message, exit_code, tasks_done, tasks_failed "
        f"from {connection.table('ops', 'runs')} where env = ? and version = ? "
        "and data_date >= ? and data_date_from <= ?",
        scope,
    )


def _read_not_ended(
    connection: Connection, scope: list[object]
) -> list[tuple[Any, ...]]:
    return connection.fetch_all(
        "-- loaders.ledger.run_outcomes runs without an end\n"
        "select run_id, command, data_date_from, data_date, started_at, host, "
        f"process_id from {connection.table('ops', 'run_starts')} "
        "where env = ? and version = ? and data_date >= ? and data_date_from <= ? "
        f"and run_id not in (select run_id from {connection.table('ops', 'runs')})",
        scope,
    )


def _ended(row: tuple[Any, ...]) -> RunOutcome:
    run_id, command, first, last, status, started_at, finished_at, *rest = row
    message, exit_code, tasks_done, tasks_failed = rest
    outcome = OUTCOME_BY_STATUS.get(status, status)
    return RunOutcome(
        run_id=run_id,
        command=command,
        data_date_from=first,
        data_date=last,
        outcome=outcome,
        started_at=started_at,
        finished_at=finished_at,
        seconds=(finished_at - started_at).total_seconds(),
        first_error="" if outcome == DONE else message or "",
        exit_code=exit_code,
        tasks_done=tasks_done,
        tasks_failed=tasks_failed,
    )


def _not_ended(row: tuple[Any, ...], *, is_running: bool) -> RunOutcome:
    run_id, command, first, last, started_at, host, process_id = row
    return RunOutcome(
        run_id=run_id,
        command=command,
        data_date_from=first,
        data_date=last,
        outcome=RUNNING if is_running else KILLED,
        started_at=started_at,
        finished_at=None,
        seconds=(now() - started_at).total_seconds() if is_running else None,
        first_error=""
        if is_running
        else f"Process {process_id} on {host} ended without recording an outcome, for "
        "example because it was killed or the machine stopped. Run the same command "
        "again to resume.",
        exit_code=None,
        tasks_done=None,
        tasks_failed=None,
    )
