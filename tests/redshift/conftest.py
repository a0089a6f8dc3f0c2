"""A stand-in for a cluster, and the loaders turned to one warehouse or the other."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from loaders import profile, s3, settings
from tests.stack import up

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cluster:
    """A stand-in that runs: how to reach it, and where it takes faults."""

    environment: dict[str, str]
    admin: Path


@pytest.fixture(scope="session")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, world_outside: dict[str, str]
) -> Iterator[Cluster]:
    """Give a cluster that reads and writes the S3 of the session."""
    folder = tmp_path_factory.mktemp("cluster")
    admin = folder / "admin"
    extra = ["--s3", world_outside["AWS_ENDPOINT_URL_S3"]]
    extra += ["--admin-socket", str(admin)]
    with up.running("redshift", data=folder, extra=extra) as stack:
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
    profile.target.cache_clear()
    s3._client_of.cache_clear()
