"""A finished night that is made once and handed to each test anew.

Kept apart are the project's folder, its objects on S3, Salesforce's records and the
cluster's data if there is one. A test gets them back under the same path, since what
dbt parsed belongs to a path, and the cluster at the same port.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import uuid4

from tests.emulators import up
from tests.emulators.component import free_port
from tests.emulators.sample.world import World
from tests.nightly.deliveries import client, deliver, listing, place
from tests.nightly.project import Project, copy_to

URLS = ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL")


@dataclass(frozen=True)
class Parts:
    """What starts anew for each test, and the class of project that belongs to it."""

    names: tuple[str, ...] = ("salesforce",)
    extra: Sequence[str] = ()
    kind: type[Project] = Project
    more: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self, place: Path, outside: Mapping[str, str]) -> Iterator[Project]:
        """Start them on what `place` holds, and give the project there."""
        data = place / "stand-ins"
        with up.running(*self.names, data=data, extra=self.extra) as stack:
            environment = {**outside, **stack.environment, **self.more}
            yield self.kind(place / "project", environment)


def on_a_cluster(kind: type[Project], s3_url: str) -> Parts:
    """Return the parts of nights on a cluster, which reads and writes this S3."""
    extra = ("--s3", s3_url, "--port", str(free_port()))
    schema = {"NIGHTSHIFT_REDSHIFT_SCHEMA": "night"}
    return Parts(("salesforce", "redshift"), extra, kind, schema)


@dataclass(frozen=True)
class Template:
    """A finished project as it was kept: `kept` is a copy of what `place` held.

    Copies of its objects lie beside them on S3, never below, where each would copy
    all that came before it.
    """

    place: Path
    kept: Path
    outside: Mapping[str, str]
    environment: Mapping[str, str]
    night: date
    parts: Parts

    @contextmanager
    def fresh(self) -> Iterator[Project]:
        """Give a project that is as it was when the night had ended."""
        shutil.rmtree(self.place, ignore_errors=True)
        _copy(self.kept, self.place)
        environment = {**self.outside, **_prefixes(self.outside)}
        before = Project(self.place / "project", self.environment)
        for name in URLS:
            _copy_objects(before, self.environment[name], environment[name])
        with self.parts.running(self.place, environment) as project:
            yield project


def make(
    folder: Path,
    environment: Mapping[str, str],
    *,
    world: World,
    raw: Path,
    parts: Parts | None = None,
) -> Template:
    """Do all nights of `world`, the last one by itself, and keep what came of it."""
    place, kept = folder / "night", folder / "kept"
    given = {**environment, **_prefixes(environment)}
    parts = parts or Parts()
    copy_to(place / "project", given)
    with parts.running(place, given) as project:
        deliver(project, raw)
        dates = ("--from", world.first, "--to", world.dates[-2])
        project.nightshift("backfill", *dates).require(0)
        project.run(world.until)
    _copy(place, kept)
    return Template(place, kept, environment, given, world.until, parts)


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with the owners of its files: a cluster's are not ours."""
    subprocess.run(["cp", "-a", source, target], check=True)


def _prefixes(environment: Mapping[str, str]) -> dict[str, str]:
    own = uuid4().hex
    return {name: f"{environment[name]}/{own}" for name in URLS}


def _copy_objects(project: Project, source: str, target: str) -> None:
    """Copy objects as they are: sizes and ETags, and so fingerprints, stay."""
    s3 = client(project)
    bucket, old = place(source)
    _, new = place(target)
    for name in listing(project, source):
        content = s3.get_object(Bucket=bucket, Key=f"{old}{name}")["Body"].read()
        s3.put_object(Bucket=bucket, Key=f"{new}{name}", Body=content)
