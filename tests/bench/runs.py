"""Nights: dbt under Luigi, the finished night, growing history, a backfill."""

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import date, timedelta

from tests.bench.measuring import BUILD, LOAD, Spent, projects, python, spent
from tests.bench.report import Pair, middle
from tests.emulators.sample.world import World
from tests.nightly.project import NIGHTSHIFT, Project

UNTIL = date(2026, 11, 24)
TURNS = 5
HISTORIES = (10, 60, 365)
BACKFILL_DAYS = 30


def dbt_under_luigi() -> Iterator[Pair]:
    """Measure the dbt part of a night: a Luigi task a model, and one bare dbt build."""
    world = World(orgs=300, days=20, until=UNTIL, seed=7)
    with projects(world) as project:
        python(project, LOAD, world.first, world.until)
        before = world.until - timedelta(days=1)
        python(project, BUILD, world.first, before)
        kept = _keep(project)
        ours, bare = [], []
        for _ in range(TURNS):
            _restore(project, kept)
            ours.append(python(project, BUILD, world.until, world.until).seconds)
            _restore(project, kept)
            bare.append(_bare_build(project, world.until).seconds)
        yield Pair(
            "dbt part of a night: a Luigi task a model, ledger and tests",
            "s",
            middle(ours),
            middle(bare),
            "one bare `dbt build` of the same",
            "at most 1.10x",
        )


def finished_night() -> Iterator[Pair]:
    """Measure a night that is done already."""
    world = World(orgs=300, days=5, until=UNTIL, seed=7)
    with projects(world) as project:
        whole = ("--from", world.first, "--to", world.until)
        project.nightshift("backfill", *whole).require(0)
        again = [_night(project, world.until).seconds for _ in range(TURNS)]
        yield Pair(
            "a finished night run again", "s", middle(again), None, "", "under 3 s"
        )


def growing_history() -> Iterator[Pair]:
    """Measure one more night after 10, 60 and 365 days of history."""
    seconds = {}
    for days in HISTORIES:
        world = World(orgs=60, days=days + TURNS, until=UNTIL, seed=7)
        with projects(world) as project:
            history = ("--from", world.first, "--to", world.dates[days - 1])
            project.nightshift("backfill", *history).require(0)
            nights = world.dates[days:]
            seconds[days] = middle(_night(project, day).seconds for day in nights)
    for days in HISTORIES[1:]:
        yield Pair(
            f"one more night after {days} days of history",
            "s",
            seconds[days],
            seconds[HISTORIES[0]],
            f"after {HISTORIES[0]} days",
            "at most 1.15x",
        )


def backfill() -> Iterator[Pair]:
    """Measure the models of thirty days in one pass, and of one night."""
    world = World(orgs=300, days=BACKFILL_DAYS + 20, until=UNTIL, seed=7)
    first = world.dates[20]
    with projects(world) as project:
        python(project, LOAD, world.first, world.until)
        python(project, BUILD, world.first, world.dates[19])
        kept = _keep(project)
        many, one = [], []
        for _ in range(3):
            _restore(project, kept)
            many.append(python(project, BUILD, first, world.until).seconds)
            _restore(project, kept)
            one.append(python(project, BUILD, first, first).seconds)
        yield Pair(
            f"models of a backfill of {BACKFILL_DAYS} days, loads apart",
            "s",
            middle(many),
            middle(one),
            "models of one night",
            "at most 3x",
        )


def _bare_build(project: Project, night: date) -> Spent:
    variables = json.dumps({"data_date_from": str(night), "data_date": str(night)})
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "build"]
    command += ["--vars", variables, "--exclude-resource-type", "unit_test"]
    command += ["--target-path", "var/dbt"]
    return spent(command, folder=project.folder, environment=project.environment_with())


def _night(project: Project, night: date) -> Spent:
    return python(project, NIGHTSHIFT, "run", "--date", night)


def _keep(project: Project) -> str:
    kept = project.warehouse.with_suffix(".kept")
    shutil.copy(project.warehouse, kept)
    return str(kept)


def _restore(project: Project, kept: str) -> None:
    project.warehouse.with_suffix(".duckdb.wal").unlink(missing_ok=True)
    shutil.copy(kept, project.warehouse)
