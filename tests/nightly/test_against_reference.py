"""The marts equal the reference implementation, in whatever order dates are run."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

import pytest

from tests.emulators.sample.world import World
from tests.nightly import salesforce_records
from tests.nightly.assertions import (
    assert_marts_match_reference,
    assert_same_marts,
    read_marts,
)
from tests.nightly.conftest import FOUR_DAY_WORLD
from tests.nightly.project import Project
from tests.nightly.s3_objects import upload_partitions

UNTIL = date(2026, 11, 24)
SINGLE_RUNS = 3


def test_backfill_and_next_run_match_the_reference(
    finished_run: tuple[Project, date], four_day_world: tuple[World, Path]
) -> None:
    project, data_date = finished_run
    _, raw = four_day_world
    assert_marts_match_reference(
        project, raw, data_date=data_date, data_dates=FOUR_DAY_WORLD.dates
    )
    salesforce_records.assert_records_match_mart(project)


@pytest.mark.slow
def test_single_runs_match_the_reference_after_each(
    project: Project, raw_world: Callable[[World], Path]
) -> None:
    world = World(orgs=40, days=18, until=UNTIL, seed=1)
    raw = raw_world(world)
    upload_partitions(project, raw, dates=world.dates[:-SINGLE_RUNS])
    early = ("--from", world.first_date, "--to", world.dates[-SINGLE_RUNS - 1])
    project.nightshift("backfill", *early).expect(0)
    for data_date in world.dates[-SINGLE_RUNS:]:
        upload_partitions(project, raw, dates=[data_date])
        project.run(data_date)
        so_far = [day for day in world.dates if day <= data_date]
        assert_marts_match_reference(
            project, raw, data_date=data_date, data_dates=so_far
        )
    salesforce_records.assert_records_match_mart(project)


@pytest.mark.slow
def test_one_backfill_and_a_full_refresh_give_the_same_marts(
    project: Project, raw_world: Callable[[World], Path]
) -> None:
    world = World(orgs=40, days=18, until=UNTIL, seed=2)
    raw = raw_world(world)
    upload_partitions(project, raw)
    dates = ("--from", world.first_date, "--to", world.until)
    project.nightshift("backfill", *dates).expect(0)
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )
    before = read_marts(project)
    project.dbt("build", "--full-refresh").expect(0)
    assert_same_marts(before, read_marts(project))


@pytest.mark.slow
def test_runs_in_shuffled_order_match_the_reference(
    project: Project, raw_world: Callable[[World], Path]
) -> None:
    world = World(orgs=40, days=5, until=UNTIL, seed=5)
    raw = raw_world(world)
    upload_partitions(project, raw)
    shuffled = list(world.dates)
    Random(5).shuffle(shuffled)
    for data_date in shuffled:
        project.run(data_date)
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )
    salesforce_records.assert_records_match_mart(project)


@pytest.mark.slow
def test_days_without_a_run_are_filled_by_the_next_one(
    project: Project, raw_world: Callable[[World], Path], tmp_path: Path
) -> None:
    world = World(orgs=40, days=14, until=UNTIL, seed=6)
    first, second, *_, last = world.dates
    raw = tmp_path / "raw"
    for folder in raw_world(world).glob("*/dt=*"):
        if folder.name in {f"dt={day}" for day in (first, second, last)}:
            shutil.copytree(folder, raw / folder.parent.name / folder.name)
    upload_partitions(project, raw)
    for data_date in (first, second, last):
        project.run(data_date)
    assert_marts_match_reference(
        project, raw, data_date=last, data_dates=[first, second, last]
    )
    before = read_marts(project)
    # The tables of an analyst who has not run dbt since the second date.
    manifest = json.loads((project.parse_dbt() / "manifest.json").read_text())
    for node in manifest["nodes"].values():
        if column := node["config"].get("meta", {}).get("date_column"):
            name = f"{node['schema']}.{node['name']}"
            project.execute(f"delete from {name} where {column} > date '{second}'")
    project.dbt("run").expect(0)
    assert_same_marts(before, read_marts(project))
