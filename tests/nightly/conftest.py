"""Small raw worlds, written once a session."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.nightly.delivery import deliver
from tests.nightly.project import Project
from tests.stack.sample.world import World
from tests.stack.sample.write import write_to_folder

UNTIL = date(2026, 11, 24)


@pytest.fixture(scope="session")
def raw_world(tmp_path_factory: pytest.TempPathFactory) -> Callable[[World], Path]:
    """Return a function that writes a world's raw partitions, each world once."""
    written: dict[World, Path] = {}

    def write(world: World) -> Path:
        if world not in written:
            written[world] = tmp_path_factory.mktemp("raw")
            write_to_folder(world, written[world])
        return written[world]

    return write


@pytest.fixture
def four_nights(raw_world: Callable[[World], Path]) -> tuple[World, Path]:
    """Return a small dirty world of four nights, and the folder of its partitions."""
    world = World(orgs=40, days=4, until=UNTIL, seed=3)
    return world, raw_world(world)


@pytest.fixture
def finished_night(
    project: Project, four_nights: tuple[World, Path]
) -> tuple[Project, date]:
    """Return a project whose last night is done, and that night's data date."""
    world, folder = four_nights
    deliver(project, folder)
    dates = ("--from", world.first, "--to", world.dates[-2])
    project.nightshift("backfill", *dates).require(0)
    project.run(world.until)
    return project, world.until
