"""A run that gets Ctrl-C or SIGTERM stops at once, says so, and can be resumed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.emulators.sample.world import World
from tests.nightly.project import Project
from tests.nightly.s3_objects import upload_partitions

SITECUSTOMIZE = """
import importlib.abc, importlib.machinery, os, sys

MODULE, NAME = os.environ["SLOW_AT"].split(" ")


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            owner, _, attribute = NAME.rpartition(".")
            holder = getattr(module, owner) if owner else module
            call = getattr(holder, attribute)

            def slow(*arguments, **options):
                print("REACHED", file=sys.stderr, flush=True)
                exec(os.environ["SLOW_BY"], {"arguments": arguments})
                return call(*arguments, **options)

            setattr(holder, attribute, slow)

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Finder())
"""
LONG_QUERY = "select sum(a.range * b.range) from range(1000000) a, range(1000000) b"
SLEEP = "import time; time.sleep(60)"
# Where the run is when the signal comes, and what keeps it there.
PLACES = {
    "a DuckDB statement": (
        "loaders.raw.load replace_partitions",
        f"arguments[0].execute('-- test\\n{LONG_QUERY}')",
    ),
    "S3": ("loaders.s3 list_partitions", SLEEP),
    "dbt": ("orchestrate.dbt.build ResultCollector.add", SLEEP),
    "the archive": ("loaders.archive replace_partitions", SLEEP),
    "a wait that ignores signals": (
        "loaders.archive replace_partitions",
        "import time\\n"
        "for _ in range(60):\\n"
        "    try: time.sleep(1)\\n"
        "    except KeyboardInterrupt: pass",
    ),
}
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
MAX_SECONDS = 12


def _interrupt(
    project: Project, place: str, number: int, *arguments: object
) -> tuple[subprocess.Popen[str], str]:
    """Send the signal once the run has reached the place; return its output."""
    site = project.folder / "sitecustomize.py"
    site.write_text(SITECUSTOMIZE, encoding="utf-8")
    at, by = PLACES[place]
    with project.start(*arguments, SLOW_AT=at, SLOW_BY=by) as process:
        assert process.stdout is not None
        output = ""
        for line in process.stdout:
            output += line
            if "REACHED" in line:
                break
        time.sleep(0.5)
        start = time.monotonic()
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
        assert time.monotonic() - start < MAX_SECONDS
    site.unlink()
    return process, output + rest


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.slow
def test_interrupted_run_stops_is_recorded_and_resumes(
    project: Project, four_day_world: tuple[World, Path], place: str
) -> None:
    """Each signal stops a run at the place; the next run gets there again."""
    world, raw = four_day_world
    upload_partitions(project, raw, dates=world.dates[:1])
    run = ("run", "--date", world.first_date)
    expected = []
    for number, code in SIGNALS.items():
        process, output = _interrupt(project, place, number, *run)
        assert process.returncode == code, output
        assert "Traceback" not in output
        assert f"nightshift run --date {world.first_date}" in output
        expected.append({"status": "interrupted", "exit_code": code})
        recorded = "select status, exit_code from ops.runs order by finished_at"
        assert project.rows(recorded) == expected
    project.nightshift(*run).expect(0)
    assert project.plan(world.first_date) == []


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6, 0.9])
def test_signal_while_a_command_starts_prints_no_traceback(
    unused_project: Path, number: signal.Signals, seconds: float
) -> None:
    project = Project(unused_project, os.environ)
    with project.start("status") as process:
        time.sleep(seconds)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    # The interpreter itself may still be starting, or the command may have ended.
    assert process.returncode in (SIGNALS[number], -number, 0), output
    if process.returncode != -number:
        assert "Traceback" not in output
