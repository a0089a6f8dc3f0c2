"""How runs ended, read from `ops.run_starts` and `ops.runs`."""

from datetime import date, datetime, timedelta

import pytest

from loaders import warehouse
from loaders.ledger import now, run_lease
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


@pytest.mark.parametrize(
    ("holder", "outcome"),
    [("r1", "running"), ("other", "killed"), (None, "killed")],
)
def test_run_without_an_end_is_running_while_it_holds_the_lease(
    holder: str | None, outcome: str
) -> None:
    started_at = now() - timedelta(hours=30)  # the clock does not matter
    _start("r1", started_at, host="another-host")
    with warehouse.session() as connection:
        run_lease.take(connection, run_lease.Holder(holder or "r1", "run"))
        if holder is None:
            run_lease.release(connection, "r1")
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


def test_warehouse_of_an_earlier_version_has_no_lease() -> None:
    _start("r1", now())
    with warehouse.transaction() as connection:
        connection.execute(f"drop table {connection.table('ops', 'run_lease')}")
    assert [run.outcome for run in _read()] == ["killed"]
