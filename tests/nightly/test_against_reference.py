"""The marts equal a plain-Python oracle over the raw lines, whatever the order."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

import pytest

from tests.emulators.sample.world import World
from tests.nightly import salesforce_records
from tests.nightly.assertions import marts, require_marts, require_same
from tests.nightly.deliveries import deliver
from tests.nightly.project import Project

UNTIL = date(2026, 11, 24)
NIGHTS = 3


def test_nights_one_by_one_give_what_the_raw_lines_say(
    project: Project, raw_world: Callable[[World], Path]
) -> None:
    made = World(orgs=40, days=18, until=UNTIL, seed=1)
    raw = raw_world(made)
    deliver(project, raw, dates=made.dates[:-NIGHTS])
    early = ("--from", made.first, "--to", made.dates[-NIGHTS - 1])
    project.nightshift("backfill", *early).require(0)
    for night in made.dates[-NIGHTS:]:
        deliver(project, raw, dates=[night])
        project.run(night)
        so_far = [day for day in made.dates if day <= night]
        require_marts(project, raw, data_date=night, nights=so_far)
    salesforce_records.require_as_mart(project)


@pytest.mark.slow
def test_one_backfill_and_a_full_refresh_give_the_same(
    project: Project, raw_world: Callable[[World], Path]
) -> None:
    made = World(orgs=40, days=18, until=UNTIL, seed=2)
    raw = raw_world(made)
    deliver(project, raw)
    whole = ("--from", made.first, "--to", made.until)
    project.nightshift("backfill", *whole).require(0)
    require_marts(project, raw, data_date=made.until, nights=made.dates)
    before = marts(project)
    project.dbt("build", "--full-refresh").require(0)
    require_same(before, marts(project))


@pytest.mark.slow
def test_nights_in_shuffled_order_give_the_same(
    project: Project, raw_world: Callable[[World], Path]
) -> None:
    made = World(orgs=40, days=5, until=UNTIL, seed=5)
    raw = raw_world(made)
    deliver(project, raw)
    nights = list(made.dates)
    Random(5).shuffle(nights)
    for night in nights:
        project.run(night)
    require_marts(project, raw, data_date=made.until, nights=made.dates)
    salesforce_records.require_as_mart(project)
