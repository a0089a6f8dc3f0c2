"""The run history: what it reads from the ledgers, and that it never fails a run."""

import json
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loaders import warehouse
from loaders.errors import ConfigError, TransientError
from orchestrate.cli import history as run_history
from orchestrate.cli.main import app
from orchestrate.runs import history_page
from reports.history import page
from reports.history.data import History, read_history
from tests.orchestrate import recorded_runs
from tests.reports import sample_history

pytestmark = pytest.mark.usefixtures("own_warehouse")

SCOPE = recorded_runs.SCOPE


def read() -> History:
    with warehouse.session() as connection:
        return read_history(connection, **SCOPE)


@pytest.fixture
def two_runs(own_warehouse: None) -> None:
    """Record a run that failed and one that recovered."""
    recorded_runs.record()


@pytest.mark.usefixtures("two_runs")
def test_history_is_that_of_the_ledgers() -> None:
    recorded_runs.assert_history(read())
    recorded_runs.assert_earlier_ledgers_are_migrated()


@pytest.mark.usefixtures("two_runs")
def test_command_prints_the_history(capsys: pytest.CaptureFixture[str]) -> None:
    run_history.print_history(**SCOPE, as_json=False)
    printed = capsys.readouterr().out
    for text in ("2026-11-24", "failed", "model_2", "orgs", "Alert", "It <b>failed"):
        assert text in printed
    run_history.print_history(**SCOPE, as_json=True)
    result = json.loads(capsys.readouterr().out)
    assert result["models"][0]["ratio"] == 3.0
    assert len(result["charts"][0]["bars"]) == 5


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
