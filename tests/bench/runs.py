"""Benchmarks of whole runs: dbt under Luigi, a finished run, history, a backfill."""

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from tests.bench.measurement import (
    BUILD,
    LOAD,
    Measurement,
    measure,
    measure_python,
    project_with_raw_data,
)
from tests.bench.report import Comparison
from tests.emulators.sample.world import World
from tests.nightly.project import NIGHTSHIFT, Project

UNTIL = date(2026, 11, 24)
REPEATS = 5
BACKFILL_REPEATS = 3
HISTORY_DAYS = (10, 60, 365)
BACKFILL_DAYS = 30


def dbt_under_luigi() -> Iterator[Comparison]:
    """Compare the dbt part of a run, one task per model, with one `dbt build`."""
    world = World(orgs=300, days=20, until=UNTIL, seed=7)
    with project_with_raw_data(world) as project:
        measure_python(project, LOAD, world.first_date, world.until)
        day_before = world.until - timedelta(days=1)
        measure_python(project, BUILD, world.first_date, day_before)
        backup = _back_up_warehouse(project)
        ours, bare = [], []
        for _ in range(REPEATS):
            _restore_warehouse(project, backup)
            run = measure_python(project, BUILD, world.until, world.until)
            ours.append(run.seconds)
            _restore_warehouse(project, backup)
            bare.append(_dbt_build(project, world.until).seconds)
        yield Comparison(
            "dbt part of a run: one Luigi task per model, ledger, tests",
            "s",
            median(ours),
            median(bare),
            "one bare `dbt build`",
            "at most 1.10x",
        )


def finished_run() -> Iterator[Comparison]:
    """Measure the re-run of a finished run."""
    world = World(orgs=300, days=5, until=UNTIL, seed=7)
    with project_with_raw_data(world) as project:
        all_dates = ("--from", world.first_date, "--to", world.until)
        project.nightshift("backfill", *all_dates).expect(0)
        seconds = [_run(project, world.until).seconds for _ in range(REPEATS)]
        yield Comparison(
            "re-run of a finished run", "s", median(seconds), goal="under 3 s"
        )


def growing_history() -> Iterator[Comparison]:
    """Compare a run after 60 and 365 days of history with one after 10 days."""
    seconds = {}
    for days in HISTORY_DAYS:
        world = World(orgs=60, days=days + REPEATS, until=UNTIL, seed=7)
        with project_with_raw_data(world) as project:
            history = ("--from", world.first_date, "--to", world.dates[days - 1])
            project.nightshift("backfill", *history).expect(0)
            data_dates = world.dates[days:]
            seconds[days] = median(_run(project, day).seconds for day in data_dates)
    for days in HISTORY_DAYS[1:]:
        yield Comparison(
            f"run after {days} days of history",
            "s",
            seconds[days],
            seconds[HISTORY_DAYS[0]],
            f"run after {HISTORY_DAYS[0]} days",
            "at most 1.15x",
        )


def backfill() -> Iterator[Comparison]:
    """Compare building the models for 30 days in one pass with one day."""
    world = World(orgs=300, days=BACKFILL_DAYS + 20, until=UNTIL, seed=7)
    first = world.dates[20]
    with project_with_raw_data(world) as project:
        measure_python(project, LOAD, world.first_date, world.until)
        measure_python(project, BUILD, world.first_date, world.dates[19])
        backup = _back_up_warehouse(project)
        all_days, one_day = [], []
        for _ in range(BACKFILL_REPEATS):
            _restore_warehouse(project, backup)
            run = measure_python(project, BUILD, first, world.until)
            all_days.append(run.seconds)
            _restore_warehouse(project, backup)
            one_day.append(measure_python(project, BUILD, first, first).seconds)
        yield Comparison(
            f"models of a backfill of {BACKFILL_DAYS} days, without loads",
            "s",
            median(all_days),
            median(one_day),
            "models of one day",
            "at most 3x",
        )


def _dbt_build(project: Project, data_date: date) -> Measurement:
    variables = {"data_date_from": str(data_date), "data_date": str(data_date)}
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "build"]
    command += ["--vars", json.dumps(variables)]
    command += ["--exclude-resource-type", "unit_test", "--target-path", "var/dbt"]
    return measure(
        command, folder=project.folder, environment=project.environment_with()
    )


def _run(project: Project, data_date: date) -> Measurement:
    return measure_python(project, NIGHTSHIFT, "run", "--date", data_date)


def _back_up_warehouse(project: Project) -> Path:
    backup = project.warehouse.with_suffix(".backup")
    shutil.copy(project.warehouse, backup)
    return backup


def _restore_warehouse(project: Project, backup: Path) -> None:
    project.warehouse.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    shutil.copy(backup, project.warehouse)
