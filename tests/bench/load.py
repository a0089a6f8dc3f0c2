"""Benchmark of a load from S3 against DuckDB's own reader on local files."""

import gzip
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

from tests.bench.measurement import Measurement, measure, measure_python
from tests.bench.report import Comparison
from tests.emulators import up
from tests.nightly.project import copy_to
from tests.nightly.s3_objects import upload_partitions

DATA_DATE = date(2026, 11, 24)
LINES = 2_000_000
OBJECTS = 8
REJECT_EVERY = 1_000
REPEATS = 3
LOAD_PARTITION = """
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


def load_app_logs() -> Iterator[Comparison]:
    """Compare a load of two million lines, 0.1% of them rejects, with `read_json`.

    The time to start Python is excluded on both sides.
    """
    with tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name:
        folder = Path(name)
        _write_partition(folder / "raw" / "app_logs" / f"dt={DATA_DATE}")
        with up.running("s3") as emulators:
            project = copy_to(folder / "project", emulators.environment)
            upload_partitions(project, folder / "raw")
            ours, read_json = [], []
            for _ in range(REPEATS):
                ours.append(measure_python(project, LOAD_PARTITION, DATA_DATE, LINES))
                read_json.append(_read_json(folder))
    yield Comparison(
        "load of 2,000,000 app log lines, rejects stored",
        "million rows per second",
        _million_rows_per_second(ours),
        _million_rows_per_second(read_json),
        "DuckDB's read_json of the same local files",
        "at least 0.8x",
    )
    yield Comparison(
        "peak memory of the load",
        "MB",
        max(run.megabytes for run in ours),
        max(run.megabytes for run in read_json),
        "DuckDB's read_json",
        "under 1,000 MB",
    )


def _million_rows_per_second(runs: list[Measurement]) -> float:
    return LINES / median(float(run.last_line) for run in runs) / 1e6


def _read_json(folder: Path) -> Measurement:
    files = str(folder / "raw" / "app_logs" / f"dt={DATA_DATE}" / "*.gz")
    database = folder / "read_json.duckdb"
    database.unlink(missing_ok=True)
    return measure(
        [sys.executable, "-c", READ_JSON, str(database), files],
        folder=folder,
        environment=dict(os.environ),
    )


def _write_partition(partition: Path) -> None:
    partition.mkdir(parents=True)
    midnight = datetime(DATA_DATE.year, DATA_DATE.month, DATA_DATE.day, tzinfo=UTC)
    random = Random(7)
    for object_number in range(OBJECTS):
        path = partition / f"part-{object_number:04}.json.gz"
        with gzip.open(path, "wt", encoding="utf-8", compresslevel=5) as file:
            for line_number in range(object_number, LINES, OBJECTS):
                file.write(_line(line_number, midnight, random))
    (partition / "_SUCCESS").touch()


def _line(number: int, midnight: datetime, random: Random) -> str:
    if number % REJECT_EVERY == 0:
        return '{"event_id": "truncated\n'
    at = midnight + timedelta(seconds=random.randrange(86_400))
    event = {
        "event_id": f"e-{number:012}",
        "ts": at.isoformat().replace("+00:00", "Z"),
        "org_id": 1000 + random.randrange(3_000),
        "user_id": 50_000 + random.randrange(20_000),
        "level": random.choice(("INFO", "INFO", "WARN", "ERROR")),
        "event": random.choice(("page_view", "query", "login", "alert_saved")),
        "path": f"/dashboards/{random.randrange(900)}",
        "status": random.choice((200, 200, 304, 500)),
        "duration_ms": random.randrange(4_000),
        "attributes": {"region": random.choice(("eu", "us")), "build": number % 97},
    }
    return json.dumps(event) + "\n"
