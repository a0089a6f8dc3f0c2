"""An org with objects of many kinds of fields, and clients of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.emulators.salesforce.org import Settings
from tests.emulators.salesforce.serve import Started, started
from tests.emulators.salesforce.tests.api import Api

OBJECTS = Path(__file__).with_name("objects.yml")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Started]:
    """Start a stand-in with the objects of the tests."""
    settings = Settings(objects=OBJECTS, page_jobs=3, page_records=200)
    with started(tmp_path / "org", settings) as server:
        yield server


@pytest.fixture
def api(running: Started) -> Api:
    """Give a client that is logged in."""
    return Api(running)
