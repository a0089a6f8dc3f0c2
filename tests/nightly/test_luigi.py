"""The `luigi` command line: the same tasks and exit codes, with and without luigid."""

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
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.project import Project
from tests.nightly.s3_objects import delete_objects, upload_partitions

pytestmark = pytest.mark.slow

LUIGID = "from luigi.cmdline import luigid; luigid()"
NIGHTLY = ("Nightly", "--workers", "2", "--data-date")


def test_luigi_command_runs_a_data_date(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw, dates=world.dates[:1])
    project.luigi(*NIGHTLY, world.first_date).expect(0)
    assert_marts_match_reference(
        project, raw, data_date=world.first_date, data_dates=[world.first_date]
    )
    runs = project.rows("select count(*) as runs from ops.model_runs")
    project.luigi(*NIGHTLY, world.first_date).expect(0)
    assert project.rows("select count(*) as runs from ops.model_runs") == runs
    assert project.run(world.first_date)["tasks_done"] == 0


def test_luigi_command_exits_with_the_documented_codes(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    no_raw_url = {"NIGHTSHIFT_RAW_URL": ""}
    assert project.luigi(*NIGHTLY, world.first_date, **no_raw_url).code == 3
    assert project.luigi(*NIGHTLY, "no-date").code == 3
    upload_partitions(project, raw, dates=world.dates[:1])
    delete_objects(project, f"{project.raw_url}/orgs/dt={world.first_date}/_SUCCESS")
    failed = project.luigi(*NIGHTLY, world.first_date)
    assert failed.code == 1
    assert "_SUCCESS" in failed.err


def test_backfill_and_wrapper_tasks_run_from_the_luigi_command(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw)
    project.luigi("BuildOrgDays", "--data-date", world.first_date).expect(0)
    assert project.rows("select count(*) as days from marts.fct_org_day")[0]["days"]
    project.luigi("BuildOrgTrialMetrics", "--data-date", world.first_date).expect(0)
    days = ("--data-date-from", world.first_date, "--data-date", world.until)
    project.luigi("Backfill", *days).expect(0)
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )


def test_luigid_runs_a_data_date_and_records_task_history(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw, dates=world.dates[:1])
    port = free_port()
    project.replace_text("luigid.cfg", ":8082", f":{port}")
    config = {"LUIGI_CONFIG_PATH": "luigid.cfg"}
    with _luigid(project, port):
        project.luigi(*NIGHTLY, world.first_date, **config).expect(0)
        graph = _call(port, "task_list", {"status": "DONE", "upstream_status": ""})
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
                _call(port, "task_list", {"status": "DONE", "upstream_status": ""})
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError("luigid does not start. Start it by hand to see why.")
        yield
    finally:
        server.terminate()
        server.wait(10)


def _call(port: int, method: str, data: dict[str, str]) -> dict:
    query = urllib.request.quote(json.dumps(data))
    url = f"http://{HOST}:{port}/api/{method}?data={query}"
    with urllib.request.urlopen(url, timeout=5) as reply:
        return json.load(reply)["response"]
