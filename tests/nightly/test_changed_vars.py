"""The marts equal the reference implementation for other values of the dbt vars."""

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest

from tests.emulators.sample.world import World
from tests.nightly.assertions import assert_marts_match_reference
from tests.nightly.project import Project
from tests.nightly.s3_objects import upload_partitions
from tests.reference import DEFAULTS, Constants

WORLD = World(orgs=40, days=16, until=date(2026, 11, 24), seed=7)
CASES = {
    "short periods": Constants(
        trial_period_days=5,
        extra_conversion_period_days=3,
        session_timeout_minutes=7,
        late_arrival_days=1,
        org_carry_forward_days=2,
        user_org_lookback_days=3,
        target_window_days=12,
        fast_start_days=3,
        fast_start_metrics=1,
        stalled_days=1,
        follow_up_days=1,
        big_footprint_factor=1,
        activation_active_days=3,
        usage_month_days=5,
    ),
    "long periods": Constants(
        trial_period_days=21,
        extra_conversion_period_days=45,
        session_timeout_minutes=90,
        late_arrival_days=4,
        org_carry_forward_days=14,
        user_org_lookback_days=60,
        target_window_days=200,
        fast_start_days=14,
        fast_start_metrics=4,
        stalled_days=6,
        follow_up_days=40,
        big_footprint_factor=3,
        activation_active_days=1,
        usage_month_days=14,
    ),
    "nothing before or after": Constants(
        extra_conversion_period_days=1,
        late_arrival_days=0,
        org_carry_forward_days=0,
        user_org_lookback_days=0,
        target_window_days=15,
        fast_start_days=0,
        stalled_days=0,
        follow_up_days=0,
        activation_active_days=0,
        usage_month_days=1,
    ),
}


def test_the_reference_uses_the_defaults_of_the_project(project: Project) -> None:
    assert set_vars(project, DEFAULTS) == asdict(DEFAULTS)


@pytest.mark.slow
@pytest.mark.parametrize("constants", CASES.values(), ids=CASES)
def test_marts_with_other_vars_match_the_reference(
    project: Project, raw_world: Callable[[World], Path], constants: Constants
) -> None:
    raw = raw_world(WORLD)
    upload_partitions(project, raw)
    set_vars(project, constants)
    *_, day_before, last = WORLD.dates
    dates = ("--from", WORLD.first_date, "--to", day_before)
    project.nightshift("backfill", *dates).expect(0)
    project.run(last)
    assert_marts_match_reference(
        project, raw, data_date=last, data_dates=WORLD.dates, constants=constants
    )


def set_vars(project: Project, constants: Constants) -> dict[str, float]:
    """Write the constants to the project file; return the values that they replace."""
    path = project.folder / "dbt_project.yml"
    text = path.read_text(encoding="utf-8")
    before = {}
    for name, value in asdict(constants).items():
        line = re.compile(rf"^  {name}: (.+)$", re.MULTILINE)
        (found,) = line.findall(text)
        before[name] = float(found)
        text = line.sub(f"  {name}: {value}", text)
    path.write_text(text, encoding="utf-8")
    return before
