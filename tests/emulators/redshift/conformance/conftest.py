"""Fixtures for dbt's suite: its own, with a profile that connects to the emulator."""

import inspect
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlparse

# pytest collects the suite's fixtures from this module's names.
from dbt.tests.fixtures.project import *  # noqa: F403

from tests.emulators.redshift.conftest import Emulator

FOLDER = Path(__file__).parent
DATABASE = "dbt"  # some of the suite's tests expect this name
GRANTEES = ("DBT_TEST_USER_1", "DBT_TEST_USER_2", "DBT_TEST_USER_3")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in this folder with `conformance`."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.conformance)


@pytest.fixture(scope="session", autouse=True)
def without_source_text() -> Iterator[None]:
    """Make inspect.stack() skip the source text of each frame.

    dbt and the driver call it for each connection and flag, and reading the source
    takes a third of the suite's time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect, "stack", partial(inspect.stack, 0))
        yield


@pytest.fixture(scope="session", autouse=True)
def database_and_users(emulator: Emulator) -> Iterator[None]:
    """Create the database and the users that the suite requires."""
    connection = emulator.connect()
    cursor = connection.cursor()
    cursor.execute(f"create database {DATABASE}")
    for name in GRANTEES:
        cursor.execute(f"create user {name.lower()} password 'Reader1Reader1'")
        os.environ[name] = name.lower()
    connection.close()
    yield
    for name in GRANTEES:
        del os.environ[name]


@pytest.fixture(scope="class")
def dbt_profile_target(emulator: Emulator) -> dict[str, Any]:
    """Return the profile target that the suite writes into each project."""
    get = emulator.environment.__getitem__
    return {
        "type": "redshift",
        "host": get("NIGHTSHIFT_REDSHIFT_HOST"),
        "port": int(get("NIGHTSHIFT_REDSHIFT_PORT")),
        "user": get("NIGHTSHIFT_REDSHIFT_USER"),
        "pass": get("NIGHTSHIFT_REDSHIFT_PASSWORD"),
        "dbname": DATABASE,
        "sslmode": "disable",
        "threads": 4,
    }


@pytest.fixture(scope="class")
def logs_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Write the logs of the suite's projects to a temporary folder."""
    folder = str(tmp_path_factory.mktemp("logs"))
    os.environ["DBT_LOG_PATH"] = folder
    yield folder
    del os.environ["DBT_LOG_PATH"]


@pytest.fixture(scope="class")
def project(project_setup: Any, project_files: None) -> Any:  # noqa: ANN401 - the suite's
    """Run the suite's own SQL one statement at a time, as dbt-redshift runs models."""
    run_statement = project_setup.run_sql

    def run_sql(sql: str, fetch: str | None = None) -> Any:  # noqa: ANN401
        result = None
        for statement in filter(None, sqlparse.split(sql)):
            result = run_statement(statement, fetch=fetch)
        return result

    project_setup.run_sql = run_sql
    return project_setup
