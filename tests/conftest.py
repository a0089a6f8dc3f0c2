"""Fixtures that all tests share: emulators, and projects that use them."""

import compileall
import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer

from loaders import warehouse
from loaders.config import dbt_profile
from tests.emulators import up
from tests.emulators.salesforce.serve import running_emulator
from tests.fork_server import stop_fork_server
from tests.nightly.project import Project, copy_to
from tests.nightly.template import once_per_session, unique_prefixes
from tests.scheduling import GroupedFiles
from tests.shared_project import SharedProject, prepare, restored

# Files whose fixtures prepare templates that other files restore. They run first, so
# that no worker waits until another has prepared a template.
PREPARING_FILES = (
    "tests/dbt_project/test_descriptions.py",
    "tests/nightly/test_rerun.py",
    "tests/test_dbt_docs.py",
)

PYTEST_NAMES = ("PYTEST_CURRENT_TEST",)  # pytest changes it during a test


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what collecting the tests creates out of garbage collections.

    It stays until the end, and each collection that looked at it would take a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of `PREPARING_FILES` first; keep the order otherwise."""

    def position(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        if file in PREPARING_FILES:
            return PREPARING_FILES.index(file)
        return len(PREPARING_FILES)

    items.sort(key=position)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Producer
) -> GroupedFiles | None:
    """Keep files together with those that use the same expensive fixture."""
    return GroupedFiles(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_sessionfinish() -> None:
    """End the process that commands are forked from."""
    stop_fork_server()


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """Undo what a test changes in the process environment, as by reading a `.env`."""
    before = dict(os.environ)
    yield
    before |= {name: os.environ[name] for name in PYTEST_NAMES if name in os.environ}
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder that all workers of the test session share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def shared_emulators() -> Iterator[dict[str, str]]:
    """Start S3 and SMTP for the session; yield the variables to connect to them."""
    with up.running("s3", "smtp") as started:
        yield started.environment


@pytest.fixture
def salesforce(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Start a Salesforce org without records."""
    with running_emulator(tmp_path / "emulators" / "salesforce") as emulator:
        yield emulator.environment()


@pytest.fixture(scope="session")
def empty_tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a DuckDB file with empty tables, for tests to copy."""
    path = tmp_path_factory.mktemp("warehouse") / "test.duckdb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_TARGET", "local")
        patch.setenv("NIGHTSHIFT_DUCKDB_PATH", str(path))
        dbt_profile.target.cache_clear()
        with warehouse.transaction() as connection:
            warehouse.ensure_tables(connection)
    dbt_profile.target.cache_clear()
    yield path


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the project copy that this worker's tests use.

    All tests of a worker use the same folder, because dbt's parse result contains the
    project's path.
    """
    return tmp_path_factory.mktemp("project") / "workspace"


@pytest.fixture(scope="session")
def unused_project(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a compiled and parsed copy of the project, to be copied by each test."""
    project = copy_to(workspace / "project", {})
    project.parse_dbt()
    compileall.compile_dir(project.folder, quiet=1)
    folder = tmp_path_factory.mktemp("unused") / "project"
    shutil.move(project.folder, folder)
    return folder


@pytest.fixture(scope="session")
def parsed_dbt(unused_project: Path) -> Path:
    """Return dbt's parse result for a project in `workspace`."""
    return unused_project / "var" / "dbt"


@pytest.fixture
def project(
    workspace: Path,
    unused_project: Path,
    shared_emulators: dict[str, str],
    salesforce: dict[str, str],
) -> Project:
    """Return a copy of the project with an empty warehouse and its own S3 prefixes."""
    shutil.rmtree(workspace, ignore_errors=True)
    shutil.copytree(unused_project, workspace / "project")
    environment = {
        **shared_emulators,
        **salesforce,
        **unique_prefixes(shared_emulators),
    }
    return Project(workspace / "project", environment)


@pytest.fixture(scope="session")
def shared_project(
    tmp_path_factory: pytest.TempPathFactory,
    session_folder: Path,
    workspace: Path,
    parsed_dbt: Path,
    shared_emulators: dict[str, str],
) -> Iterator[SharedProject]:
    """Yield a project with finished runs of a small company.

    Many tests share it, so none may change it.
    """
    folder = once_per_session(
        session_folder,
        "shared-project",
        lambda folder: prepare(
            folder, workspace, shared_emulators, parsed_dbt=parsed_dbt
        ),
    )
    target = tmp_path_factory.mktemp("shared") / "workspace"
    with restored(folder, target, shared_emulators) as project:
        yield project
