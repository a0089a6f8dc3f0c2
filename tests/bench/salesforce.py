"""Benchmarks of a sync against the upsert of simple_salesforce."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from tests.bench.measurement import (
    Measurement,
    measure,
    measure_python,
    project_with_raw_data,
)
from tests.bench.report import Comparison
from tests.emulators.sample.world import World
from tests.nightly.project import Project

DATA_DATE = date(2026, 11, 24)
ROWS = 100_000
MANY_ROWS = 1_000_000
MEMORY_LIMIT_MB = 300
# The seconds that a sync of many rows may take, by percentage of changed rows.
GOALS = {0: 3, 1: 6}
UPSERT = "simple_salesforce's bulk2.upsert"
CREATE_MART = f"""
create or replace table marts.{{name}} as
select
    cast(number as varchar) as org_id__c,
    'Org ' || number as org_name__c,
    date '{DATA_DATE}' as generated_date__c,
    date '{DATA_DATE}' - cast(number % 43 as integer) as trial_start_date__c,
    cast(number % 43 + 1 as integer) as org_day__c,
    cast(greatest(0, 13 - number % 43) as integer) as days_left_in_trial__c,
    'Trial' as billing_plan__c,
    number % 5 = 0 as is_paid__c,
    case when number % 5 = 0 then date '{DATA_DATE}' end as converted_on__c,
    number % 900 as hosts__c,
    number % 20 as integrations__c,
    number % 70 as dashboards__c,
    number % 9000 as metrics__c,
    cast(number % 900 as numeric(18, 2)) as median_hosts__c,
    cast(number % 20 as numeric(18, 2)) as median_integrations__c,
    cast(number % 70 as numeric(18, 2)) as median_dashboards__c,
    cast(number % 9000 as numeric(18, 2)) as median_metrics__c,
    number % 14 as active_days__c,
    number % 30 as active_users__c,
    date '{DATA_DATE}' as last_active_date__c,
    cast(number % 1000 / 10.0 as numeric(5, 1)) as target_attainment__c,
    'stalled' as interesting_reasons__c
from range(1, {{rows}} + 1) as numbers (number)
"""
NIGHTSHIFT_SYNC = """
import sys
from datetime import date
from loaders.config.settings import PROJECT
from loaders import warehouse
from loaders.config import settings
from loaders.config import salesforce_mapping
from loaders.salesforce import sync
from loaders.salesforce.context import SyncRequest
with warehouse.transaction() as connection:
    warehouse.ensure_tables(connection)
request = SyncRequest(
    mapping=salesforce_mapping.load(), data_date=date.fromisoformat(sys.argv[1]),
    spool=PROJECT / "var" / "spool",
)
result = sync.run(request, settings.load().salesforce)
assert result.accepted == int(sys.argv[2]), result
"""
DELTA_SYNC = """
import re, sys
from datetime import date
from pathlib import Path
from loaders.config.settings import PROJECT
from loaders import warehouse
from loaders.config import salesforce_mapping, settings
from loaders.salesforce import sync
from loaders.salesforce.context import SyncRequest

def megabytes(name):
    status = Path("/proc/self/status").read_text()
    return int(re.search(name + r":\\s*(\\d+) kB", status)[1]) / 1000

with warehouse.transaction() as connection:
    warehouse.ensure_tables(connection)
request = SyncRequest(
    mapping=salesforce_mapping.load(), data_date=date.fromisoformat(sys.argv[1]),
    spool=PROJECT / "var" / "spool",
)
start = megabytes("VmRSS")
result = sync.run(request, settings.load().salesforce)
assert (result.accepted, result.unchanged) == tuple(map(int, sys.argv[2:])), result
print(megabytes("VmHWM") - start)
"""
SIMPLE_SALESFORCE_UPSERT = """
import os, sys
import duckdb, requests
from simple_salesforce import Salesforce
environment = os.environ
base = environment["NIGHTSHIFT_SALESFORCE__INSTANCE_URL"]
token = requests.post(
    base + "/services/oauth2/token", data={"grant_type": "client_credentials"},
    auth=(environment["NIGHTSHIFT_SALESFORCE__CLIENT_ID"],
          environment["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"]),
).json()["access_token"]
client = Salesforce(session_id=token, instance_url=base, version="60.0")
cursor = duckdb.connect(sys.argv[1], read_only=True).execute(
    "select * from marts.sf_trial_metrics")
fields = [column[0] for column in cursor.description]
records = [
    {field: "" if value is None else str(value) for field, value in zip(fields, row)}
    for row in cursor.fetchall()
]
jobs = client.bulk2.Trial_Metrics__c.upsert(
    records=records, external_id_field="org_id__c", wait=1)
assert sum(job["numberRecordsProcessed"] for job in jobs) == int(sys.argv[2]), jobs
"""


def create_mart_statement(rows: int, name: str = "sf_trial_metrics") -> str:
    """Return the statement that creates a mart with that many rows."""
    return CREATE_MART.format(rows=rows, name=name)


def first_sync() -> Iterator[Comparison]:
    """Compare a first sync to an empty object with simple_salesforce."""
    with _project_with_mart(ROWS) as project:
        ours = measure_python(project, NIGHTSHIFT_SYNC, DATA_DATE, ROWS)
    with _project_with_mart(ROWS) as project:
        upsert = _simple_salesforce_upsert(project)
    baseline = UPSERT
    thousands = ROWS / 1_000
    yield Comparison(
        f"first sync of {ROWS:,} rows, with comparison, results and ledger",
        "thousand rows per second",
        thousands / ours.seconds,
        thousands / upsert.seconds,
        f"{baseline}, without fetching results",
    )
    yield Comparison(
        "client CPU time of the sync",
        "s",
        ours.cpu_seconds,
        upsert.cpu_seconds,
        baseline,
    )
    yield Comparison(
        "peak memory of the sync", "MB", ours.megabytes, upsert.megabytes, baseline
    )


def delta() -> Iterator[Comparison]:
    """Compare syncs in which some rows changed with the first one."""
    for rows in (ROWS, MANY_ROWS):
        with _project_with_mart(rows) as project:
            first = measure_python(project, DELTA_SYNC, DATA_DATE, rows, 0)
            yield from _delta_comparisons("first sync", rows, first, first)
            for percent in (0, 1, 10):
                if percent:
                    project.execute(
                        "update marts.sf_trial_metrics set hosts__c = hosts__c + 1 "
                        f"where cast(org_id__c as bigint) % 100 < {percent}"
                    )
                changed = rows * percent // 100
                run = measure_python(
                    project, DELTA_SYNC, DATA_DATE, changed, rows - changed
                )
                yield from _delta_comparisons(
                    f"sync with {percent} % changed", rows, run, first
                )
                if rows == MANY_ROWS and percent in GOALS:
                    yield Comparison(
                        "the same without the CPU time of the emulator",
                        "s",
                        run.seconds - run.emulator_seconds,
                        float(GOALS[percent]),
                        "the limit",
                        "at most 1",
                    )
        if rows == ROWS:
            with _project_with_mart(rows) as project:
                upsert = _simple_salesforce_upsert(project)
            yield Comparison(
                f"first sync of {rows:,} rows",
                "thousand rows per second",
                rows / 1_000 / first.seconds,
                rows / 1_000 / upsert.seconds,
                UPSERT,
                "at least 1.0x",
            )
            yield Comparison(
                "client CPU time of it",
                "s",
                first.cpu_seconds,
                upsert.cpu_seconds,
                UPSERT,
                "at most 1.5x",
            )


def _delta_comparisons(
    name: str, rows: int, run: Measurement, first: Measurement
) -> Iterator[Comparison]:
    baseline = "the first sync"
    yield Comparison(
        f"{name}, {rows:,} rows", "s", run.seconds, first.seconds, baseline
    )
    yield Comparison(
        "client CPU time of it", "s", run.cpu_seconds, first.cpu_seconds, baseline
    )
    yield Comparison(
        "peak memory above the process at start",
        "MB",
        float(run.last_line),
        float(first.last_line),
        baseline,
    )


def memory_of_first_sync() -> Iterator[Comparison]:
    """Measure the peak memory of a first sync of ten times as many rows."""
    with _project_with_mart(MANY_ROWS) as project:
        run = measure_python(project, NIGHTSHIFT_SYNC, DATA_DATE, MANY_ROWS)
    yield Comparison(
        f"peak memory of a first sync of {MANY_ROWS:,} rows",
        "MB",
        run.megabytes,
        float(MEMORY_LIMIT_MB),
        "the limit",
        "at most 1",
    )


@contextmanager
def _project_with_mart(rows: int) -> Iterator[Project]:
    world = World(orgs=25, days=1, until=DATA_DATE)
    with project_with_raw_data(world) as project:
        project.warehouse.parent.mkdir(exist_ok=True)
        project.execute("create schema if not exists marts")
        project.execute(create_mart_statement(rows))
        yield project


def _simple_salesforce_upsert(project: Project) -> Measurement:
    code = SIMPLE_SALESFORCE_UPSERT
    return measure(
        [sys.executable, "-c", code, str(project.warehouse), str(ROWS)],
        folder=project.folder,
        environment=project.environment_with(),
    )
