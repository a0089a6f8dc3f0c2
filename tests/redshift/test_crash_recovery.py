"""A night on a cluster that was killed at every stage ends like an undisturbed one."""

from pathlib import Path

import pytest

from tests.nightly import salesforce_records
from tests.nightly.assertions import require_marts
from tests.nightly.fault_injection import kill_at
from tests.nightly.template import Template
from tests.nightly.test_crash_recovery import PLACES
from tests.redshift.conftest import KILLED

# Each run gets as far as the next stage. The cluster itself writes the archive; what a
# kill can cut off there is the mark that a partition is finished.
STAGES = {
    "load": PLACES["load"],
    "dbt model": PLACES["dbt model"],
    "archive": "loaders.s3 write before 2",
    "salesforce collection": PLACES["salesforce collection"],
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_a_night_killed_at_every_stage_ends_well_when_run_again(
    finished_template: Template, finished_raw: Path
) -> None:
    night = ("run", "--date", KILLED.until)
    with finished_template.fresh() as project:
        for place in STAGES.values():
            kill_at(project, place, *night)
        assert project.nightshift(*night).code in (0, 2)
        require_marts(
            project, finished_raw, data_date=KILLED.until, nights=KILLED.dates
        )
        salesforce_records.require_as_mart(project)
        assert project.plan(KILLED.until) == []
