"""A finished night that is made once and handed to each test anew.

Kept apart are the project's folder, its objects on S3 and Salesforce's records. A test
gets them back under the same path, since what dbt parsed belongs to a path.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

from tests.nightly.delivery import client, deliver, listing, place
from tests.nightly.project import Project, copy_to
from tests.stack import up
from tests.stack.sample.world import World

URLS = ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL")


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

    @contextmanager
    def fresh(self) -> Iterator[Project]:
        """Give a project that is as it was when the night had ended."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.kept, self.place)
        environment = {**self.outside, **_prefixes(self.outside)}
        before = Project(self.place / "project", self.environment)
        for name in URLS:
            _copy_objects(before, self.environment[name], environment[name])
        with up.running("salesforce", data=self.place / "stand-ins") as stack:
            yield Project(self.place / "project", {**environment, **stack.environment})


def make(
    folder: Path, environment: Mapping[str, str], *, world: World, raw: Path
) -> Template:
    """Do all nights of `world`, the last one by itself, and keep what came of it."""
    place, kept = folder / "night", folder / "kept"
    given = {**environment, **_prefixes(environment)}
    with up.running("salesforce", data=place / "stand-ins") as stack:
        project = copy_to(place / "project", {**given, **stack.environment})
        deliver(project, raw)
        dates = ("--from", world.first, "--to", world.dates[-2])
        project.nightshift("backfill", *dates).require(0)
        project.run(world.until)
    shutil.copytree(place, kept)
    return Template(place, kept, environment, given, world.until)


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
