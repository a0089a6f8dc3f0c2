"""A load from S3, held against DuckDB's own reader on local files."""

import gzip
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

from tests.bench.measuring import Spent, python, spent
from tests.bench.report import Pair, middle
from tests.emulators import up
from tests.nightly.deliveries import deliver
from tests.nightly.project import copy_to

DAY = date(2026, 11, 24)
LINES = 2_000_000
OBJECTS = 8
REJECT_EVERY = 1_000
TURNS = 3
ONE_LOAD = """
import sys, time
from datetime import date
from orchestrate.tasks.load import load_partitions
started = time.perf_counter()
(result,) = load_partitions("app_logs", [date.fromisoformat(sys.argv[1])])
assert result.lines == int(sys.argv[2]) and result.rejects, result
print(time.perf_counter() - started)
"""
READ_JSON = """
import sys, time
import duckdb
connection = duckdb.connect(sys.argv[1])
started = time.perf_counter()
connection.execute("create or replace table events as select * from read_json(?, "
    "format = 'newline_delimited', ignore_errors = true, columns = {"
    "event_id: 'varchar', ts: 'timestamp', org_id: 'bigint', user_id: 'bigint', "
    "level: 'varchar', event: 'varchar', path: 'varchar', status: 'integer', "
    "duration_ms: 'integer', attributes: 'json'})", [sys.argv[2]])
print(time.perf_counter() - started)
"""


def load_of_app_logs() -> Iterator[Pair]:
    """Measure two million lines with 0.1 % rejects: from S3, and by `read_json`.

    The start of Python is not counted, on either side.
    """
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        _write(folder / "raw" / "app_logs" / f"dt={DAY}")
        with up.running("s3") as stack:
            project = copy_to(folder / "project", stack.environment)
            deliver(project, folder / "raw")
            ours, theirs = [], []
            for _ in range(TURNS):
                ours.append(python(project, ONE_LOAD, DAY, LINES))
                theirs.append(_read_json(folder))
    yield Pair(
        "load of 2,000,000 app-log lines, rejects kept",
        "million rows a second",
        LINES / middle(float(run.last_line) for run in ours) / 1e6,
        LINES / middle(float(run.last_line) for run in theirs) / 1e6,
        "DuckDB's read_json of the same local files",
        "at least 0.8x",
    )
    yield Pair(
        "its peak memory",
        "MB",
        max(run.megabytes for run in ours),
        max(run.megabytes for run in theirs),
        "DuckDB's read_json",
        "under 1,000 MB",
    )


def _read_json(folder: Path) -> Spent:
    files = str(folder / "raw" / "app_logs" / f"dt={DAY}" / "*.gz")
    target = folder / "other.duckdb"
    target.unlink(missing_ok=True)
    return spent(
        [sys.executable, "-c", READ_JSON, str(target), files],
        folder=folder,
        environment=dict(os.environ),
    )


def _write(partition: Path) -> None:
    partition.mkdir(parents=True)
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    draw = Random(7)
    for number in range(OBJECTS):
        path = partition / f"part-{number:04}.json.gz"
        with gzip.open(path, "wt", encoding="utf-8", compresslevel=5) as file:
            for place in range(number, LINES, OBJECTS):
                file.write(_line(place, midnight, draw))
    (partition / "_SUCCESS").touch()


def _line(place: int, midnight: datetime, draw: Random) -> str:
    if place % REJECT_EVERY == 0:
        return '{"event_id": "cut off in the mid\n'
    at = midnight + timedelta(seconds=draw.randrange(86_400))
    event = {
        "event_id": f"e-{place:012}",
        "ts": at.isoformat().replace("+00:00", "Z"),
        "org_id": 1000 + draw.randrange(3_000),
        "user_id": 50_000 + draw.randrange(20_000),
        "level": draw.choice(("INFO", "INFO", "WARN", "ERROR")),
        "event": draw.choice(("page_view", "query", "login", "alert_saved")),
        "path": f"/dashboards/{draw.randrange(900)}",
        "status": draw.choice((200, 200, 304, 500)),
        "duration_ms": draw.randrange(4_000),
        "attributes": {"region": draw.choice(("eu", "us")), "build": place % 97},
    }
    return json.dumps(event) + "\n"
