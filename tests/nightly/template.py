"""Projects with finished runs, prepared once and restored for each test.

A template keeps the project's folder, its objects on S3, Salesforce's records and, on
Redshift, the emulator's data. All workers of a test session share one template.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from tests.emulators import up
from tests.emulators.component import free_port
from tests.nightly.deliveries import (
    download_objects,
    upload_folder,
    upload_partitions,
)
from tests.nightly.project import Project, copy_to

URLS = ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL")


@dataclass(frozen=True)
class Emulators:
    """The emulators started for each test, and the class of project that uses them."""

    names: tuple[str, ...] = ("salesforce",)
    extra: Sequence[str] = ()
    project_class: type[Project] = Project
    environment: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self, place: Path, outside: Mapping[str, str]) -> Iterator[Project]:
        """Start the emulators on the data in `place`; yield the project there."""
        with up.running(
            *self.names, data=place / "emulators", extra=self.extra
        ) as started:
            environment = {**outside, **started.environment, **self.environment}
            yield self.project_class(place / "project", environment)


def redshift_emulators(project_class: type[Project], s3_url: str) -> Emulators:
    """Return Salesforce and a Redshift that reads and writes the S3 at `s3_url`."""
    extra = ("--s3", s3_url, "--port", str(free_port()))
    schema = {"NIGHTSHIFT_REDSHIFT_SCHEMA": "night"}
    return Emulators(("salesforce", "redshift"), extra, project_class, schema)


@dataclass(frozen=True)
class Template:
    """A finished project as kept in `folder`, and the last data date it ran."""

    folder: Path
    data_date: date
    emulators: Emulators = Emulators()

    @contextmanager
    def restored(
        self,
        place: Path,
        outside: Mapping[str, str],
        *,
        parsed_dbt: Path | None = None,
    ) -> Iterator[Project]:
        """Yield a copy of the project in `place`, with S3 prefixes of its own.

        What dbt parsed holds the project's path: `parsed_dbt` is the copy for `place`.
        Without it, `place` must be the path where the template was prepared.
        """
        shutil.rmtree(place, ignore_errors=True)
        _copy(self.folder / "place", place)
        if parsed_dbt is not None:
            shutil.rmtree(place / "project" / "var" / "dbt", ignore_errors=True)
            shutil.copytree(parsed_dbt, place / "project" / "var" / "dbt")
        own = {**outside, **own_prefixes(outside)}
        for name in URLS:
            upload_folder(self.folder / name, own[name], environment=own)
        with self.emulators.running(place, own) as project:
            yield project


def prepare(
    template: Template,
    place: Path,
    outside: Mapping[str, str],
    *,
    run: Callable[[Project], None],
    parsed_dbt: Path | None = None,
) -> Template:
    """Let `run` finish a project in `place`, and keep the result in the template."""
    own = {**outside, **own_prefixes(outside)}
    shutil.rmtree(place, ignore_errors=True)
    copy_to(place / "project", own, parsed_dbt=parsed_dbt)
    with template.emulators.running(place, own) as project:
        run(project)
        for name in URLS:
            download_objects(own[name], template.folder / name, environment=own)
    _copy(place, template.folder / "place")
    return template


def backfill_and_run(raw: Path, days: Sequence[date]) -> Callable[[Project], None]:
    """Return a function that backfills all days but the last, then runs the last."""

    def run(project: Project) -> None:
        upload_partitions(project, raw)
        dates = ("--from", days[0], "--to", days[-2])
        project.nightshift("backfill", *dates).expect(0)
        project.run(days[-1])

    return run


def once_per_session(root: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder that `make` filled, in whichever worker came first."""
    folder = root / name
    with FileLock(root / f"{name}.lock"):
        if not (folder / "done").exists():
            folder.mkdir()
            make(folder)
            (folder / "done").touch()
    return folder


def own_prefixes(environment: Mapping[str, str]) -> dict[str, str]:
    """Return raw and archive URLs with a prefix that no other test uses."""
    own = uuid4().hex
    return {name: f"{environment[name]}/{own}" for name in URLS}


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with the owners of its files: Redshift's data have another."""
    subprocess.run(["cp", "-a", source, target], check=True)
