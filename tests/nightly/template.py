"""Projects with finished runs, prepared once and restored for each test.

A template contains the project's folder, its objects on S3, Salesforce's records and,
on Redshift, the emulator's data. All workers of a test session share one template.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

from filelock import FileLock

from tests.emulators import up
from tests.emulators.component import free_port
from tests.emulators.salesforce.serve import running_emulator
from tests.nightly.project import Project, copy_to
from tests.nightly.s3_objects import (
    download_objects,
    upload_folder,
    upload_partitions,
)

URLS = ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL")


@dataclass(frozen=True)
class Emulators:
    """The emulators started for each test, and the class of project that uses them.

    Salesforce runs in threads of the test; `names` are those that are processes.
    """

    names: tuple[str, ...] = ()
    extra: Sequence[str] = ()
    project_class: type[Project] = Project
    environment: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def running(
        self, workspace: Path, shared_environment: Mapping[str, str]
    ) -> Iterator[Project]:
        """Start the emulators on the data in `workspace`; yield the project there."""
        data = workspace / "emulators"
        with (
            running_emulator(data / "salesforce") as salesforce,
            up.running(*self.names, data=data, extra=self.extra) as started,
        ):
            environment = {
                **shared_environment,
                **salesforce.environment(),
                **started.environment,
                **self.environment,
            }
            yield self.project_class(workspace / "project", environment)


def redshift_emulators(project_class: type[Project], s3_url: str) -> Emulators:
    """Return Salesforce and a Redshift that reads and writes the S3 at `s3_url`."""
    port = free_port()
    extra = ("--s3", s3_url, "--port", str(port))
    extra += ("--admin-socket", str(admin_socket(port)))
    schema = {"NIGHTSHIFT_REDSHIFT_SCHEMA": "night"}
    return Emulators(("redshift",), extra, project_class, schema)


def admin_socket(port: int) -> Path:
    """Return the admin socket of the Redshift on that port."""
    return Path(gettempdir()) / f"redshift-{port}.admin"


@dataclass(frozen=True)
class Template:
    """A saved project with finished runs, and the last data date that it ran."""

    folder: Path
    data_date: date
    emulators: Emulators = Emulators()

    @contextmanager
    def restored(
        self,
        workspace: Path,
        shared_environment: Mapping[str, str],
        *,
        parsed_dbt: Path | None = None,
    ) -> Iterator[Project]:
        """Yield a copy of the project in `workspace`, with its own S3 prefixes.

        dbt's parse result contains the project's path, so `parsed_dbt` must be the one
        for `workspace`. Without it, `workspace` must be the path where the template was
        prepared.
        """
        shutil.rmtree(workspace, ignore_errors=True)
        _copy(self.folder / "workspace", workspace)
        if parsed_dbt is not None:
            shutil.rmtree(workspace / "project" / "var" / "dbt", ignore_errors=True)
            shutil.copytree(parsed_dbt, workspace / "project" / "var" / "dbt")
        environment = {**shared_environment, **unique_prefixes(shared_environment)}
        for name in URLS:
            upload_folder(
                self.folder / name, environment[name], environment=environment
            )
        with self.emulators.running(workspace, environment) as project:
            yield project


def prepare_template(
    template: Template,
    workspace: Path,
    shared_environment: Mapping[str, str],
    *,
    run: Callable[[Project], None],
    parsed_dbt: Path | None = None,
) -> Template:
    """Call `run` on a new project in `workspace`, then save the project as template."""
    environment = {**shared_environment, **unique_prefixes(shared_environment)}
    shutil.rmtree(workspace, ignore_errors=True)
    copy_to(workspace / "project", environment, parsed_dbt=parsed_dbt)
    with template.emulators.running(workspace, environment) as project:
        run(project)
        for name in URLS:
            download_objects(
                environment[name], template.folder / name, environment=environment
            )
    _copy(workspace, template.folder / "workspace")
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
    """Return the folder that `make` fills once, in the first worker that needs it."""
    folder = root / name
    with FileLock(root / f"{name}.lock"):
        if not (folder / "done").exists():
            folder.mkdir()
            make(folder)
            (folder / "done").touch()
    return folder


def unique_prefixes(environment: Mapping[str, str]) -> dict[str, str]:
    """Return raw and archive URLs with a prefix that no other test uses."""
    prefix = uuid4().hex
    return {name: f"{environment[name]}/{prefix}" for name in URLS}


def _copy(source: Path, target: Path) -> None:
    """Copy a folder and keep the owners: another user owns the Redshift data."""
    subprocess.run(["cp", "-a", source, target], check=True)
