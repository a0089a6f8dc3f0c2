"""How runs ended, read from `ops.run_starts` and `ops.runs`."""

import os
import socket
import subprocess
import sys
from datetime import date, datetime, timedelta

import pytest

from loaders import warehouse
from loaders.ledger import now
from loaders.ledger.run_outcomes import (
    RunOutcome,
    RunStart,
    read_run_outcomes,
    record_run_start,
)

DAY = date(2026, 11, 24)
KEY = {"env": "local", "version": "v1"}


@pytest.fixture(autouse=True)
def ledger_tables(duckdb_warehouse: None) -> None:
    """Create the ledger tables."""
    warehouse.run_in_transaction(warehouse.ensure_tables)


def _start(run_id: str, started_at: datetime, **changes: object) -> None:
    start = RunStart(
        run_id=run_id,
        command="run",
        data_date_from=DAY,
        data_date=DAY,
        target="local",
        started_at=started_at,
        **KEY,
    )
    with warehouse.transaction() as connection:
        record_run_start(connection, start)
        for column, value in changes.items():
            connection.execute(
                f'update {connection.table("ops", "run_starts")} set "{column}" = ? '
                "where run_id = ?",
                [value, run_id],
            )


def _finish(run_id: str, started_at: datetime, status: str, message: str) -> None:
    row = {
        "run_id": run_id,
        "command": "run",
        "data_date_from": DAY,
        "data_date": DAY,
        "status": status,
        "exit_code": 0,
        "tasks_done": 3,
        "tasks_failed": 1,
        "started_at": started_at,
        "finished_at": started_at + timedelta(seconds=90),
        "message": message or None,
        **KEY,
    }
    with warehouse.transaction() as connection:
        table = connection.table("ops", "runs")
        connection.insert(table, list(row), [list(row.values())])


def _read() -> list[RunOutcome]:
    with warehouse.session() as connection:
        return read_run_outcomes(connection, DAY, DAY, **KEY)


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        ("done", "", "done"),
        ("failed", "S3 is unreachable.", "failed"),
        ("misconfigured", "NIGHTSHIFT_RAW_URL is not set.", "failed"),
        ("rejected", "", "rejected"),
        ("interrupted", "Interrupted by Ctrl-C.", "interrupted"),
    ],
)
def test_ended_run_has_its_outcome(status: str, message: str, outcome: str) -> None:
    started_at = now()
    _start("r1", started_at)
    _finish("r1", started_at, status, message)
    (run,) = _read()
    assert (run.outcome, run.seconds, run.first_error) == (outcome, 90.0, message)


def _ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("hours_ago", "host", "process_id", "outcome"),
    [
        (0, socket.gethostname(), os.getpid(), "running"),
        (0, socket.gethostname(), _ended_process(), "killed"),
        # The id belongs to a process that started after the run.
        (1000, socket.gethostname(), os.getpid(), "killed"),
        (2, "another-host", os.getpid(), "running"),
        (30, "another-host", os.getpid(), "killed"),
    ],
    ids=["running", "ended", "id used again", "another host", "old, another host"],
)
def test_run_without_an_end_is_running_or_killed(
    hours_ago: int, host: str, process_id: int, outcome: str
) -> None:
    started_at = now() - timedelta(hours=hours_ago)
    _start("r1", started_at, host=host, process_id=process_id)
    (run,) = _read()
    assert run.outcome == outcome
    assert run.finished_at is None
    assert bool(run.first_error) == (outcome == "killed")
    assert (run.seconds is None) == (outcome == "killed")


def test_runs_are_ordered_by_start_and_limited_to_the_dates() -> None:
    for number in (1, 3, 2):
        _start(f"r{number}", now() + timedelta(minutes=number))
    _start("earlier", now(), data_date=date(2026, 11, 1), data_date_from=DAY.min)
    assert [run.run_id for run in _read()] == ["r3", "r2", "r1"]


def test_warehouse_without_ledgers_has_no_runs() -> None:
    with warehouse.transaction() as connection:
        for table in ("runs", "run_starts"):
            connection.execute(f"drop table {connection.table('ops', table)}")
    assert _read() == []
