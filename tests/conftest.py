"""A fixture for each part of the outside world, and one for a project to run in it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.emulators import up
from tests.finished_company import Finished, finish
from tests.nightly.project import Project, copy_to


@pytest.fixture(scope="session")
def world_outside() -> Iterator[dict[str, str]]:
    """Give S3 and mail for the whole session: the environment to reach them."""
    with up.running("s3", "smtp") as stack:
        yield stack.environment


@pytest.fixture
def salesforce(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give an org of Salesforce with nothing in it."""
    with up.running("salesforce", data=tmp_path / "stand-ins") as stack:
        yield stack.environment


@pytest.fixture
def project(
    tmp_path: Path, world_outside: dict[str, str], salesforce: dict[str, str]
) -> Project:
    """Give a copy of the project, its own prefixes on S3, and an empty warehouse."""
    own = uuid4().hex
    environment = {**world_outside, **salesforce}
    for name in ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL"):
        environment[name] = f"{environment[name]}/{own}"
    return copy_to(tmp_path / "project", environment)


@pytest.fixture(scope="session")
def finished_company(
    tmp_path_factory: pytest.TempPathFactory, world_outside: dict[str, str]
) -> Iterator[Finished]:
    """Give a small company whose nights are all done; to read, not to change."""
    folder = tmp_path_factory.mktemp("finished")
    with up.running("salesforce", data=folder / "stand-ins") as stack:
        yield finish(folder, {**world_outside, **stack.environment})
