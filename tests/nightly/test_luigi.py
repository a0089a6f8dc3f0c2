"""The `luigi` command line: the same tasks and exit codes, with and without luigid."""

import json
import re
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestrate.dbt.graph import load as load_graph
from tests.emulators.component import HOST, free_port
from tests.emulators.sample.world import World
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.project import Project
from tests.nightly.s3_objects import delete_objects, read_text, upload_partitions

pytestmark = pytest.mark.slow

LUIGID = "from luigi.cmdline import luigid; luigid()"
MODEL = "models/intermediate/int_org_states_filled.sql"
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


def test_luigi_command_needs_no_folder_that_users_share(
    finished_run: tuple[Project, date], tmp_path: Path
) -> None:
    project, data_date = finished_run
    # As if another user had made the folder for Luigi's locks. A setting of Python
    # makes the command a process of its own, which reads TMPDIR when it starts.
    (tmp_path / "luigi").touch()
    own_process = {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    project.luigi(*NIGHTLY, data_date, **own_process).expect(0)


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
    second, stop = world.dates[1], world.until + timedelta(days=1)
    days = ("--data-date-from", world.first_date, "--data-date", second)
    project.luigi("Backfill", *days).expect(0)
    days = ("--start", world.first_date, "--stop", stop, "--days-back", 9999)
    project.luigi("RangeDaily", "--of", "orchestrate.Nightly", *days).expect(0)
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )
    runs = "select data_date_from, data_date from ops.runs order by finished_at"
    backfilled, passed = project.rows(runs)
    assert list(backfilled.values()) == [world.first_date, second]
    assert passed["data_date"] == world.until


def test_failed_run_is_red_in_luigid_and_in_the_history_until_it_recovers(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw, dates=world.dates[:1])
    port = free_port()
    config = {
        "LUIGI_CONFIG_PATH": "luigi-central.cfg",
        "LUIGI_SCHEDULER_URL": f"http://{HOST}:{port}",
    }
    project.replace_text(
        "luigid.cfg", "[scheduler]\n", "[scheduler]\nmetrics_collector = prometheus\n"
    )
    model = project.folder / MODEL
    sql = model.read_text(encoding="utf-8")
    with _luigid(project, port):
        model.write_text(f"{sql}\nbroken <b>here</b>", encoding="utf-8")
        project.luigi(*NIGHTLY, world.first_date, **config).expect(1)
        failed = {task["name"]: key for key, task in _tasks(port, "FAILED").items()}
        # On this first run, the seeds are new, too. Their tests block nothing.
        name = f"DbtModel.{model.stem}"
        assert failed.keys() == {name}
        assert _metric(port, "luigi_task_failed_total") == {name: 1}
        error = _call(port, "fetch_error", {"task_id": failed[name]})["error"]
        assert "syntax error" in error and "Traceback" not in error
        blocked = {task["name"]: key for key, task in _tasks(port, "PENDING").items()}
        assert {"Nightly", "MailReport"} <= blocked.keys()
        nightly = blocked["Nightly"]
        graph = _call(port, "dep_graph", {"task_id": nightly})
        assert len(graph[nightly]["deps"]) == 1, "the graph has one end"
        assert _history(project)[0] == "failed"
        model.write_text(sql, encoding="utf-8")
        project.luigi(*NIGHTLY, world.first_date, **config).expect(0)
        assert not _tasks(port, "FAILED")
        done = _tasks(port, "DONE")
        counts = _metric(port, "luigi_task_done_total")
        assert counts["MailReport"] == 1 and counts[name] == 1
        assert _history(project) == ["done", "failed"]
    # All tests were run, also those that read a seed of the first run.
    query = "select model, tests from ops.model_runs where status = 'success'"
    tests = {row["model"]: row["tests"] for row in project.rows(query)}
    nodes = load_graph().nodes.values()
    assert tests == {node.name: len(node.tests) for node in nodes}
    names = {task["name"] for task in done.values()}
    assert {"LoadRawTable.orgs", "ArchiveDataset.org_day", "Nightly"} <= names
    with sqlite3.connect(project.folder / "var/luigi-task-history.db") as history:
        [(events,)] = history.execute(
            "select count(*) from task_events where event_name = 'FAILED'"
        )
    assert events >= 1


def _metric(port: int, name: str) -> dict[str, float]:
    """Return the values of one of Luigi's metrics by task family."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        sample.labels["family"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def _tasks(port: int, status: str) -> dict:
    return _call(port, "task_list", {"status": status, "upstream_status": ""})


def _history(project: Project) -> list[str]:
    """Return the outcomes of the runs on the page that the latest run has written."""
    url = f"{project.archive_url}/local/v1/status/index.html"
    page = read_text(project, url)
    assert page == (project.folder / "var/status/index.html").read_text("utf-8")
    table = page.partition('id="runs"')[2].partition("</table>")[0]
    return re.findall(r"[✔✘▲▶] (\w+)</span>", table)


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
