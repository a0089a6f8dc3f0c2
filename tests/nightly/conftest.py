"""Small raw worlds, written once a session."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.project import Project
from tests.nightly.template import Template, make

FOUR_NIGHTS = World(orgs=40, days=4, until=date(2026, 11, 24), seed=3)


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
    return FOUR_NIGHTS, raw_world(FOUR_NIGHTS)


@pytest.fixture(scope="session")
def finished_template(
    tmp_path_factory: pytest.TempPathFactory,
    world_outside: dict[str, str],
    raw_world: Callable[[World], Path],
) -> Template:
    """Do the nights of the small dirty world once."""
    folder = tmp_path_factory.mktemp("finished")
    raw = raw_world(FOUR_NIGHTS)
    return make(folder, world_outside, world=FOUR_NIGHTS, raw=raw)


@pytest.fixture
def finished_night(finished_template: Template) -> Iterator[tuple[Project, date]]:
    """Give a project whose last night is done, and that night's data date."""
    with finished_template.fresh() as project:
        yield project, finished_template.night
