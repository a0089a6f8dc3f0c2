"""Sample worlds that are generated and read once and shared by the tests."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import pytest

from tests.emulators.sample.company import Company, generate_company
from tests.emulators.sample.world import World, WorldSummary
from tests.emulators.sample.write import write_to_folder
from tests.reference import Marts, Partition, RawData, expected_marts, read_raw_data
from tests.reference.records import Record


@dataclass(frozen=True)
class Sample:
    """A world, the generator's summary, and its data as the reference reads them."""

    world: World
    summary: WorldSummary
    raw: RawData

    @cached_property
    def company(self) -> Company:
        """The world's orgs."""
        return generate_company(self.world)

    @cached_property
    def marts(self) -> Marts:
        """The marts after the run for the last date."""
        until = self.world.until
        return expected_marts(self.raw, data_date=until, data_dates=[until])

    def partitions(self, source: str) -> dict[date, Partition]:
        """Return the partitions of the source by date."""
        return {
            dt: partition
            for (name, dt), partition in self.raw.partitions.items()
            if name == source
        }

    def records(self, source: str) -> list[Record]:
        """Return all valid records of the source."""
        return list(self.raw.records(source, until=self.world.until))

    def org_ids(self, scenario: str) -> set[int]:
        """Return the ids of the orgs with the scenario."""
        accounts = self.company.accounts
        return {account.org_id for account in accounts if account.scenario == scenario}


def generate(world: World, folder: Path) -> Sample:
    """Write `world` to `folder` and read it."""
    summary = write_to_folder(world, folder)
    return Sample(world=world, summary=summary, raw=read_raw_data(folder))


@pytest.fixture(scope="session")
def default_sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Generate the world with the default parameters, which takes ten seconds."""
    return generate(World(), tmp_path_factory.mktemp("default-world"))


@pytest.fixture(scope="session")
def small_sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Generate a world that is large enough for most checks."""
    world = World(orgs=80, days=30)
    return generate(world, tmp_path_factory.mktemp("small-world"))


@pytest.fixture(
    scope="session", params=["small", pytest.param("default", marks=pytest.mark.slow)]
)
def sample(request: pytest.FixtureRequest) -> Sample:
    """Return the small world, and in the slow tests the default world as well."""
    return request.getfixturevalue(f"{request.param}_sample")
