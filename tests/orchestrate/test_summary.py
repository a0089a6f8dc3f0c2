"""The end of a run's output: each failed task, its cause and what to do, once."""

import json
from datetime import date
from pathlib import Path

import pytest

from orchestrate import logs
from orchestrate.cli import summary
from orchestrate.nightly import Nightly
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from reports.console import error_console
from tests.orchestrate.error_streams import ErrorStream

ROOT = Nightly(data_date=date(2026, 11, 24))
CAUSES = {
    "LoadRawTable": "a.gz is damaged.\nThe run is complete\x1b[31m. Re-deliver it.",
    "ArchiveDataset": "Bucket [/b] is missing. Create it, then run again.",
}
OUTCOME = Outcome(
    "run-1",
    ExitCode.FAILED,
    (
        TaskResult("LoadRawTable", "LoadRawTable(source=orgs)", "done"),
        *(
            TaskResult(task, f"{task}(name=x)", "failed", error=error)
            for task, error in CAUSES.items()
        ),
    ),
)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("log_format", "is_terminal", "is_plain", "is_one_line"),
    [
        ("", True, True, False),
        ("human", False, True, False),
        ("", False, True, True),
        ("json", False, False, True),
    ],
)
def test_failed_tasks_are_named_once_with_cause_and_next_step(
    log_format: str,
    is_terminal: bool,
    is_plain: bool,
    is_one_line: bool,
    as_json: bool,
    log_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LOG_FORMAT", log_format)
    monkeypatch.setattr(summary, "read_figures", lambda *_: summary.NO_FIGURES)
    stream = ErrorStream(is_terminal)
    monkeypatch.setattr(error_console, "_file", stream)
    logs.log_to_file()
    summary.print_outcome(ROOT, OUTCOME, as_json=as_json)
    lines = stream.getvalue().splitlines()
    plain = [line for line in lines if not line.startswith("{")]
    events = [json.loads(line)["event"] for line in lines if line.startswith("{")]
    shown = plain if is_plain else events
    assert len(lines) == len(shown)
    for task, error in CAUSES.items():
        first, *_, last = error.split()
        named = [line for line in shown if task in line]
        assert len(named) == 1 and named[0].startswith("\N{HEAVY BALLOT X} ")
        assert sum(first in line for line in shown) == 1
        assert sum(last in line for line in shown) >= 1
        assert not is_one_line or (first in named[0] and named[0].endswith(last))
    assert not is_one_line or len(shown) == len(CAUSES)
    assert not any(line.startswith("The run is complete") for line in shown)
    assert "\x1b" not in stream.getvalue()
    out = capsys.readouterr().out
    resume = "nightshift run --date 2026-11-24"
    assert resume in (json.loads(out)["resume"] if as_json else out)
