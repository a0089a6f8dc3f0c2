"""The default sample world, written and read once for all tests of it."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import pytest

from tests.emulators.sample.company import Company, found_company
from tests.emulators.sample.world import World, WorldSummary
from tests.emulators.sample.write import write_to_folder
from tests.reference import Partition, RawWorld, read_world
from tests.reference.records import Row


@dataclass(frozen=True)
class Written:
    """A world, what its writer says of it, and what the oracle reads in it."""

    world: World
    summary: WorldSummary
    raw: RawWorld

    @cached_property
    def company(self) -> Company:
        """The orgs as they were drawn."""
        return found_company(self.world)

    def partitions(self, source: str) -> dict[date, Partition]:
        """Return the partitions of the source by their date."""
        return {
            dt: partition
            for (name, dt), partition in self.raw.partitions.items()
            if name == source
        }

    def rows(self, source: str) -> list[Row]:
        """Return all rows of the source."""
        return list(self.raw.rows(source, until=self.world.until))


def written(world: World, folder: Path) -> Written:
    """Write and read `world`."""
    summary = write_to_folder(world, folder)
    return Written(world=world, summary=summary, raw=read_world(folder))


@pytest.fixture(scope="session")
def default_world(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Give the world that the command writes when it is told nothing."""
    return written(World(), tmp_path_factory.mktemp("default-world"))
