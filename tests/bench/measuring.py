"""Seconds and peak memory of a command, and projects to run it in."""

import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil

from tests.emulators import up
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.deliveries import deliver
from tests.nightly.project import Project, copy_to

SAMPLE_SECONDS = 0.02
LOAD = """
import sys
from datetime import date, timedelta
import luigi
from loaders import warehouse
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.tasks.load import LoadRawTable
first, last = map(date.fromisoformat, sys.argv[1:])
days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
scope = ",".join(map(str, days))
tasks = [
    LoadRawTable(data_date=day, source=name, scope=scope)
    for day in days
    for name in raw_tables()
]
with warehouse.kept_open():
    sys.exit(not luigi.build(tasks, local_scheduler=True, log_level="WARNING"))
"""
BUILD = """
import sys
from datetime import date
import luigi
from loaders import warehouse
from orchestrate import dbt_graph
from orchestrate.tasks.transform import DbtModel
first, last = map(date.fromisoformat, sys.argv[1:])
models = list(dbt_graph.load().nodes)
tasks = [
    DbtModel(data_date=last, data_date_from=first, model=name, scope=",".join(models))
    for name in models
]
with warehouse.kept_open():  # as `nightshift run` does
    sys.exit(not luigi.build(tasks, local_scheduler=True, log_level="WARNING"))
"""


@dataclass(frozen=True)
class Spent:
    """What a command took (seconds, peak resident memory in MB), and printed."""

    seconds: float
    megabytes: float
    cpu_seconds: float = 0.0
    out: str = ""

    @property
    def last_line(self) -> str:
        """The last line that it printed."""
        return self.out.strip().rpartition("\n")[2]


def spent(command: list[str], *, folder: Path, environment: dict[str, str]) -> Spent:
    """Run a command that must end well, and measure it with all its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
    watcher.start()
    out, error = process.communicate()
    seconds = time.perf_counter() - started
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)[:200]} ended badly:\n{error[-3000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(seconds, peak[0], cpu, out)


def python(project: Project, code: str, *arguments: object) -> Spent:
    """Measure Python code run inside a project's copy."""
    return spent(
        [sys.executable, "-c", code, *map(str, arguments)],
        folder=project.folder,
        environment=project.environment_with(),
    )


@contextmanager
def projects(world: World) -> Iterator[Project]:
    """Give a project whose raw partitions of `world` lie on an S3 of its own."""
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        write_to_folder(world, folder / "raw")
        with up.running("s3", "smtp", "salesforce", data=folder / "stack") as stack:
            environment = dict(stack.environment)
            for name in ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL"):
                environment[name] += f"/{uuid4().hex}"
            project = copy_to(folder / "project", environment)
            deliver(project, folder / "raw")
            yield project


def _watch(pid: int, peak: list[float]) -> None:
    """Keep the greatest sum over the process and its children until it ends."""
    try:
        process = psutil.Process(pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            total = _resident(process)
            total += sum(_resident(child) for child in process.children(recursive=True))
            peak[0] = max(peak[0], total / 1e6)
            time.sleep(SAMPLE_SECONDS)
    except psutil.NoSuchProcess:
        return


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
