"""Benchmark of a whole run on Redshift: sessions, statements, seconds.

The run is that of the second date of a tiny company. Its sessions and statements must
not depend on the number of workers, objects or rows.
"""

import gzip
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from pathlib import Path

import zstandard

from tests.bench.report import Comparison
from tests.emulators import up
from tests.emulators.redshift import admin
from tests.emulators.sample.rates import clean_rates
from tests.emulators.sample.world import World
from tests.emulators.sample.write import write_to_folder
from tests.nightly.project import Project, copy_to
from tests.nightly.s3_objects import SUCCESS, upload_objects
from tests.nightly.template import unique_prefixes
from tests.redshift.statement_counts import StatementCounts, counted

UNTIL = date(2026, 11, 24)
ORGS = 20
MAX_SESSIONS = 15
MAX_STATEMENTS = 800
STATEMENT_MS = 50
SESSION_MS = 300
REJECT = b"no record\n"


@dataclass(frozen=True)
class RunOptions:
    """The variants to run: every combination of workers, objects and rows.

    `objects` are per source and date, `rows` multiply the rows of the company. With
    `has_latency` the emulator delays each statement and session, and seconds are
    reported. `statements` is a file for the text of all statements of the last variant.
    """

    workers: Sequence[int] = (1, 4)
    objects: Sequence[int] = (4,)
    rows: Sequence[int] = (1,)
    has_latency: bool = False
    statements: Path | None = None


@dataclass(frozen=True)
class _Run:
    counts: StatementCounts
    seconds: float


def redshift_run(options: RunOptions) -> Iterator[Comparison]:
    """Run the second date in every variant; compare each with the first one."""
    first: _Run | None = None
    for rows, objects, workers in product(
        options.rows, options.objects, options.workers
    ):
        run = _measure(workers, objects, rows, has_latency=options.has_latency)
        first = first or run
        if options.statements:
            options.statements.write_text("\n;\n".join(run.counts.texts))
        name = f"{workers} worker(s), {objects} object(s) a source, rows x{rows}"
        yield Comparison(
            f"sessions of a run, {name}",
            "",
            run.counts.sessions,
            first.counts.sessions,
            "first variant",
            f"at most {MAX_SESSIONS}, the same",
        )
        yield Comparison(
            f"statements of a run, {name}",
            "",
            run.counts.statements,
            first.counts.statements,
            "first variant",
            f"at most {MAX_STATEMENTS}, the same",
        )
        if options.has_latency:
            yield Comparison(
                f"time of a run, {STATEMENT_MS} ms a statement and {SESSION_MS} ms a "
                f"session, {name}",
                "s",
                run.seconds,
                first.seconds,
                "first variant",
            )
    if first is not None:
        for (sender, kind), number in sorted(first.counts.by_sender.items()):
            yield Comparison(f"{sender}: {kind}", "", number)


def _measure(workers: int, objects: int, rows: int, *, has_latency: bool) -> _Run:
    """Run the first date, then measure the run of the second."""
    world = World(orgs=ORGS * rows, days=2, until=UNTIL, rates=clean_rates())
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        admin_socket = folder / "admin"
        components = ("s3", "smtp", "salesforce", "redshift")
        with up.running(
            *components,
            data=folder / "emulators",
            extra=("--admin-socket", str(admin_socket)),
        ) as emulators:
            environment = {
                **emulators.environment,
                **unique_prefixes(emulators.environment),
            }
            project = copy_to(folder / "project", environment)
            write_to_folder(world, folder / "raw")
            upload_objects(project, _split_partitions(folder / "raw", objects))
            _run(project, world.dates[0])
            if has_latency:
                fault = {"statement_ms": STATEMENT_MS, "session_ms": SESSION_MS}
                fault = {"fault": "latency", **fault}
                admin.send_request(admin_socket, {"do": "fault", "fault": fault})
            with counted(environment, admin_socket) as counts:
                started = time.perf_counter()
                _run(project, world.dates[1], "--workers", workers)
                seconds = time.perf_counter() - started
    return _Run(counts, seconds)


def _run(project: Project, day: date, *options: object) -> None:
    # Exit code 2 is a finished run with rows that Salesforce rejected.
    result = project.nightshift("run", "--date", day, *options)
    if result.code not in (0, 2):
        raise RuntimeError(f"The run of {day} failed:\n{result.out}\n{result.err}")


def _split_partitions(raw: Path, objects: int) -> Mapping[str, Path | bytes]:
    """Return each partition in that many objects; the app logs have one reject."""
    result: dict[str, Path | bytes] = {}
    for partition in sorted(raw.glob("*/dt=*")):
        folder = partition.relative_to(raw).as_posix()
        lines = [
            line
            for path in sorted(partition.rglob("*"))
            if path.is_file() and path.name[0] not in "_."
            for line in _content(path).splitlines(keepends=True)
        ]
        if folder.startswith("app_logs/"):
            lines.append(REJECT)
        for number in range(objects):
            content = b"".join(lines[number::objects])
            name = f"{folder}/{number:05}.json.gz"
            result[name] = gzip.compress(content, 1, mtime=0)
        result[f"{folder}/{SUCCESS}"] = b""
    return result


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompressobj().decompress(content)
    return gzip.decompress(content) if path.suffix == ".gz" else content
