"""Bad input on a cluster: the exit code, one message with the next step, no loss."""

from datetime import date
from typing import Any

import pytest

from tests.nightly.assertions import marts, require_same
from tests.nightly.deliveries import put, take_away
from tests.nightly.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

MADE_FROM_METRICS = ("fct_org_day", "fct_org_trial_metrics", "sf_trial_metrics")


def _of_metrics(project: Project) -> dict[str, Any]:
    found = marts(project)
    return {name: found[name] for name in MADE_FROM_METRICS}


def test_too_many_rejects_fail_the_load_and_earlier_content_stays(
    finished_night: tuple[Project, date],
) -> None:
    project, night = finished_night
    before = marts(project)
    put(project, {f"app_logs/dt={night}/broken.json": b"not a line\n" * 500})
    told = project.nightshift("run", "--date", night, "--json").require(1).json
    said = "\n".join(failure["error"] for failure in told["failures"])
    assert "app_logs" in said and "lines rejected" in said
    # COPY takes these lines as texts, whose numbers nobody knows afterwards.
    assert "max_reject_ratio" in said and "broken.json: not a" in said
    require_same(before, marts(project))


def test_an_incomplete_partition_is_refused_and_earlier_content_stays(
    finished_night: tuple[Project, date],
) -> None:
    project, night = finished_night
    before = _of_metrics(project)
    loads = project.rows("select * from ops.loads")
    partition = f"metrics/dt={date.fromordinal(night.toordinal() + 1)}"
    take_away(project, f"{project.raw_url}/{partition}/_SUCCESS")
    following = date.fromordinal(night.toordinal() + 1)
    told = project.nightshift("run", "--date", following, "--json").require(1).json
    said = "\n".join(failure["error"] for failure in told["failures"])
    assert f"/{partition}/" in said and "_SUCCESS" in said
    assert "Wait for the producer" in said
    require_same(before, _of_metrics(project))
    loaded = {(row["source"], row["dt"]) for row in loads}
    now = {
        (row["source"], row["dt"])
        for row in project.rows("select source, dt from ops.loads")
    }
    assert loaded <= now
    assert ("metrics", following) not in now
    put(project, {f"{partition}/_SUCCESS": b""})
    assert project.nightshift("run", "--date", following).code in (0, 2)
    assert project.plan(following) == []
