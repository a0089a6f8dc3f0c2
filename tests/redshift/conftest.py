"""A stand-in for a cluster, and the loaders turned to one warehouse or the other."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
import redshift_connector

from loaders import s3
from loaders.config import dbt_profile, settings
from tests.emulators import up
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.deliveries import deliver
from tests.nightly.project import Project, copy_to
from tests.nightly.template import Template, make, on_a_cluster
from tests.redshift.project import ClusterProject

PROJECT = Path(__file__).resolve().parents[2]
SCHEMA = "night"
WORLD = World(orgs=30, days=4, until=date(2026, 11, 24), seed=11)
# All its partitions are there, but its last night is left to the tests that kill it.
KILLED = World(orgs=40, days=4, until=date(2026, 11, 24), seed=3)


@dataclass(frozen=True)
class Cluster:
    """A stand-in that runs: how to reach it, and where it takes faults."""

    environment: dict[str, str]
    admin: Path


@dataclass(frozen=True)
class Nights:
    """The same nights on both warehouses: the projects, and the raw partitions."""

    local: Project
    cluster: Project
    raw: Path


class OnCluster:
    """What the project left behind on the cluster."""

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
        """Run a statement; `{}` stands for the prefix of the schemas."""
        cursor = self._handle.cursor()
        cursor.execute(statement.replace("{}", f"{SCHEMA}_"))
        return cursor

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return a query's rows; `{}` as in `execute`."""
        cursor = self.execute(query)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        """End the session."""
        self._handle.close()


@pytest.fixture(scope="session")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, world_outside: dict[str, str]
) -> Iterator[Cluster]:
    """Give a cluster that reads and writes the S3 of the session."""
    folder = tmp_path_factory.mktemp("cluster")
    admin = folder / "admin"
    extra = ["--s3", world_outside["AWS_ENDPOINT_URL_S3"]]
    extra += ["--admin-socket", str(admin)]
    # Its data lie elsewhere: pytest closes its own folders to other users.
    with up.running("redshift", extra=extra) as stack:
        yield Cluster(stack.environment, admin)


@pytest.fixture
def turned_to(
    tmp_path: Path, world_outside: dict[str, str], cluster: Cluster
) -> Iterator[Callable[..., None]]:
    """Give a function that turns the loaders to `embedded` or `cluster`.

    Both have their own empty schemas, and share prefixes on S3 that are the test's own.
    """
    own = uuid4().hex
    shutil.copy(PROJECT / "profiles.yml.example", tmp_path / "profiles.yml")
    shared = {**world_outside, "DBT_PROFILES_DIR": str(tmp_path)}
    for name in ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL"):
        shared[name] = f"{shared[name]}/{own}"
    warehouses = {
        "embedded": {"NIGHTSHIFT_DUCKDB_PATH": str(tmp_path / "warehouse.duckdb")},
        "cluster": {
            **cluster.environment,
            "NIGHTSHIFT_REDSHIFT_SCHEMA": f"t{own[:12]}",
        },
    }
    before = dict(os.environ)

    def turn(warehouse: str, **more: str) -> None:
        with _fresh_caches():
            for name in list(os.environ):
                if name.startswith(("NIGHTSHIFT_", "DBT_")):
                    del os.environ[name]
            os.environ.update(shared | warehouses[warehouse] | more)

    yield turn
    with _fresh_caches():
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _fresh_caches() -> Iterator[None]:
    yield
    settings.load.cache_clear()
    dbt_profile.target.cache_clear()
    s3._client_of.cache_clear()


@pytest.fixture(scope="session")
def nights(
    tmp_path_factory: pytest.TempPathFactory,
    world_outside: dict[str, str],
    cluster: Cluster,
) -> Iterator[Nights]:
    """Run the same nights on both warehouses, in one backfill each."""
    folder = tmp_path_factory.mktemp("nights")
    write_to_folder(WORLD, folder / "raw")
    projects = []
    with (
        up.running("salesforce", data=folder / "first") as first,
        up.running("salesforce", data=folder / "second") as second,
    ):
        own = {"embedded": first.environment, "cluster": second.environment}
        own["cluster"] = own["cluster"] | cluster.environment
        for name, more in own.items():
            environment = {**world_outside, **more}
            environment["NIGHTSHIFT_REDSHIFT_SCHEMA"] = SCHEMA
            raw = f"{environment['NIGHTSHIFT_RAW_URL']}/{folder.name}"
            archive = f"{environment['NIGHTSHIFT_ARCHIVE_URL']}/{folder.name}/{name}"
            environment["NIGHTSHIFT_RAW_URL"] = raw
            environment["NIGHTSHIFT_ARCHIVE_URL"] = archive
            project = copy_to(folder / name, environment)
            deliver(project, folder / "raw")
            # 2: done, but Salesforce refused rows of this dirty world.
            dates = ("--from", WORLD.first, "--to", WORLD.until)
            ended = project.nightshift("backfill", *dates)
            assert ended.code in (0, 2), ended.out + ended.err
            projects.append(project)
        yield Nights(*projects, raw=folder / "raw")


@pytest.fixture
def on_cluster(nights: Nights) -> Iterator[OnCluster]:
    """Give a session that reads what the night left on the cluster."""
    found = OnCluster(dict(nights.cluster.environment))
    yield found
    found.close()


@pytest.fixture(scope="session")
def finished_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the raw partitions of a small dirty world."""
    folder = tmp_path_factory.mktemp("raw")
    write_to_folder(KILLED, folder)
    return folder


@pytest.fixture(scope="session")
def finished_template(
    world_outside: dict[str, str], finished_raw: Path
) -> Iterator[Template]:
    """Do all nights but the last of the small dirty world once, on a cluster."""
    before = replace(KILLED, days=KILLED.days - 1, until=KILLED.dates[-2])
    parts = on_a_cluster(ClusterProject, world_outside["AWS_ENDPOINT_URL_S3"])
    # Not in pytest's folders, which are closed to the user that a cluster runs as.
    with TemporaryDirectory(prefix="nightshift-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield make(folder, world_outside, world=before, raw=finished_raw, parts=parts)


@pytest.fixture
def finished_night(finished_template: Template) -> Iterator[tuple[Project, date]]:
    """Give a project on a cluster whose nights are done, and the last one's date."""
    with finished_template.fresh() as project:
        yield project, finished_template.night
