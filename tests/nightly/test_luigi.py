"""The documented `luigi` line: the same tasks, the same exit codes, also by luigid."""

import json
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.emulators.component import HOST, free_port
from tests.emulators.sample.world import World
from tests.nightly.assertions import require_marts
from tests.nightly.deliveries import deliver, take_away
from tests.nightly.project import Project

pytestmark = pytest.mark.slow

LUIGID = "from luigi.cmdline import luigid; luigid()"
NIGHT = ("Nightly", "--workers", "2", "--data-date")


def test_the_luigi_line_runs_the_night(
    project: Project, four_nights: tuple[World, Path]
) -> None:
    world, raw = four_nights
    deliver(project, raw, dates=world.dates[:1])
    project.luigi(*NIGHT, world.first).require(0)
    require_marts(project, raw, data_date=world.first, nights=[world.first])
    runs = project.rows("select count(*) as runs from ops.model_runs")
    project.luigi(*NIGHT, world.first).require(0)
    assert project.rows("select count(*) as runs from ops.model_runs") == runs
    assert project.run(world.first)["tasks_done"] == 0


def test_the_luigi_line_ends_with_the_contracts_codes(
    project: Project, four_nights: tuple[World, Path]
) -> None:
    world, raw = four_nights
    unset = {"NIGHTSHIFT_RAW_URL": ""}
    assert project.luigi(*NIGHT, world.first, **unset).code == 3
    assert project.luigi(*NIGHT, "no-date").code == 3
    deliver(project, raw, dates=world.dates[:1])
    take_away(project, f"{project.raw_url}/orgs/dt={world.first}/_SUCCESS")
    failed = project.luigi(*NIGHT, world.first)
    assert failed.code == 1
    assert "_SUCCESS" in failed.err


def test_a_backfill_and_the_wrappers_are_luigi_tasks_too(
    project: Project, four_nights: tuple[World, Path]
) -> None:
    world, raw = four_nights
    deliver(project, raw)
    project.luigi("BuildOrgDays", "--data-date", world.first).require(0)
    assert project.rows("select count(*) as days from marts.fct_org_day")[0]["days"]
    project.luigi("BuildOrgTrialMetrics", "--data-date", world.first).require(0)
    days = ("--data-date-from", world.first, "--data-date", world.until)
    project.luigi("Backfill", *days).require(0)
    require_marts(project, raw, data_date=world.until, nights=world.dates)


def test_luigid_runs_the_night_and_keeps_its_history(
    project: Project, four_nights: tuple[World, Path]
) -> None:
    world, raw = four_nights
    deliver(project, raw, dates=world.dates[:1])
    port = free_port()
    project.edit("luigid.cfg", ":8082", f":{port}")
    config = {"LUIGI_CONFIG_PATH": "luigid.cfg"}
    with _luigid(project, port):
        project.luigi(*NIGHT, world.first, **config).require(0)
        graph = _ask(port, "task_list", {"status": "DONE", "upstream_status": ""})
    names = {task["name"] for task in graph.values()}
    assert {"LoadRawTable", "DbtModel", "ArchiveDataset", "Nightly"} <= names
    with sqlite3.connect(project.folder / "var/luigi-task-history.db") as history:
        (done,) = history.execute("select count(*) from tasks").fetchone()
    assert done >= len(graph)


@contextmanager
def _luigid(project: Project, port: int) -> Iterator[None]:
    environment = project.environment_with(LUIGI_CONFIG_PATH="luigid.cfg")
    server = subprocess.Popen(
        [sys.executable, "-c", LUIGID, "--port", str(port), "--address", HOST],
        cwd=project.folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            try:
                _ask(port, "task_list", {"status": "DONE", "upstream_status": ""})
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError("luigid does not come up: start it by hand and look")
        yield
    finally:
        server.terminate()
        server.wait(10)


def _ask(port: int, what: str, data: dict[str, str]) -> dict:
    query = urllib.request.quote(json.dumps(data))
    url = f"http://{HOST}:{port}/api/{what}?data={query}"
    with urllib.request.urlopen(url, timeout=5) as reply:
        return json.load(reply)["response"]
