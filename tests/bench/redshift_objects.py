"""Benchmark of loads into Redshift by the number of objects of a partition."""

import gzip
import json
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from tests.bench.measurement import measure_python
from tests.bench.report import Comparison
from tests.emulators import up
from tests.nightly.project import copy_to
from tests.nightly.s3_objects import upload_objects

DATA_DATE = date(2026, 11, 24)
LINES = 20_000
OBJECTS = (4, 40, 400, 4_000)
# Prints the seconds, the statements and the COPYs of a load.
LOAD_PARTITION = """
import sys, time
from datetime import date
from loaders import warehouse
from orchestrate.tasks.load import load_partitions
warehouse.run_in_transaction(warehouse.ensure_tables)
QUERY = (
    "-- tests.bench count statements\\n"
    "select count(*), sum(case when query_type = 'COPY' then 1 else 0 end) "
    "from sys_query_history where query_text like '-- loaders%'"
)
with warehouse.session() as connection:
    before = connection.fetch_one(QUERY)
    started = time.perf_counter()
    (result,) = load_partitions("app_logs", [date.fromisoformat(sys.argv[1])])
    seconds = time.perf_counter() - started
    after = connection.fetch_one(QUERY)
assert (result.lines, result.rejects) == (int(sys.argv[2]), 1), result
print(seconds, after[0] - before[0], int(after[1] or 0) - int(before[1] or 0))
"""


def redshift_objects() -> Iterator[Comparison]:
    """Load the same lines, one of them a reject, in more and more objects."""
    baseline: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="nightshift-bench-") as name,
        up.running("s3", "redshift", data=Path(name) / "emulators") as emulators,
    ):
        project = copy_to(Path(name) / "project", emulators.environment)
        for number, objects in enumerate(OBJECTS):
            day = DATA_DATE - timedelta(days=number)
            upload_objects(project, _partition(day, objects))
            measured = measure_python(project, LOAD_PARTITION, day, LINES)
            seconds, statements, copies = map(float, measured.last_line.split())
            for what, unit, value, goal in (
                ("statements", "", statements, "the same"),
                ("COPYs", "", copies, "the same"),
                ("time", "s", seconds, "at most 1.5x for 400 objects"),
                ("peak memory", "MB", measured.megabytes, ""),
            ):
                yield Comparison(
                    f"{what} of a load of {LINES:,} lines in {objects:,} objects",
                    unit,
                    value,
                    baseline.setdefault(what, value),
                    f"{OBJECTS[0]} objects",
                    goal,
                )


def _partition(day: date, objects: int) -> dict[str, Path | bytes]:
    """Return the objects of a partition: the last line is a reject."""
    share = LINES // objects
    lines = [
        json.dumps(
            {
                "event_id": f"e{number}",
                "ts": f"{day}T10:00:00Z",
                "org_id": number % 100,
                "user_id": number % 1_000,
                "level": "INFO",
                "event": "login",
            }
        )
        for number in range(LINES - 1)
    ] + ["no record"]
    folder = f"app_logs/dt={day}"
    partition: dict[str, Path | bytes] = {f"{folder}/_SUCCESS": b""}
    for number in range(objects):
        content = "\n".join(lines[number * share : (number + 1) * share]) + "\n"
        partition[f"{folder}/{number:05}.json.gz"] = gzip.compress(content.encode(), 1)
    return partition
