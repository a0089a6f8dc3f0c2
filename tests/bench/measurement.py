"""Time and peak memory of a command, and project copies to measure in."""

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
from tests.nightly.project import Project, copy_to
from tests.nightly.s3_objects import upload_partitions

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
with warehouse.keep_open():
    sys.exit(not luigi.build(tasks, local_scheduler=True, log_level="WARNING"))
"""
BUILD = """
import sys
from datetime import date
import luigi
from loaders import warehouse
from orchestrate.dbt import graph
from orchestrate.tasks.transform import DbtModel
first, last = map(date.fromisoformat, sys.argv[1:])
models = list(graph.load().nodes)
tasks = [
    DbtModel(data_date=last, data_date_from=first, model=name, scope=",".join(models))
    for name in models
]
with warehouse.keep_open():  # as `nightshift run` does
    sys.exit(not luigi.build(tasks, local_scheduler=True, log_level="WARNING"))
"""


@dataclass(frozen=True)
class Measurement:
    """Wall time, peak resident memory, CPU time and output of a command.

    `emulator_seconds` is the CPU time that the emulators used meanwhile.
    """

    seconds: float
    megabytes: float
    cpu_seconds: float
    output: str
    emulator_seconds: float = 0.0

    @property
    def last_line(self) -> str:
        """The last line that the command printed."""
        return self.output.strip().rpartition("\n")[2]


def measure(
    command: list[str], *, folder: Path, environment: dict[str, str]
) -> Measurement:
    """Run a command in `folder` and measure it with all its child processes.

    Raises RuntimeError with the end of its error output when it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    emulators = psutil.Process().children(recursive=True)
    emulators_before = sum(map(_cpu_seconds, emulators))
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
    watcher = threading.Thread(
        target=_record_peak, args=(process.pid, peak), daemon=True
    )
    watcher.start()
    output, errors = process.communicate()
    seconds = time.perf_counter() - started
    watcher.join()
    if process.returncode:
        raise RuntimeError(
            f"The command `{' '.join(command)[:200]}` failed with exit code "
            f"{process.returncode}:\n{errors[-3000:]}"
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    emulator_seconds = sum(map(_cpu_seconds, emulators)) - emulators_before
    return Measurement(seconds, peak[0], cpu_seconds, output, emulator_seconds)


def measure_python(project: Project, code: str, *arguments: object) -> Measurement:
    """Run and measure Python code in a copy of the project."""
    return measure(
        [sys.executable, "-c", code, *map(str, arguments)],
        folder=project.folder,
        environment=project.environment_with(),
    )


@contextmanager
def project_with_raw_data(world: World) -> Iterator[Project]:
    """Yield a project copy with its own emulators and the raw data of `world` on S3."""
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        write_to_folder(world, folder / "raw")
        components = ("s3", "smtp", "salesforce")
        with up.running(*components, data=folder / "emulators") as emulators:
            environment = dict(emulators.environment)
            for variable in ("NIGHTSHIFT_RAW_URL", "NIGHTSHIFT_ARCHIVE_URL"):
                environment[variable] += f"/{uuid4().hex}"
            project = copy_to(folder / "project", environment)
            upload_partitions(project, folder / "raw")
            yield project


def _record_peak(pid: int, peak: list[float]) -> None:
    """Keep the peak memory, in MB, of a process and its children until it ends."""
    try:
        process = psutil.Process(pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            total = _resident_bytes(process)
            total += sum(map(_resident_bytes, process.children(recursive=True)))
            peak[0] = max(peak[0], total / 1e6)
            time.sleep(SAMPLE_SECONDS)
    except psutil.NoSuchProcess:
        return


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
