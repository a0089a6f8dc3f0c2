"""A killed run that is run again has the same results as an uninterrupted run."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.emulators.sample.world import World
from tests.nightly import salesforce_records
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.fault_injection import kill_after, kill_at
from tests.nightly.project import Project
from tests.nightly.s3_objects import upload_partitions

pytestmark = pytest.mark.slow

KILL_POINTS = {
    "load": "loaders.ledger.loads record before 1",
    "dbt model": "orchestrate.dbt.build ResultCollector.add before 9",
    # The first call marks the models as started, the second one as built.
    "models built": "orchestrate.tasks.model_records ModelRecords.write before 2",
    "archive": "loaders.s3 upload after 2",
    "salesforce collection": "loaders.salesforce.sobject_collections _results before 1",
    "salesforce job uploaded": "loaders.salesforce_api.jobs upload after 1",
}
# Each run gets past the stage at which the one before it was killed. Both ways to send
# rows need rows that were not sent before.
STAGES = [list(KILL_POINTS)[:-1], list(KILL_POINTS)[-1:]]
RANDOM_KILLS = 2


@pytest.mark.parametrize("stages", STAGES, ids=lambda stages: stages[-1])
def test_run_killed_at_every_stage_is_completed_by_the_next_run(
    project: Project, four_day_world: tuple[World, Path], stages: list[str]
) -> None:
    world, raw = four_day_world
    if "job" in stages[-1]:
        bulk = {"NIGHTSHIFT_SALESFORCE__SYNC__BULK_ABOVE_ROWS": "0"}
        project = replace(project, environment={**project.environment, **bulk})
    upload_partitions(project, raw)
    backfill = ("backfill", "--from", world.first_date, "--to", world.until)
    for stage in stages:
        kill_at(project, KILL_POINTS[stage], *backfill)
    project.nightshift(*backfill).expect(0)
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )
    salesforce_records.assert_records_match_mart(project)
    assert project.plan(world.until) == []


def test_run_killed_at_a_random_time_is_completed_by_the_next_run(
    project: Project, four_day_world: tuple[World, Path]
) -> None:
    world, raw = four_day_world
    upload_partitions(project, raw)
    backfill = ("backfill", "--from", world.first_date, "--to", world.until)
    seconds = Random(11)
    for _ in range(RANDOM_KILLS):
        kill_after(project, seconds.uniform(1, 8), *backfill)
    project.nightshift(*backfill).expect(0)
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )
    salesforce_records.assert_records_match_mart(project)
