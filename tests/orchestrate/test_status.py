"""The table of `status` on terminals of any width, in files, and its notes."""

import io
import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from orchestrate.cli import status, tables
from orchestrate.planning.changed_partitions import ChangedPartition
from reports.console import Terminal

DAY = date(2026, 11, 24)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def _run(day: date = DAY, lines: int = 9_725, **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the record of a data date, as `read_status` does."""
    load = {"source": "orgs", "rows": lines, "rejects": 35, "objects": 2}
    sync = {"status": "success", "sent": 124, "accepted": 124}
    sync |= {"rejected": 0, "known_rejects": 0, "unchanged": 7, "unmatched": 3}
    return {
        "data_date": day,
        "outcome": "done",
        "run_id": f"run of {day}",
        "run_from": day,
        "run_to": day,
        "seconds": 12.0,
        "first_error": "",
        "next_step": "",
        "loads": [load | {"lines": lines}],
        "models": {"done": 40, "failed": 0, "tests": 122, "tests_warned": 0},
        "archives": 4,
        "salesforce": sync,
        "salesforce_objects": {"Trial_Metrics__c": sync},
        "finished_at": datetime(2026, 11, 25, 2, 13),
    } | changes


def _failed(error: str) -> dict[str, Any]:
    return _run(
        outcome="failed",
        first_error=error,
        next_step=f"nightshift run --date {DAY}",
        loads=[],
        salesforce={},
        salesforce_objects={},
        models={"done": 0, "failed": 0, "tests": 0, "tests_warned": 0},
    )


def _printed(
    monkeypatch: pytest.MonkeyPatch,
    runs: list[dict[str, Any]],
    *,
    width: int,
    is_terminal: bool,
    **more: Any,  # noqa: ANN401
) -> str:
    monkeypatch.setenv("TTY_COMPATIBLE", "1" if is_terminal else "0")
    output = io.StringIO()
    console = Terminal(width=width)
    console.file = output
    monkeypatch.setattr(tables, "console", console)
    monkeypatch.setattr(status, "console", console)
    monkeypatch.setattr("sys.stdout", output)
    status.print_status(status.Status(runs, **more), as_json=False)
    return ANSI.sub("", output.getvalue())


@pytest.mark.parametrize("width", [48, 60, 72, 80, 100, 120, 200])
@pytest.mark.parametrize(
    "run",
    [
        _run(),
        _run(lines=987_654_321, seconds=36_000.0),
        _run(outcome="interrupted", seconds=None, finished_at=None),
        _failed("S3 is unreachable."),
        _run(models={"done": 39, "failed": 1, "tests": 9, "tests_warned": 2}),
    ],
)
def test_no_value_is_cut_or_wrapped_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, run: dict[str, Any], width: int
) -> None:
    text = _printed(monkeypatch, [run] * 3, width=width, is_terminal=True)
    table = text.split("\n\n")[0].splitlines()
    rows = [line for line in table if line.startswith(str(DAY))]
    assert len(rows) == 3
    assert len(table) <= 6, "title, one or two lines of names, one line per date"
    assert "…" not in text
    assert max(len(line.rstrip()) for line in table) <= width
    for row in rows:
        assert row.startswith(f"{DAY}  {run['outcome']}")


def test_all_columns_are_shown_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    text = _printed(monkeypatch, [_run()], width=80, is_terminal=False)
    values = "2026-11-24 done 12 s 9,725 35 40 0 4 124 124 7 0 3 2026-11-25 02:13"
    assert " ".join(text.splitlines()[-1].split()) == values


def test_failed_date_shows_no_zeros_but_its_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = "Bucket [/b] 'x' does not exist. " * 40
    text = _printed(monkeypatch, [_failed(error)], width=80, is_terminal=False)
    assert error in text
    row = next(line for line in text.splitlines() if line.startswith(str(DAY)))
    assert "0" not in row.split("s", 1)[1].split("2026")[0]
    assert text.rstrip().endswith(f"Next: nightshift run --date {DAY}")
    short = _printed(monkeypatch, [_failed(error)], width=80, is_terminal=True)
    assert "[/b]" in short and "status --json" in short and len(short) < len(text)


def test_error_of_a_run_over_several_dates_is_shown_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = DAY - timedelta(days=2)
    run = _failed("It failed.") | {"run_from": first, "run_id": "one"}
    runs = [run | {"data_date": DAY - timedelta(days=n)} for n in range(3)]
    text = _printed(monkeypatch, runs, width=80, is_terminal=False)
    assert text.count("It failed.") == 1
    assert f"{first} to {DAY} failed: It failed." in text


def test_open_mails_and_changed_partitions_are_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mail = {"kind": "report", "data_date": DAY, "recipient": "a@b.c"}
    mail |= {"since": datetime(2026, 11, 25, 6, 0), "message": "450 busy"}
    partition = ChangedPartition("orgs", DAY, f"nightshift run --date {DAY}")
    text = _printed(
        monkeypatch,
        [_run()],
        width=80,
        is_terminal=True,
        open_mails=[mail],
        changed_partitions=[partition],
    )
    assert f"Open report of {DAY}: a@b.c waits since 2026-11-25 06:00 UTC." in text
    assert "450 busy" in text
    assert f"orgs dt={DAY}. Next: nightshift run --date {DAY}" in text


def test_s3_that_cannot_be_listed_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    error = "S3 is unreachable."
    text = _printed(monkeypatch, [_run()], width=80, is_terminal=False, unchecked=error)
    assert f"Changed partitions are not known: {error}" in text
    assert str(DAY) in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3_599, "59 min 59 s"),
        (3_600, "1 h 00 min"),
        (7_325, "2 h 02 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert tables.duration(seconds) == text
