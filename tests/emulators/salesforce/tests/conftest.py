"""Fixtures: an emulator whose objects have all field types, and a client of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulators.salesforce.org import Settings
from tests.emulators.salesforce.serve import RunningEmulator, running_emulator
from tests.emulators.salesforce.tests.api import Api

OBJECTS = Path(__file__).with_name("objects.yml")


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[RunningEmulator]:
    """Start an emulator with the objects of the tests."""
    settings = Settings(objects=OBJECTS, jobs_per_page=3, records_per_page=200)
    with running_emulator(tmp_path / "org", settings) as server:
        yield server


@pytest.fixture
def api(emulator: RunningEmulator) -> Api:
    """Return a client that is logged in."""
    return Api(emulator)
