"""A run on Redshift that is killed at every stage can be resumed without damage."""

from datetime import date
from pathlib import Path

import pytest

from tests.nightly import salesforce_records
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.fault_injection import kill_at
from tests.nightly.project import Project
from tests.nightly.test_crash_recovery import PLACES
from tests.redshift.conftest import SMALL_WORLD

# Each run reaches the next stage. Redshift writes the archive's data itself, so there
# the run is killed before it writes `_SUCCESS`.
STAGES = {
    "load": PLACES["load"],
    "dbt model": PLACES["dbt model"],
    "archive": "loaders.s3 write before 2",
    "salesforce collection": PLACES["salesforce collection"],
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_run_killed_at_every_stage_succeeds_when_repeated(
    finished_run: tuple[Project, date], finished_raw: Path
) -> None:
    run = ("run", "--date", SMALL_WORLD.until)
    project, _ = finished_run
    for place in STAGES.values():
        kill_at(project, place, *run)
    assert project.nightshift(*run).code in (0, 2)
    assert_marts_match_reference(
        project, finished_raw, data_date=SMALL_WORLD.until, data_dates=SMALL_WORLD.dates
    )
    salesforce_records.assert_records_match_mart(project)
    assert project.plan(SMALL_WORLD.until) == []
