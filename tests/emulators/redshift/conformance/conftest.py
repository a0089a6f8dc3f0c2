"""What dbt's suite needs to run here: its own fixtures, and a way to the stand-in."""

import inspect
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlparse

# pytest finds the suite's fixtures here by their names.
from dbt.tests.fixtures.project import *  # noqa: F403

from tests.emulators.redshift.conftest import StandIn

FOLDER = Path(__file__).parent
DATABASE = "dbt"  # some of the suite's expectations name it
GRANTEES = ("DBT_TEST_USER_1", "DBT_TEST_USER_2", "DBT_TEST_USER_3")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, so that it can be selected or left out."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.conformance)


@pytest.fixture(scope="session", autouse=True)
def without_source_text() -> Iterator[None]:
    """Let dbt and the driver look at who calls them without reading all the source.

    They do so for each connection and flag, at a third of the time of the whole suite.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect, "stack", partial(inspect.stack, 0))
        yield


@pytest.fixture(scope="session", autouse=True)
def database_and_users(stand_in: StandIn) -> Iterator[None]:
    """Make what the suite takes for granted: its database, and whom it grants to."""
    connection = stand_in.connect()
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
def dbt_profile_target(stand_in: StandIn) -> dict[str, Any]:
    """Return the profile's target, as the suite writes it into each project."""
    get = stand_in.environment.__getitem__
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
    """Keep the logs of each project out of this one's folder."""
    folder = str(tmp_path_factory.mktemp("logs"))
    os.environ["DBT_LOG_PATH"] = folder
    yield folder
    del os.environ["DBT_LOG_PATH"]


@pytest.fixture(scope="class")
def project(project_setup: Any, project_files: None) -> Any:  # noqa: ANN401 - the suite's
    """Run the suite's own SQL as dbt-redshift runs models: a statement at a time."""
    run_one = project_setup.run_sql

    def run_sql(sql: str, fetch: str | None = None) -> Any:  # noqa: ANN401
        found = None
        for statement in filter(None, sqlparse.split(sql)):
            found = run_one(statement, fetch=fetch)
        return found

    project_setup.run_sql = run_sql
    return project_setup
