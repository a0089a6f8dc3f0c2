"""What `status` and the summary of a run show, to people and to scripts."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from tests.nightly.project import NIGHTSHIFT, Project
from tests.nightly.s3_objects import delete_objects

FinishedRun = tuple[Project, date]
ORGS = "s3://no-such-bucket/raw/orgs/"
NO_BUCKET = {"NIGHTSHIFT_RAW_URL": "s3://no-such-bucket/raw"}
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def _on_terminal(project: Project, width: int, *arguments: str) -> list[str]:
    """Return the lines that a command prints on a terminal of this width."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = project.environment_with(TERM="xterm")
    del environment["COLUMNS"]
    with subprocess.Popen(
        [sys.executable, "-c", NIGHTSHIFT, *arguments],
        cwd=project.folder,
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
    ):
        os.close(terminal)
        output = b""
        try:
            while block := os.read(controller, 65536):
                output += block
        except OSError:
            pass  # Linux reports the end of a terminal as an error.
    os.close(controller)
    return ESCAPES.sub("", output.decode()).splitlines()


def _table(lines: Sequence[str]) -> list[str]:
    """Return the lines of the table, which ends at the first empty line."""
    return lines[: lines.index("")] if "" in lines else list(lines)


@pytest.mark.slow
def test_failed_backfill_is_shown_with_its_error_and_the_line_that_resumes_it(
    finished_run: FinishedRun,
) -> None:
    project, day = finished_run
    resume = f"nightshift backfill --from {day} --to {day + timedelta(days=1)}"
    first_done = project.nightshift("status", "--json").expect(0).json["runs"][0]
    assert (first_done["outcome"], first_done["first_error"]) == ("done", "")
    assert first_done["seconds"] > 0 and first_done["next_step"] == ""

    arguments = resume.split()[1:]
    failed = project.nightshift(*arguments, **NO_BUCKET)
    assert failed.code in (1, 3)
    printed = failed.out + failed.err
    assert printed.count(ORGS) == 1, "the failure is printed once"
    assert failed.out.rstrip().endswith(f"resume: {resume}")

    runs = project.nightshift("status", "--json").expect(0).json["runs"]
    assert [run["data_date"] for run in runs[:2]] == [str(day + timedelta(1)), str(day)]
    for run in runs[:2]:
        assert run["outcome"] == "failed" and run["command"] == "backfill"
        assert "no-such-bucket" in run["first_error"]
        assert run["next_step"] == resume
    piped = project.nightshift("status", COLUMNS="80").expect(0).out
    assert piped.count("no-such-bucket/raw/") == 1 and resume in piped
    assert not re.search(r"failed 0(?! s)", " ".join(piped.split()))
    assert "…" not in piped
    header = " ".join(piped.splitlines()[1:3])
    for name in ("outcome", "duration", "accepted", "unchanged", "finished (UTC)"):
        assert name in header
    for width in (60, 80, 120):
        lines = _on_terminal(project, width, "status")
        table = _table(lines)
        assert all(len(line.rstrip()) <= width for line in table), table
        assert not any("…" in line for line in table), table
        rows = [line for line in table if line.startswith(str(day)[:7])]
        assert re.match(rf"{day + timedelta(1)} +failed +\d+ s", rows[0])
        assert len(rows) == len(table) - 3, "one line per date"


@pytest.mark.slow
def test_summary_counts_what_this_run_did(finished_run: FinishedRun) -> None:
    project, day = finished_run
    folder = f"{project.archive_url}/local/v1/org_day/dt={day}/"
    assert delete_objects(project, folder)
    run = ("run", "--date", str(day), "--env", "local")
    partial = project.nightshift(*run, "--json").expect(0).json
    assert partial["tasks_done"] == 1 and partial["resume"] == ""
    assert partial["figures"] == {
        "loads": [],
        "models": {"done": 0, "failed": 0, "tests": 0, "tests_warned": 0},
        "archives": 1,
        "salesforce": {},
        "salesforce_objects": {},
        "drift": [],
        "report": {},
    }
    assert delete_objects(project, folder)
    text = project.nightshift(*run).expect(0).out
    assert "Archive: 1 partition(s) written." in text
    assert "Done before this run: loads, models, Salesforce, report." in text
    assert "Loaded" not in text and "accepted" not in text
    assert "Nothing to do" in project.nightshift(*run).expect(0).out


@pytest.mark.parametrize(
    ("arguments", "settings", "code"),
    [
        (("run", "--date", "2026-02-30"), {}, 3),
        (("run", "--date", "2999-01-01"), {}, 3),
        (("backfill", "--from", "2026-11-24"), {}, 3),
        (("plan", "--date", "2026-11-24"), {"NIGHTSHIFT_RAW_URL": "bucket"}, 3),
        (("status",), {"NIGHTSHIFT_UNKNOWN": "x"}, 3),
        (("report", "--date", "2026-11-24"), {}, 3),
        (("explain-org", "1", "--date", "2026-11-24"), {}, 3),
        (("salesforce", "diff"), {}, 3),
        (("rerun", "--date", "2026-11-24", "--model", "none"), {}, 3),
    ],
)
def test_json_is_json_also_when_a_command_fails(
    project: Project, arguments: tuple[str, ...], settings: dict[str, str], code: int
) -> None:
    result = project.nightshift(*arguments, "--json", **settings).expect(code)
    assert result.json["exit_code"] == code
    assert result.json["error"].split() == result.err.split()[1:]


def test_json_of_a_failed_run_is_its_summary(project: Project) -> None:
    command = ("run", "--date", "2026-11-24", "--version", "v2", "--json")
    result = project.nightshift(*command, **NO_BUCKET)
    assert result.json["exit_code"] == result.code != 0
    assert result.json["resume"] == "nightshift run --date 2026-11-24 --version v2"
    assert ORGS in json.dumps(result.json["failures"])
    assert result.err.count(ORGS) == 1
