"""One run at a time by a lease that expires, on both warehouses."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pytest

from loaders import ledger, warehouse
from loaders.errors import TransientError
from loaders.ledger import processes, run_lease
from loaders.ledger.run_lease import Holder
from orchestrate.nightly import Backfill, Nightly
from orchestrate.runs import execution, recording, run_lock
from orchestrate.runs.outcome import ExitCode

DATE = date(2026, 11, 24)
OTHER = Holder("other", "nightshift run", DATE, DATE)
OWN = Holder("own", "nightshift run", DATE, DATE)
ANOTHER_MACHINE = "9ad4a1de-0000/1 17 4711"
LOCAL = "this machine"
FORKING = get_context("fork")


@pytest.fixture(params=["duckdb", "redshift"])
def engine(
    request: pytest.FixtureRequest, use_warehouse: Callable[..., Path]
) -> Iterator[str]:
    """Use an empty warehouse with tables."""
    use_warehouse(request.param)
    warehouse.close_sessions()
    warehouse.create_missing_tables()
    yield request.param
    run_lock.release()
    warehouse.close_sessions()


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return what is printed while a run waits, without pauses."""
    monkeypatch.setattr(run_lock, "POLL_SECONDS", 0.02)
    lines: list[str] = []
    warehouse.set_on_wait(lines.append)
    yield lines
    warehouse.set_on_wait(str)


def take(holder: Holder, *, process: str = "", seconds_ago: int = 0) -> bool:
    """Take the lease, as a process that renewed it that long ago by its own clock."""
    with warehouse.session() as connection:
        is_taken = run_lease.take(connection, holder) is None
        table = connection.table("ops", "run_lease")
        if process or seconds_ago:
            (now,) = connection.fetch_all(f"-- tests now\nselect {connection.clock}")[0]
            heartbeat = now - (run_lease.LEASE / 180 * seconds_ago)
            connection.execute(
                f"-- tests change the lease\nupdate {table} set process = ?, "
                "heartbeat_at = ?",
                [process or processes.current_process(), heartbeat],
            )
    return is_taken


def read() -> run_lease.Lease:
    with warehouse.session() as connection:
        lease = run_lease.read(connection)
    assert lease is not None
    return lease


def ended_process() -> str:
    code = "from loaders.ledger import processes as p; print(p.current_process())"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


def test_lease_is_free_when_its_holder_has_ended(engine: str) -> None:
    own = processes.current_process()
    machine, _, rest = own.partition(" ")
    id_used_again = f"{machine} {rest.split()[0]} 1"
    cases = [
        # process of the holder, age of its heartbeat, whether another run may start
        (own, 0, False),
        (own, 9000, False),  # It has not ended, whatever its connection does.
        (ended_process(), 0, True),
        (id_used_again, 0, True),
        (ANOTHER_MACHINE, 0, False),
        (ANOTHER_MACHINE, 170, False),
        (ANOTHER_MACHINE, 200, True),
        (ANOTHER_MACHINE, 9000, True),
        ("no process is known", 200, True),
    ]
    for number, (process, seconds_ago, is_free) in enumerate(cases):
        with warehouse.transaction() as connection:
            table = connection.table("ops", "run_lease")
            connection.execute(f"-- tests clear\ndelete from {table}")
        other = Holder(f"other {number}", "nightshift run")
        assert take(other, process=process, seconds_ago=seconds_ago)
        assert take(OWN) == is_free, (process, seconds_ago)
        assert read().run_id == (OWN if is_free else other).run_id
    with warehouse.session() as connection:
        run_lease.release(connection, "somebody else")
        assert not take(Holder("third", "run"))
        run_lease.release(connection, read().run_id or "")
        assert read().run_id is None
    assert take(OWN)
    assert take(OWN), "a repeated statement"


@pytest.mark.parametrize(
    ("first", "last", "seconds"),
    [
        (DATE, DATE, run_lock.SAME_DATES_SECONDS),
        (date(2026, 11, 20), date(2026, 11, 25), run_lock.SAME_DATES_SECONDS),
        (date(2026, 11, 25), date(2026, 11, 25), run_lock.OTHER_DATES_SECONDS),
        (date(2026, 11, 22), date(2026, 11, 23), run_lock.OTHER_DATES_SECONDS),
        (None, None, run_lock.SAME_DATES_SECONDS),  # a sync by hand
    ],
)
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_waiting_time_depends_on_the_dates(
    first: date | None, last: date | None, seconds: float
) -> None:
    take(OTHER)
    holder = Holder("own", "nightshift backfill", first, last)
    assert run_lock._patience(holder, read()) == seconds


@pytest.mark.usefixtures("engine")
def test_second_run_gives_up_and_names_the_first(
    monkeypatch: pytest.MonkeyPatch, announced: list[str]
) -> None:
    monkeypatch.setattr(run_lock, "SAME_DATES_SECONDS", 0.1)
    take(OTHER)
    recording.start()
    root = Backfill(data_date_from=DATE, data_date=DATE, env="prod", version="v1")
    assert not run_lock.acquire(root, command="luigi")
    [failure] = recording.results()
    name = f"`nightshift run` for {DATE}, run other, process "
    assert f"has not ended after 0 minutes: {name}" in failure.error
    assert f"Waiting for another run: {name}" in announced[0]
    with (
        pytest.raises(TransientError, match="Another run"),
        run_lock.held("nightshift salesforce sync"),
    ):
        raise AssertionError("two at once")


@pytest.mark.usefixtures("engine")
def test_run_takes_over_from_a_killed_one_and_says_so(announced: list[str]) -> None:
    take(OTHER, process=ANOTHER_MACHINE, seconds_ago=178)
    recording.start()
    root = Nightly(data_date=DATE, env="prod", version="v1")
    assert run_lock.acquire(root, command="nightshift run")
    assert "run other" in announced[-1] and "Waited " in announced[-1]
    lease = read()
    assert (lease.command, lease.data_date) == ("nightshift run", DATE)
    run_lock.release()
    assert read().run_id is None


def test_lease_is_renewed_and_a_lost_one_stops_the_run(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lock, "RENEW_SECONDS", 0.05)
    stopped: list[str] = []
    monkeypatch.setattr(run_lock.interruption, "stop_process", stopped.append)

    def work_until(is_reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not is_reached():
            assert time.monotonic() < deadline
            time.sleep(0.05)
            if engine == "duckdb":  # the end of a task
                run_lock._renew_after_task(Nightly(data_date=DATE))

    with run_lock.held("nightshift salesforce sync"):
        term = read().term
        work_until(lambda: read().term > term + 1)
        warehouse.close_sessions()
        assert not stopped
        with warehouse.session() as connection:
            table = connection.table("ops", "run_lease")
            warehouse.run_with_retries(
                lambda connection: connection.execute(
                    f"-- tests another run takes it\nupdate {table} "
                    "set run_id = 'other', term = term + 1"
                )
            )
        work_until(lambda: bool(stopped))
    assert "lost its lock" in stopped[0] and "run other" in stopped[0]
    assert read().run_id == "other"


def _work(path: Path, number: int) -> None:
    run_lock.RUN_ID = str(number)
    run_lock.POLL_SECONDS = 0.01
    for _ in range(3):
        with run_lock.held("nightshift salesforce sync"):
            path.mkdir()  # fails if it exists
            time.sleep(0.01)
            path.rmdir()
    warehouse.close_sessions()


@pytest.mark.usefixtures("engine")
def test_runs_of_several_processes_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "working"
    runs = [FORKING.Process(target=_work, args=(path, n)) for n in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert [run.exitcode for run in runs] == [0, 0, 0]


@pytest.mark.usefixtures("engine")
def test_complete_date_waits_for_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Nightly, "complete", lambda _: True)
    take(OTHER)
    root = Nightly(data_date=DATE, env="prod", version="v1")
    outcome = execution.execute(root, command="run", workers=1)
    assert outcome.exit_code == ExitCode.DONE
    assert ledger.now() and read().run_id == "other"
