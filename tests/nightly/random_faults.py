"""Random faults for whole runs: what breaks, and how a run with it may end."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import requests

from tests.emulators.s3_faults import injected_faults
from tests.emulators.sample.world import SOURCES, World
from tests.nightly.project import Project
from tests.nightly.s3_objects import (
    delete_objects,
    list_etags,
    s3_client,
    split_url,
    upload_objects,
)

# As a shell gives them: 128 and the signal's number for a process that it ended.
DONE, FAILED, KILLED, INTERRUPTED, TERMINATED = 0, 1, 137, 130, 143
TIMEOUT_SECONDS = 30
# One of them is delivered together with rows.
REJECTS = (
    b"not JSON",
    b"\xff\xfe",
    b"x" * 70_000,
    b'{"event_id":"x","event_id":"y"}',
    b'{"event_id":"x","ts":"9999-12-31T23:59:59-05:00","org_id":1,"level":"a"}',
)
ROWS_PER_REJECT = 199
S3_FAULTS = (
    {"operation": "GetObject", "code": "SlowDown", "status": 503, "times": 2},
    {"operation": "GetObject", "code": "InternalError", "status": 500, "times": 2},
    {"operation": "GetObject", "cut_at": 10, "times": 1},
    {"operation": "PutObject", "code": "ServiceUnavailable", "status": 503},
    {"operation": "ListObjectsV2", "code": "Throttling", "status": 400, "times": 2},
    {"operation": "GetObject", "drop": True, "on": 3},
)
S3_REFUSALS = (
    {"operation": "GetObject", "code": "AccessDenied", "status": 403, "times": 0},
    {"operation": "GetObject", "code": "InvalidObjectState", "status": 403, "times": 0},
    {"operation": "PutObject", "code": "AccessDenied", "status": 403, "times": 0},
)
SALESFORCE_FAULTS = (
    {"kind": "unavailable", "times": 2},
    {"kind": "cut_before", "method": "POST"},
    {"kind": "cut_after", "method": "POST", "after": 1},
    {"kind": "cut_after", "method": "PATCH"},
    {"kind": "expire_tokens", "after": 2},
    {"kind": "lock", "rows": 5, "attempts": 2},
    {"kind": "no_limits"},
)


@dataclass(frozen=True)
class Week:
    """A project in the middle of a week of runs, and the folder of its raw data.

    `raw` has the partitions up to `day`, as they are on S3. `environment` has variables
    for the runs.
    """

    project: Project
    world: World
    raw: Path
    day: date
    random: Random
    environment: dict[str, str] = field(default_factory=dict)

    def upload(self, source: str, dt: date, name: str, content: bytes) -> None:
        """Deliver an object, and keep it for the reference implementation."""
        (self.raw / source / f"dt={dt}" / name).write_bytes(content)
        upload_objects(self.project, {f"{source}/dt={dt}/{name}": content})


# While the fault is active, the test runs the day; it may end with one of these codes.
Fault = Callable[[Week], AbstractContextManager[tuple[int, ...]]]


@contextmanager
def s3_is_busy(week: Week) -> Iterator[tuple[int, ...]]:
    """Let S3 fail a few requests, which the run sends again."""
    with injected_faults(week.project.environment, week.random.choice(S3_FAULTS)):
        yield (DONE,)


@contextmanager
def s3_refuses(week: Week) -> Iterator[tuple[int, ...]]:
    """Let S3 refuse every request of a kind."""
    with injected_faults(week.project.environment, week.random.choice(S3_REFUSALS)):
        yield (DONE, FAILED)


@contextmanager
def salesforce_is_busy(week: Week) -> Iterator[tuple[int, ...]]:
    """Let Salesforce fail a few requests or rows, which the sync sends again."""
    _set_salesforce_faults(week.project, week.random.choice(SALESFORCE_FAULTS))
    yield (DONE,)
    _set_salesforce_faults(week.project)


@contextmanager
def salesforce_is_down(week: Week) -> Iterator[tuple[int, ...]]:
    """Let Salesforce fail every request of the API."""
    fault = {"kind": "answer", "status": 500, "code": "UNKNOWN", "times": 10_000}
    _set_salesforce_faults(week.project, fault)
    yield (DONE, FAILED)
    _set_salesforce_faults(week.project)


def _set_salesforce_faults(project: Project, *faults: dict[str, object]) -> None:
    url = f"{project.environment['NIGHTSHIFT_SALESFORCE__INSTANCE_URL']}/admin/faults"
    options = {
        "verify": project.environment["REQUESTS_CA_BUNDLE"],
        "timeout": TIMEOUT_SECONDS,
    }
    requests.delete(url, **options).raise_for_status()
    if faults:
        requests.post(url, json=list(faults), **options).raise_for_status()


@contextmanager
def object_is_damaged(week: Week) -> Iterator[tuple[int, ...]]:
    """Deliver a truncated object, and withdraw it later."""
    source = week.random.choice(SOURCES)
    name = f"{source}/dt={week.day}/damaged.json.gz"
    content = gzip.compress(b'{"org_id": 1}\n' * 400, mtime=0)[:-20]
    upload_objects(week.project, {name: content})
    yield (FAILED,)
    delete_objects(week.project, f"{week.project.raw_url}/{name}")


@contextmanager
def partition_is_incomplete(week: Week) -> Iterator[tuple[int, ...]]:
    """Delete `_SUCCESS` for some time."""
    marker = f"{week.random.choice(SOURCES)}/dt={week.day}/_SUCCESS"
    delete_objects(week.project, f"{week.project.raw_url}/{marker}")
    yield (DONE, FAILED)
    upload_objects(week.project, {marker: b""})


@contextmanager
def dirty_object_arrives(week: Week) -> Iterator[tuple[int, ...]]:
    """Deliver an object with a reject and some rows, for the day or the day before."""
    dt = week.random.choice([day for day in week.world.dates if day <= week.day][-2:])
    name = f"late-{week.random.randrange(10**9)}"
    rows = [
        f'{{"event_id":"{name}-{number}","ts":"{dt} 12:00","org_id":{1000 + number},'
        f'"level":"INFO","event":"login"}}\r'.encode()
        for number in range(ROWS_PER_REJECT)
    ]
    lines = [b"\xef\xbb\xbf" + rows[0], week.random.choice(REJECTS), *rows[1:]]
    week.upload("app_logs", dt, f"{name}.json", b"\n".join(lines))
    yield (DONE,)


@contextmanager
def object_is_replaced(week: Week) -> Iterator[tuple[int, ...]]:
    """Replace an object by the same lines in another order."""
    partition = week.raw / "metrics" / f"dt={week.day}"
    path = week.random.choice(
        sorted(path for path in partition.iterdir() if path.suffix == ".json")
        or [partition / "new.json"]
    )
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    week.upload("metrics", week.day, path.name, b"".join(reversed(lines)))
    yield (DONE,)


@contextmanager
def archive_is_lost(week: Week) -> Iterator[tuple[int, ...]]:
    """Delete some objects of the archive."""
    keys = sorted(list_etags(week.project, week.project.archive_url))
    bucket, prefix = split_url(week.project.archive_url)
    for key in week.random.sample(keys, min(3, len(keys))):
        s3_client(week.project).delete_object(Bucket=bucket, Key=f"{prefix}{key}")
    yield (DONE,)


@contextmanager
def table_is_dropped(week: Week) -> Iterator[tuple[int, ...]]:
    """Drop a mart or an intermediate table."""
    tables = _query(
        week,
        "select table_schema || '.' || table_name as name "
        "from information_schema.tables where table_type = 'BASE TABLE' "
        "and table_schema in ('marts', 'intermediate') order by 1",
    )
    if tables:
        week.project.execute(f"drop table {week.random.choice(tables)['name']} cascade")
    yield (DONE,)


@contextmanager
def completion_record_is_lost(week: Week) -> Iterator[tuple[int, ...]]:
    """Delete a tenth of a ledger's rows."""
    table = week.random.choice(("loads", "model_runs", "archives"))
    if _query(week, "from duckdb_tables() where schema_name = 'ops'"):
        condition = "hash(run_id, rowid) % 10 = 0"
        week.project.execute(f"delete from ops.{table} where {condition}")
    yield (DONE,)


def _query(week: Week, query: str) -> list[dict[str, Any]]:
    """Return a query's rows; none before the first run has created the warehouse."""
    return week.project.rows(query) if week.project.warehouse.exists() else []


@contextmanager
def mail_server_is_down(week: Week) -> Iterator[tuple[int, ...]]:
    """Connect to a port where no mail server listens."""
    week.environment["NIGHTSHIFT_SMTP__PORT"] = "9"
    yield (DONE, FAILED)
    week.environment.clear()


@contextmanager
def next_day_is_run_early(week: Week) -> Iterator[tuple[int, ...]]:
    """Run the next data date, whose partitions do not exist yet."""
    next_day = week.day + timedelta(days=1)
    week.project.nightshift("run", "--date", next_day).expect(FAILED)
    yield (DONE,)


FAULTS: tuple[Fault, ...] = (
    s3_is_busy,
    s3_refuses,
    salesforce_is_busy,
    salesforce_is_down,
    object_is_damaged,
    partition_is_incomplete,
    dirty_object_arrives,
    object_is_replaced,
    archive_is_lost,
    table_is_dropped,
    completion_record_is_lost,
    mail_server_is_down,
    next_day_is_run_early,
)
