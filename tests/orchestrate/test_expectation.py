"""`status --expect-by`, and the calls of the monitor that expects a run."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta

import pytest
from typer.testing import CliRunner

from loaders import warehouse
from loaders.config import settings
from loaders.errors import ConfigError
from loaders.ledger import run_lease
from orchestrate.cli import expectation
from orchestrate.cli.main import app
from orchestrate.nightly import Nightly
from orchestrate.runs import execution
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from tests.emulators.component import CLOSED_PORT, HOST
from tests.emulators.receiver import Receiver, receiving

pytestmark = pytest.mark.usefixtures("own_warehouse")

YESTERDAY = date(2026, 11, 24)
TODAY = datetime(2026, 11, 25)


def _record(statuses: list[str]) -> None:
    """Record runs for yesterday, one an hour; `running` ones have no end."""
    for number, status in enumerate(statuses):
        started_at = datetime(2026, 11, 25, number)
        row = {
            "run_id": f"r{number}",
            "command": "run",
            "data_date_from": YESTERDAY,
            "data_date": YESTERDAY,
            "env": "local",
            "version": "v1",
            "target": "local",
            "started_at": started_at,
        }
        table = "run_starts" if status == "running" else "runs"
        if status == "running":
            row |= {"host": "elsewhere", "process_id": 1}
        else:
            finished_at = started_at + timedelta(minutes=9)
            row |= {"status": status, "exit_code": 0, "finished_at": finished_at}
        with warehouse.session() as connection:
            name = connection.table("ops", table)
            connection.insert(name, list(row), [list(row.values())])


@pytest.mark.parametrize(
    ("statuses", "hour", "is_done", "is_late", "words"),
    [
        ([], 5, False, False, "expected by 06:00 UTC (no run has started)"),
        ([], 6, False, True, "not done, but was expected by 06:00 UTC: no run"),
        (["done"], 5, True, False, "2026-11-24 is done"),
        (["done"], 23, True, False, "is done"),
        (["failed"], 5, False, False, "latest run is failed"),
        (["failed"], 7, False, True, "latest run is failed"),
        (["failed", "done"], 7, True, False, "is done"),
        (["rejected"], 7, True, False, "is done"),
        (["done", "failed"], 7, False, True, "latest run is failed"),
        (["interrupted"], 7, False, True, "latest run is interrupted"),
        (["running"], 7, False, True, "a run is running"),
        (["done", "running"], 7, True, False, "is done"),
    ],
)
def test_yesterday_is_late_if_it_is_not_done_in_time(
    statuses: list[str],
    hour: int,
    is_done: bool,
    is_late: bool,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _record(statuses)
    # The lease of the last run, if it has no end.
    running = f"r{len(statuses) - 1}"
    monkeypatch.setattr(run_lease, "running_run_id", lambda _: running)
    found = expectation.check(
        expectation.parse_time("06:00"),
        env="local",
        version="v1",
        now=TODAY + timedelta(hours=hour),
    )
    assert (found.data_date, found.is_done, found.is_late) == (
        YESTERDAY,
        is_done,
        is_late,
    )
    assert words in found.message


@pytest.mark.parametrize(
    "text", ["", "6", "6:00", "06", "24:00", "06:60", "06:00:00", "0600", "x", "06:00 "]
)
def test_malformed_time_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="--expect-by"):
        expectation.parse_time(text)


def test_command_exits_with_1_when_yesterday_is_late() -> None:
    late = CliRunner().invoke(app, ["status", "--expect-by", "00:00", "--json"])
    assert late.exit_code == 1
    expected = json.loads(late.stdout)["expected"]
    assert expected["is_late"] and not expected["is_done"]
    day = date.fromisoformat(expected["data_date"])
    root = Nightly(data_date=day, env="local", version="v1")
    execution.start_run(root, command="run")
    execution.record_start()
    execution.finish_run(Outcome("r", ExitCode.DONE))
    done = CliRunner().invoke(app, ["status", "--expect-by", "00:00"])
    assert done.exit_code == 0 and f"{day} is done" in done.stdout


@pytest.fixture
def monitor() -> Iterator[Receiver]:
    """Run a monitor that expects runs."""
    with receiving() as receiver:
        yield receiver


FAILURE = TaskResult("LoadRawTable", "LoadRawTable(orgs)", "failed", error="E7")


def _run(code: ExitCode) -> None:
    root = Nightly(data_date=YESTERDAY, env="local", version="v1")
    execution.start_run(root, command="run")
    failed = code in (ExitCode.FAILED, ExitCode.MISCONFIGURED)
    execution.finish_run(Outcome("run-1", code, (FAILURE,) * failed))


@pytest.mark.parametrize(
    ("path", "code", "paths"),
    [
        ("/ping/u-u-i-d", ExitCode.DONE, ["/ping/u-u-i-d/start", "/ping/u-u-i-d"]),
        ("/u", ExitCode.FAILED, ["/u/start", "/u/fail"]),
        ("/u", ExitCode.MISCONFIGURED, ["/u/start", "/u/fail"]),
        ("/u", ExitCode.REJECTED, ["/u/start", "/u/fail"]),
        ("/u/", ExitCode.DONE, ["/u/start", "/u/"]),
        ("/u?a=1&b=%2F", ExitCode.DONE, ["/u/start?a=1&b=%2F", "/u?a=1&b=%2F"]),
        ("?a=1", ExitCode.FAILED, ["/start?a=1", "/fail?a=1"]),
        ("", ExitCode.FAILED, ["/start", "/fail"]),
    ],
)
def test_monitor_is_called_at_start_success_and_failure(
    path: str,
    code: ExitCode,
    paths: list[str],
    monitor: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"http://user:pass@{monitor.address}{path}"
    monkeypatch.setenv("NIGHTSHIFT_ALERTS__HEARTBEAT_URL", url)
    settings.load.cache_clear()
    _run(code)
    requests = monitor.take()
    assert [request.path for request in requests] == paths
    assert {request.method for request in requests} == {"GET"}
    assert requests[0].headers["Authorization"] == "Basic dXNlcjpwYXNz"


@pytest.mark.parametrize("kind", ["closed", "error", "unknown", "silent"])
def test_monitor_that_is_down_changes_nothing(
    kind: str,
    monitor: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    addresses = {
        "closed": f"{HOST}:{CLOSED_PORT}",
        "unknown": "no-such-host.invalid",
        "error": monitor.address,
        "silent": monitor.address,
    }
    monkeypatch.setattr("loaders.heartbeat.TIMEOUT_SECONDS", 0.2)
    if kind == "silent":
        monkeypatch.setattr(monitor, "delay_seconds", 0.5)
    monitor.statuses = [500] * 9
    url = f"http://{addresses[kind]}/s3cret-uuid"
    monkeypatch.setenv("NIGHTSHIFT_ALERTS__HEARTBEAT_URL", url)
    settings.load.cache_clear()
    _run(ExitCode.FAILED)
    with warehouse.session() as connection:
        runs = connection.table("ops", "runs")
        rows = connection.fetch_all(f"select exit_code, message from {runs}")
    assert rows == [(1, "E7")]
    shown = capsys.readouterr().err
    assert "HEARTBEAT_URL could not be called" in shown and "s3cret" not in shown


@pytest.mark.parametrize(
    "value",
    ["ftp://h/s3cret", "s3cret", "https://", "https://h:x/s3cret", "http://h/ s3cret"],
)
def test_malformed_heartbeat_url_is_an_error_without_its_value(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_ALERTS__HEARTBEAT_URL", value)
    settings.load.cache_clear()
    with pytest.raises(ConfigError, match="HEARTBEAT_URL is malformed") as caught:
        settings.load()
    assert "s3cret" not in str(caught.value)
