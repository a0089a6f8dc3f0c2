"""Fixtures that all tests share: emulators, and projects that use them."""

import compileall
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import finished_company as company
from tests.emulators import up
from tests.finished_company import FinishedCompany
from tests.nightly.project import Project, copy_to
from tests.nightly.template import once_per_session, own_prefixes

# Files whose fixtures prepare what other files restore. They run first, so that no
# worker waits for another's preparation.
PREPARING_FILES = (
    "tests/dbt_project/test_descriptions.py",
    "tests/nightly/test_rerun.py",
    "tests/test_dbt_docs.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `PREPARING_FILES` first; keep the order otherwise."""

    def position(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        if file in PREPARING_FILES:
            return PREPARING_FILES.index(file)
        return len(PREPARING_FILES)

    items.sort(key=position)


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder that all workers of the test session share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def outside_services() -> Iterator[dict[str, str]]:
    """Start S3 and SMTP for the session; yield the variables that reach them."""
    with up.running("s3", "smtp") as started:
        yield started.environment


@pytest.fixture
def salesforce(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Start a Salesforce org without records."""
    with up.running("salesforce", data=tmp_path / "emulators") as started:
        yield started.environment


@pytest.fixture(scope="session")
def project_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the one folder where this worker's tests get their projects.

    It is always the same one, because what dbt parsed holds the project's path.
    """
    return tmp_path_factory.mktemp("project") / "place"


@pytest.fixture(scope="session")
def unused_project(
    project_place: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a compiled and parsed copy of the project, to be copied by each test."""
    project = copy_to(project_place / "project", {})
    project.parse_dbt()
    compileall.compile_dir(project.folder, quiet=1)
    kept = tmp_path_factory.mktemp("unused") / "project"
    shutil.move(project.folder, kept)
    return kept


@pytest.fixture(scope="session")
def parsed_dbt(unused_project: Path) -> Path:
    """Return what dbt parsed for a project in `project_place`."""
    return unused_project / "var" / "dbt"


@pytest.fixture
def project(
    project_place: Path,
    unused_project: Path,
    outside_services: dict[str, str],
    salesforce: dict[str, str],
) -> Project:
    """Return a copy of the project with an empty warehouse and its own S3 prefixes."""
    shutil.rmtree(project_place, ignore_errors=True)
    shutil.copytree(unused_project, project_place / "project")
    environment = {**outside_services, **salesforce, **own_prefixes(outside_services)}
    return Project(project_place / "project", environment)


@pytest.fixture(scope="session")
def finished_company(
    tmp_path_factory: pytest.TempPathFactory,
    session_folder: Path,
    project_place: Path,
    parsed_dbt: Path,
    outside_services: dict[str, str],
) -> Iterator[FinishedCompany]:
    """Yield a small company with finished runs. Tests must not change it."""
    folder = once_per_session(
        session_folder,
        "company",
        lambda folder: company.prepare_company(
            folder, project_place, outside_services, parsed_dbt=parsed_dbt
        ),
    )
    place = tmp_path_factory.mktemp("company") / "place"
    with company.restored(folder, place, outside_services) as restored:
        yield restored
