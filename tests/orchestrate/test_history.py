"""The run history: what it reads from the ledgers, and that it never fails a run."""

import json
import threading
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loaders import ledger, warehouse
from loaders.errors import ConfigError, TransientError
from loaders.ledger.run_outcomes import RunStart, record_run_start
from loaders.warehouse import Connection
from orchestrate.cli import history as run_history
from orchestrate.cli.main import app
from orchestrate.runs import history_page
from reports.history import page
from reports.history.data import History, read_history
from tests.reports import sample_history

pytestmark = pytest.mark.usefixtures("own_warehouse")

DAY = date(2026, 11, 24)
SCOPE = {"env": "local", "version": "v1"}
START = ledger.now() - timedelta(hours=1)


def insert(connection: Connection, table: str, **row: object) -> None:
    connection.insert(connection.table("ops", table), list(row), [list(row.values())])


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def read() -> History:
    with warehouse.session() as connection:
        return read_history(connection, **SCOPE)


@pytest.fixture
def two_runs(own_warehouse: None) -> None:
    """Record a run that failed and one that recovered, and a run of another version."""
    with warehouse.transaction() as connection:
        for number, (status, message) in enumerate(
            [("failed", "It <b>failed</b>."), ("done", None)]
        ):
            run = f"r{number}"
            begin = 1000 * number
            record_run_start(
                connection,
                RunStart(run, "run", DAY, DAY, **SCOPE, target="x", started_at=START),
            )
            keys = {"run_id": run, **SCOPE}
            insert(
                connection,
                "runs",
                **keys,
                command="run",
                data_date_from=DAY,
                data_date=DAY,
                status=status,
                exit_code=1 - number,
                tasks_done=2,
                tasks_failed=1 - number,
                started_at=at(begin),
                finished_at=at(begin + 100),
                message=message,
            )
            insert(
                connection,
                "loads",
                source="orgs",
                dt=DAY,
                fingerprint="f",
                lines=10 + number,
                rows_loaded=9 + number,
                rejects=1,
                bytes=100,
                started_at=at(begin),
                finished_at=at(begin + 10),
                run_id=run,
                status="success",
            )
            for seconds, days in ((20.0 + 40 * number, 2), (5.0, 1)):
                for age in range(days):  # one row per data date of a build
                    insert(
                        connection,
                        "model_runs",
                        **keys,
                        model=f"model_{days}",
                        data_date=DAY - timedelta(days=age),
                        input_fingerprint="f",
                        status="success" if number or days == 2 else "failed",
                        seconds=seconds,
                        finished_at=at(begin + 10 + seconds),
                    )
            insert(
                connection,
                "archives",
                **keys,
                dataset="org_day",
                dt=DAY,
                fingerprint="f",
                finished_at=at(begin + 90),
            )
        insert(
            connection,
            "alerts",
            alert="failed.r0",
            data_date=DAY,
            **SCOPE,
            subject="The run failed",
            message="",
            run_id="r0",
            finished_at=at(110),
        )


@pytest.mark.usefixtures("two_runs")
def test_history_is_that_of_the_ledgers() -> None:
    history = read()
    assert [run.outcome for run in history.runs] == ["done", "failed"]
    latest, earlier = history.charts
    assert [(bar.kind, bar.name, bar.start, bar.seconds) for bar in latest.bars] == [
        ("load", f"orgs {DAY}", 0.0, 10.0),
        ("model", "model_1", 10.0, 5.0),
        ("model", "model_2", 10.0, 60.0),
        ("archive", f"org_day {DAY}", 90.0, 0.0),
    ]
    assert [bar.name for bar in earlier.bars if bar.has_failed] == ["model_1"]
    assert earlier.run.first_error == "It <b>failed</b>."
    slowest = history.models[0]
    assert (slowest.model, slowest.seconds, slowest.ratio) == ("model_2", 60.0, 3.0)
    assert (history.models[1].median_seconds, history.models[1].builds) == (None, 1)
    [(source, [volume])] = history.volumes
    assert (source, volume.lines, volume.rejects) == ("orgs", 11, 1)
    assert [alert.subject for alert in history.alerts] == ["The run failed"]


@pytest.mark.usefixtures("two_runs")
def test_command_prints_the_history(capsys: pytest.CaptureFixture[str]) -> None:
    run_history.print_history(**SCOPE, as_json=False)
    printed = capsys.readouterr().out
    for text in ("2026-11-24", "failed", "model_2", "orgs", "Alert", "It <b>failed"):
        assert text in printed
    run_history.print_history(**SCOPE, as_json=True)
    result = json.loads(capsys.readouterr().out)
    assert result["models"][0]["ratio"] == 3.0
    assert len(result["charts"][0]["bars"]) == 4


def test_history_before_the_first_run(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert "No run is recorded yet" in page.html(read())
    run_history.print_history(**SCOPE, as_json=False)
    assert "No run is recorded yet" in capsys.readouterr().out
    assert CliRunner().invoke(app, ["history", "--nonsense"]).exit_code
    with warehouse.transaction() as connection:
        connection.execute(f"drop table {connection.table('ops', 'alerts')}")
    assert read().runs == ()
    monkeypatch.setattr(warehouse, "exists", lambda: False)
    with pytest.raises(ConfigError, match="There is no history yet"):
        run_history.read(**SCOPE)


def test_page_needs_no_other_file_and_escapes_everything() -> None:
    text = page.html(sample_history.history())
    for part in ("<script", "\x1b", "\u202e", "http://", "https://", "<link", "src="):
        assert part not in text
    assert 'href="../report/dt=2026-11-24/index.html"' in text
    assert "Content-Security-Policy" in text


@pytest.mark.parametrize(
    "error", [TransientError("lost"), KeyError("a fault"), OSError(28, "disk full")]
)
def test_page_never_fails_a_run(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(**_: str) -> history_page.Page:
        raise error

    monkeypatch.setattr(history_page, "write", fail)
    history_page.update(**SCOPE)


def test_page_delays_a_run_for_a_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_page, "TIMEOUT_SECONDS", 0.05)
    is_over = threading.Event()

    def write(**_: str) -> history_page.Page:
        is_over.wait(30)
        return history_page.Page(Path())

    monkeypatch.setattr(history_page, "write", write)
    start = time.monotonic()
    history_page.update(**SCOPE)
    assert time.monotonic() - start < 10
    is_over.set()


@pytest.mark.usefixtures("two_runs")
def test_page_is_written_to_this_disk_if_s3_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(history_page, "FOLDER", tmp_path)
    written = history_page.write(**SCOPE)
    assert "NIGHTSHIFT_ARCHIVE_URL" in written.problem and not written.url
    assert "It &lt;b&gt;failed&lt;/b&gt;." in written.path.read_text(encoding="utf-8")
