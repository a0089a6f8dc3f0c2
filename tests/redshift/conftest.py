"""Fixtures: a Redshift emulator, loads on either warehouse, and finished runs."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
import redshift_connector

from loaders import aws
from loaders.config import dbt_profile, settings
from tests.emulators import up
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.project import Project, copy_to
from tests.nightly.s3_objects import upload_partitions
from tests.nightly.template import (
    Template,
    backfill_and_run,
    prepare_template,
    redshift_emulators,
)
from tests.redshift.project import RedshiftProject

PROJECT = Path(__file__).resolve().parents[2]
SCHEMA_PREFIX = "test"
WORLD = World(orgs=30, days=4, until=date(2026, 11, 24), seed=11)
# All dates are uploaded; the last one is left for the tests to run.
SMALL_WORLD = World(orgs=40, days=4, until=date(2026, 11, 24), seed=3)


@dataclass(frozen=True)
class RedshiftEmulator:
    """A running emulator: the variables to connect to it, and its admin socket."""

    environment: dict[str, str]
    admin: Path


@dataclass(frozen=True)
class Backfills:
    """Projects with the same finished backfill, and the folder of raw partitions."""

    duckdb: Project
    redshift: Project
    raw: Path


class RedshiftClient:
    """A session that reads the schemas of the Redshift backfill."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._handle = redshift_connector.connect(
            host=environment["NIGHTSHIFT_REDSHIFT_HOST"],
            port=int(environment["NIGHTSHIFT_REDSHIFT_PORT"]),
            user=environment["NIGHTSHIFT_REDSHIFT_USER"],
            password=environment["NIGHTSHIFT_REDSHIFT_PASSWORD"],
            database=environment["NIGHTSHIFT_REDSHIFT_DATABASE"],
            ssl=False,
            sslmode="verify-ca",
        )
        self._handle.autocommit = True

    def execute(self, statement: str) -> Any:  # noqa: ANN401 - the driver's cursor
        """Run a statement after replacing `{}` by the prefix of the schemas."""
        cursor = self._handle.cursor()
        cursor.execute(statement.replace("{}", f"{SCHEMA_PREFIX}_"))
        return cursor

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return a query's rows; `{}` is replaced as in `execute`."""
        cursor = self.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        """Close the session."""
        self._handle.close()


@pytest.fixture(scope="session")
def redshift_emulator(
    tmp_path_factory: pytest.TempPathFactory, shared_emulators: dict[str, str]
) -> Iterator[RedshiftEmulator]:
    """Start a Redshift emulator that reads and writes the session's S3."""
    admin = tmp_path_factory.mktemp("redshift") / "admin"
    extra = ["--s3", shared_emulators["AWS_ENDPOINT_URL_S3"]]
    extra += ["--admin-socket", str(admin)]
    # Without a data folder here: PostgreSQL's user cannot enter pytest's folders.
    with up.running("redshift", extra=extra) as started:
        yield RedshiftEmulator(started.environment, admin)


@pytest.fixture
def use_warehouse(
    tmp_path: Path,
    shared_emulators: dict[str, str],
    redshift_emulator: RedshiftEmulator,
) -> Iterator[Callable[..., None]]:
    """Return a function that points the loaders to `duckdb` or `redshift`.

    Both start with empty schemas and share the test's own S3 prefixes. Keyword
    arguments are more environment variables.
    """
    test_id = uuid4().hex
    shutil.copy(PROJECT / "profiles.yml.example", tmp_path / "profiles.yml")
    shared = {**shared_emulators, "DBT_PROFILES_DIR": str(tmp_path)}
    for name in ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL"):
        shared[name] = f"{shared[name]}/{test_id}"
    warehouses = {
        "duckdb": {"NIGHTSHIFT_DUCKDB_PATH": str(tmp_path / "warehouse.duckdb")},
        "redshift": {
            **redshift_emulator.environment,
            "NIGHTSHIFT_REDSHIFT_SCHEMA": f"t{test_id[:12]}",
        },
    }
    before = dict(os.environ)

    def set_environment(warehouse: str, **more: str) -> None:
        with _cleared_caches():
            for name in list(os.environ):
                if name.startswith(("NIGHTSHIFT_", "DBT_")):
                    del os.environ[name]
            os.environ.update(shared | warehouses[warehouse] | more)

    yield set_environment
    with _cleared_caches():
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _cleared_caches() -> Iterator[None]:
    """Clear all caches of environment values when the block ends."""
    yield
    settings.load.cache_clear()
    dbt_profile.target.cache_clear()
    aws.client_of_process.cache_clear()


@pytest.fixture(scope="session")
def backfills(
    tmp_path_factory: pytest.TempPathFactory,
    shared_emulators: dict[str, str],
    redshift_emulator: RedshiftEmulator,
) -> Iterator[Backfills]:
    """Run the same backfill on DuckDB and on Redshift."""
    folder = tmp_path_factory.mktemp("backfills")
    write_to_folder(WORLD, folder / "raw")
    projects = []
    with (
        up.running("salesforce", data=folder / "first") as first,
        up.running("salesforce", data=folder / "second") as second,
    ):
        environments = {
            "duckdb": first.environment,
            "redshift": second.environment | redshift_emulator.environment,
        }
        for name, variables in environments.items():
            environment = {**shared_emulators, **variables}
            environment["NIGHTSHIFT_REDSHIFT_SCHEMA"] = SCHEMA_PREFIX
            raw = f"{environment['NIGHTSHIFT_RAW_URL']}/{folder.name}"
            archive = f"{environment['NIGHTSHIFT_ARCHIVE_URL']}/{folder.name}/{name}"
            environment["NIGHTSHIFT_RAW_URL"] = raw
            environment["NIGHTSHIFT_ARCHIVE_URL"] = archive
            project = copy_to(folder / name, environment)
            upload_partitions(project, folder / "raw")
            # Exit code 2 is a finished run with rows that Salesforce rejected.
            dates = ("--from", WORLD.first_date, "--to", WORLD.until)
            result = project.nightshift("backfill", *dates)
            assert result.code in (0, 2), result.out + result.err
            projects.append(project)
        yield Backfills(*projects, raw=folder / "raw")


@pytest.fixture
def redshift_client(backfills: Backfills) -> Iterator[RedshiftClient]:
    """Open a session that reads the results of the backfill on Redshift."""
    client = RedshiftClient(dict(backfills.redshift.environment))
    yield client
    client.close()


@pytest.fixture(scope="session")
def finished_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the raw partitions of the small dirty world; return their folder."""
    folder = tmp_path_factory.mktemp("raw")
    write_to_folder(SMALL_WORLD, folder)
    return folder


@pytest.fixture(scope="session")
def finished_template(
    shared_emulators: dict[str, str], finished_raw: Path
) -> Iterator[tuple[Template, Path]]:
    """Yield a template of the small dirty world on Redshift, and its workspace.

    All dates but the last are run.
    """
    days = SMALL_WORLD.dates[:-1]
    s3_url = shared_emulators["AWS_ENDPOINT_URL_S3"]
    emulators = redshift_emulators(RedshiftProject, s3_url)
    # Not in pytest's folders, which the user that PostgreSQL runs as cannot enter.
    with TemporaryDirectory(prefix="nightshift-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        template = prepare_template(
            Template(folder / "template", days[-1], emulators),
            folder / "workspace",
            shared_emulators,
            run=backfill_and_run(finished_raw, days),
        )
        yield template, folder / "workspace"


@pytest.fixture
def finished_run(
    finished_template: tuple[Template, Path], shared_emulators: dict[str, str]
) -> Iterator[tuple[Project, date]]:
    """Yield a project on Redshift whose runs are finished, and the last data date."""
    template, workspace = finished_template
    with template.restored(workspace, shared_emulators) as project:
        yield project, template.data_date
