"""A run on Redshift that is killed at every stage can be resumed without damage."""

from datetime import date
from pathlib import Path

import pytest

from tests.nightly import salesforce_records
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.fault_injection import kill_at
from tests.nightly.project import Project
from tests.nightly.test_crash_recovery import KILL_POINTS
from tests.redshift.conftest import SMALL_WORLD

# Each run reaches the next stage. Redshift itself writes the archive's data, so that
# run is killed before it writes `_SUCCESS`.
STAGES = {
    "load": KILL_POINTS["load"],
    "dbt model": KILL_POINTS["dbt model"],
    "models built": KILL_POINTS["models built"],
    "archive": "loaders.s3 write before 2",
    "salesforce collection": KILL_POINTS["salesforce collection"],
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_run_killed_at_every_stage_is_completed_by_the_next_run(
    finished_run: tuple[Project, date], finished_raw: Path
) -> None:
    run = ("run", "--date", SMALL_WORLD.until)
    project, _ = finished_run
    for kill_point in STAGES.values():
        kill_at(project, kill_point, *run)
    assert project.nightshift(*run).code in (0, 2)
    assert_marts_match_reference(
        project, finished_raw, data_date=SMALL_WORLD.until, data_dates=SMALL_WORLD.dates
    )
    salesforce_records.assert_records_match_mart(project)
    assert project.plan(SMALL_WORLD.until) == []
