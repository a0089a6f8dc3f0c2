"""A run waits for a run of the same dates for minutes, for one of others longer."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from loaders import ledger, warehouse
from loaders.ledger.run_outcomes import RunStart, record_run_start
from orchestrate.nightly import Backfill, Nightly
from orchestrate.runs import execution, recording, run_lock
from orchestrate.runs.outcome import ExitCode

FOREVER = 1_000_000.0
DATE = date(2026, 11, 24)


@pytest.fixture
def other_run(
    use_warehouse: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record that this process runs `DATE` on an empty warehouse."""
    use_warehouse("redshift")
    monkeypatch.setattr(warehouse.sessions, "ANNOUNCE_SECONDS", 0.1)
    warehouse.create_missing_tables()
    start = RunStart(
        run_id="other",
        command="run",
        data_date_from=DATE,
        data_date=DATE,
        env="prod",
        version="v1",
        target="dev",
        started_at=ledger.now(),
    )
    with warehouse.session() as connection:
        record_run_start(connection, start)


@pytest.mark.usefixtures("other_run")
@pytest.mark.parametrize(
    ("first", "last", "short"),
    [
        (DATE, DATE, "SAME_DATES_SECONDS"),
        (date(2026, 11, 20), date(2026, 11, 25), "SAME_DATES_SECONDS"),
        (date(2026, 11, 25), date(2026, 11, 25), "OTHER_DATES_SECONDS"),
        (date(2026, 11, 22), date(2026, 11, 23), "OTHER_DATES_SECONDS"),
    ],
)
def test_waiting_time_depends_on_the_dates(
    monkeypatch: pytest.MonkeyPatch, first: date, last: date, short: str
) -> None:
    monkeypatch.setattr(run_lock, "SAME_DATES_SECONDS", FOREVER)
    monkeypatch.setattr(run_lock, "OTHER_DATES_SECONDS", FOREVER)
    monkeypatch.setattr(run_lock, short, 0.1)
    recording.start()
    root = Backfill(data_date_from=first, data_date=last, env="prod", version="v1")
    with warehouse.exclusive("run_lock", timeout=lambda: 60):
        assert not run_lock.acquire(root)
    [failure] = recording.results()
    assert "has not ended" in failure.error
    assert run_lock.acquire(root)
    run_lock.release()


@pytest.mark.usefixtures("other_run")
def test_complete_date_waits_for_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Nightly, "complete", lambda _: True)
    root = Nightly(data_date=DATE, env="prod", version="v1")
    with warehouse.exclusive("run_lock", timeout=lambda: 60):
        outcome = execution.execute(root, command="run", workers=1)
    assert outcome.exit_code == ExitCode.DONE
