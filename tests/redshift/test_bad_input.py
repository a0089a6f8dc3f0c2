"""Bad input on Redshift fails the run with exit code 1 and keeps existing data."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from tests.nightly.assertions import assert_same_marts, read_marts
from tests.nightly.project import Project
from tests.nightly.s3_objects import delete_objects, upload_objects
from tests.nightly.test_bad_input import (
    test_changed_type_stops_only_the_models_that_need_its_table,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

__all__ = ["test_changed_type_stops_only_the_models_that_need_its_table"]

MARTS_BUILT_FROM_METRICS = ("fct_org_day", "fct_org_trial_metrics", "sf_trial_metrics")


def _marts_built_from_metrics(project: Project) -> dict[str, Any]:
    rows = read_marts(project)
    return {name: rows[name] for name in MARTS_BUILT_FROM_METRICS}


def _error_text(project: Project, data_date: date) -> str:
    """Run a date that must fail; return all its error messages."""
    run = project.nightshift("run", "--date", data_date, "--json").expect(1).json
    return "\n".join(failure["error"] for failure in run["failures"])


def test_too_many_rejects_fail_the_load_and_keep_existing_data(
    finished_run: tuple[Project, date],
) -> None:
    project, data_date = finished_run
    before = read_marts(project)
    rejects = b"not a line\n" * 500
    upload_objects(project, {f"app_logs/dt={data_date}/broken.json": rejects})
    errors = _error_text(project, data_date)
    assert "app_logs" in errors and "lines rejected" in errors
    # The load stops at the first rejects that are too many, of whatever object.
    assert "max_reject_ratio" in errors
    assert re.search(rf"app_logs/dt={data_date}/\S+ line \d+: ", errors)
    assert_same_marts(before, read_marts(project))


def test_incomplete_partition_fails_the_load_and_keeps_existing_data(
    finished_run: tuple[Project, date],
) -> None:
    project, data_date = finished_run
    before = _marts_built_from_metrics(project)
    loads = project.rows("select * from ops.loads")
    next_date = data_date + timedelta(days=1)
    partition = f"metrics/dt={next_date}"
    delete_objects(project, f"{project.raw_url}/{partition}/_SUCCESS")
    errors = _error_text(project, next_date)
    assert f"/{partition}/" in errors and "_SUCCESS" in errors
    assert "Wait for the producer" in errors
    assert_same_marts(before, _marts_built_from_metrics(project))
    loaded_before = {(row["source"], row["dt"]) for row in loads}
    loaded = {
        (row["source"], row["dt"])
        for row in project.rows("select source, dt from ops.loads")
    }
    assert loaded_before <= loaded
    assert ("metrics", next_date) not in loaded
    upload_objects(project, {f"{partition}/_SUCCESS": b""})
    assert project.nightshift("run", "--date", next_date).code in (0, 2)
    assert project.plan(next_date) == []
