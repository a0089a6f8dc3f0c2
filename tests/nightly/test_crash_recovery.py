"""A run that was killed, run again, ends like one that nobody disturbed."""

from pathlib import Path
from random import Random

import pytest

from tests.emulators.sample.world import World
from tests.nightly import salesforce_records
from tests.nightly.assertions import require_marts
from tests.nightly.deliveries import deliver
from tests.nightly.fault_injection import kill_after, kill_at
from tests.nightly.project import Project

pytestmark = pytest.mark.slow

PLACES = {
    "load": "loaders.ledger.loads record before 1",
    "dbt model": "orchestrate.tasks.model_build _Book.take before 9",
    "archive": "loaders.s3 upload after 2",
    "salesforce collection": "loaders.salesforce.composite _answers before 1",
    "salesforce job uploaded": "loaders.salesforce.jobs upload after 1",
}
RANDOM_KILLS = 2


@pytest.mark.parametrize("what", PLACES)
def test_a_night_killed_in_the_middle_ends_well_when_run_again(
    project: Project, four_nights: tuple[World, Path], what: str
) -> None:
    world, raw = four_nights
    if "job" in what:
        policy = "loaders/salesforce/policy.py"
        limit = "bulk_above_rows: int ="
        project.edit(policy, f"{limit} 2_000", f"{limit} 0")
    deliver(project, raw)
    whole = ("backfill", "--from", world.first, "--to", world.until)
    kill_at(project, PLACES[what], *whole)
    project.nightshift(*whole).require(0)
    require_marts(project, raw, data_date=world.until, nights=world.dates)
    salesforce_records.require_as_mart(project)
    assert project.plan(world.until) == []


def test_a_night_killed_at_any_moment_ends_well_when_run_again(
    project: Project, four_nights: tuple[World, Path]
) -> None:
    world, raw = four_nights
    deliver(project, raw)
    whole = ("backfill", "--from", world.first, "--to", world.until)
    moments = Random(11)
    for _ in range(RANDOM_KILLS):
        kill_after(project, moments.uniform(1, 8), *whole)
    project.nightshift(*whole).require(0)
    require_marts(project, raw, data_date=world.until, nights=world.dates)
    salesforce_records.require_as_mart(project)
