"""The log file: formats, rotation, secrets, and a place where it cannot be written."""

import json
import logging
import os
import threading
import warnings
from pathlib import Path

import pytest
import structlog

from loaders.config import redaction
from loaders.errors import ConfigError
from orchestrate import logs, progress
from orchestrate.log_file import KEPT_FILES, SharedLogFile
from orchestrate.run_id import RUN_ID
from reports.console import error_console, styled
from tests.orchestrate.error_streams import ErrorStream

PROCESSES = 4
LINES = 300


def test_json_format_has_one_object_per_line(log_file: Path) -> None:
    logs.log_to_file()
    structlog.get_logger().info("partition loaded", rows=7, text="a\n\x1b\ud800")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("luigi-interface").exception("task failed")
    first, second = map(json.loads, log_file.read_text().splitlines())
    assert first["event"] == "partition loaded" and first["rows"] == 7
    assert first["text"] == "a\n\x1b\ud800"
    assert second["event"] == "task failed" and second["level"] == "error"
    assert second["exception"].endswith("ValueError: broken")
    always = {"timestamp", "process", "run_id", "data_date", "task"}
    assert always <= set(first) & set(second)


def test_lines_of_everything_name_run_date_and_task(
    log_file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Standard error has the same lines, for example in a container."""
    monkeypatch.setenv("NIGHTSHIFT_LOG_FORMAT", "json")
    monkeypatch.setattr(error_console, "_file", os.fdopen(os.dup(2), "w"))
    logs.log_to_file()
    logs.set_context(data_date="2026-11-24")
    logs.set_task("LoadRawTable orgs")

    def fail() -> None:
        raise ValueError("in a\nthread")

    structlog.get_logger().info("partition loaded", rows=7)
    structlog.get_logger(logs.DBT_LOGGER).warning("Got 2 results", node="unique_mart")
    logging.getLogger("botocore.retries").warning("a library's\nline")
    warnings.warn("something is deprecated", DeprecationWarning, stacklevel=1)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    error_console.print(styled("nightshift:", "bold red"), "it\nfailed")
    progress.enable()
    monkeypatch.setattr(progress, "_is_enabled", True)
    progress.print_line("DbtModel mart", rows=7)
    child = os.fork()
    if child == 0:
        logs.set_task("ArchiveDataset org_day")
        structlog.get_logger().info("from a worker")
        os._exit(0)
    os.waitpid(child, 0)
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    shown = capfd.readouterr().err
    streamed = [json.loads(line) for line in shown.splitlines()]
    assert [line["event"] for line in streamed] == [line["event"] for line in lines]
    events = [line["event"].splitlines()[0] for line in lines]
    assert events[:3] == ["partition loaded", "Got 2 results", "a library's"]
    assert "something is deprecated" in events[3]
    assert events[4:6] == ["unexpected error in a thread", "nightshift: it"]
    assert events[6].startswith("\N{HEAVY CHECK MARK} DbtModel mart")
    assert "ValueError" in lines[4]["exception"] and lines[5]["level"] == "error"
    assert {line["data_date"] for line in lines} == {"2026-11-24"}
    assert {line["run_id"] for line in lines} == {RUN_ID}
    tasks = [line["task"] for line in lines]
    assert tasks == ["LoadRawTable orgs"] * 7 + ["ArchiveDataset org_day"]


PEOPLE = ["nightshift: it failed", "\N{HEAVY CHECK MARK} DbtModel mart"]


@pytest.mark.parametrize(
    ("log_format", "is_terminal", "plain", "in_json"),
    [
        ("", True, PEOPLE, []),
        ("", False, PEOPLE[:1], ["partition loaded", *PEOPLE[1:]]),
        ("xml", False, PEOPLE[:1], ["partition loaded", *PEOPLE[1:]]),
        ("json", True, [], ["partition loaded", *PEOPLE]),
        (" JSON ", False, [], ["partition loaded", *PEOPLE]),
        ("human", True, PEOPLE, []),
        ("human", False, PEOPLE, []),
    ],
)
def test_standard_error_is_json_where_no_person_reads_it(
    log_format: str,
    is_terminal: bool,
    plain: list[str],
    in_json: list[str],
    log_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LOG_FORMAT", log_format)
    stream = ErrorStream(is_terminal)
    monkeypatch.setattr(error_console, "_file", stream)
    monkeypatch.setattr(progress, "_is_enabled", True)
    logs.log_to_file()
    logs.show_warnings()
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().info("partition loaded", exc_info=True)
    error_console.print_error("nightshift", "it failed")
    progress.print_line("DbtModel mart", rows=7)
    lines = stream.getvalue().splitlines()
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    others = [line for line in lines if not line.startswith("{")]
    events = [line["event"] for line in objects]
    for found, expected in ((others, plain), (events, in_json)):
        assert len(found) == len(expected)
        assert all(map(str.startswith, found, expected))
    assert all({"run_id", "data_date", "task"} <= line.keys() for line in objects)
    is_set = log_format.strip().lower() == "json"
    assert ("Traceback" in stream.getvalue()) == is_set
    assert not objects or "ValueError: broken" in objects[0]["exception"]
    text = log_file.read_text("utf-8")
    assert text.startswith("{") == (log_format.strip() != "human")


def test_human_format_has_lines_without_control_characters(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LOG_FORMAT", "human")
    logs.log_to_file()
    structlog.get_logger().warning("reject\x1b[31m", line="a\nb\ud800", rows=7)
    first, second = log_file.read_text("utf-8").splitlines()
    assert " WARNING [" in first and "reject\N{REPLACEMENT CHARACTER}[31m" in first
    assert second == "    b\N{REPLACEMENT CHARACTER} rows=7"


def test_secrets_are_masked_in_messages_fields_and_tracebacks(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", "sesame-open")
    monkeypatch.setenv("NIGHTSHIFT_SMTP__PORT", "malformed")
    logs.log_to_file()
    try:
        raise ValueError("login with sesame-open failed")
    except ValueError:
        structlog.get_logger().exception("x sesame-open", error=["sesame-open"])
    text = log_file.read_text()
    assert "sesame-open" not in text and text.count("***") >= 3


def test_variables_are_read_once_per_line_and_changes_are_seen(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LOG_FORMAT", "human")  # one handler
    logs.log_to_file()
    reads = []
    known = redaction._known_secrets
    monkeypatch.setattr(
        redaction, "_known_secrets", lambda *key: reads.append(key) or known(*key)
    )
    for password in ("sesame-open", "parcels-two"):
        monkeypatch.setenv("NIGHTSHIFT_SMTP__PASSWORD", password)
        fields = {f"field_{n}": [password, {"a": password}] for n in range(9)}
        structlog.get_logger().info(password, **fields)
    text = log_file.read_text()
    assert "sesame" not in text and "parcels" not in text and text.count("***") == 38
    assert len(reads) == 2


def test_log_rotates_by_size_while_several_processes_write(log_file: Path) -> None:
    handler = SharedLogFile(log_file, max_bytes=4096)
    children = []
    for number in range(PROCESSES):
        child = os.fork()
        if child == 0:
            for line in range(LINES):
                message = f"{number}.{line} {'x' * 20}"
                handler.emit(logging.LogRecord("n", 20, "", 0, message, None, None))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    files = sorted(log_file.parent.glob("nightshift.log*"))
    assert len(files) == 1 + KEPT_FILES
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert all(len(line.split(" ")) == 2 and line.endswith("x" * 20) for line in lines)
    assert len(lines) == len(set(lines))
    assert max(file.stat().st_size for file in files) < 2 * 4096
    newest = files[0].read_text() or files[1].read_text()
    assert f".{LINES - 1} " in newest


@pytest.mark.parametrize("obstacle", ["file", "folder", "full"])
def test_log_that_cannot_be_written_is_reported_once(
    obstacle: str, log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if obstacle == "file":
        log_file.parents[1].write_text("not a folder")
    elif obstacle == "folder":
        log_file.mkdir(parents=True)
    else:
        log_file.parent.mkdir(parents=True)
        log_file.symlink_to("/dev/full")
    logs.log_to_file()
    structlog.get_logger().info("one")
    logging.getLogger("luigi").warning("two")
    shown = capsys.readouterr().err
    assert shown.count("cannot be written") == 1 and "Traceback" not in shown
    assert "nightshift.log" in shown


def test_malformed_record_never_stops_the_run(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.log_to_file()
    logging.getLogger("luigi").warning("%d", "x")
    logging.getLogger("luigi").warning("next")
    assert "Traceback" not in capsys.readouterr().err
    assert "next" in log_file.read_text()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("plain", "plain"),
        (
            "Will not run T:\nTraceback (most recent call last):\n  File x\n    y\n"
            "loaders.errors.ConfigError: A is not set.\n  B neither.\n",
            "Will not run T: ConfigError: A is not set.\n  B neither.",
        ),
        (
            "T:\nTraceback (most recent call last):\n  File a\nKeyError: 1\n\nDuring "
            "it:\n\nTraceback (most recent call last):\n  File b\nValueError: 2\n",
            "T: ValueError: 2",
        ),
    ],
)
def test_terminal_shows_the_exception_without_its_traceback(
    message: str, shown: str
) -> None:
    assert logs.without_traceback(message) == shown


def test_warnings_are_shown_without_traceback_or_control_characters(
    log_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTSHIFT_LOG_FORMAT", "human")
    logs.log_to_file()
    logs.show_warnings()
    try:
        raise ConfigError("A is not set [/b]\x1b[31m.")
    except ConfigError:
        logging.getLogger("luigi-interface").exception("Uncaught exception in luigi")
    structlog.get_logger().warning("recipient rejected", to="a@b.c")
    structlog.get_logger().info("not shown")
    shown = capsys.readouterr().err
    assert shown == (
        "ERROR: A is not set [/b]\N{REPLACEMENT CHARACTER}[31m.\n"
        "WARNING: recipient rejected to=a@b.c\n"
    )
    assert "Traceback" in log_file.read_text()
