"""A sync of many rows, held against simple_salesforce's own upsert."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from tests.bench.measuring import Spent, projects, python, spent
from tests.bench.report import Pair
from tests.emulators.sample.world import World
from tests.nightly.project import Project

NIGHT = date(2026, 11, 24)
ROWS = 100_000
MANY_ROWS = 1_000_000
MEMORY_GOAL_MB = 300
TABLE = f"""
create or replace table marts.{{name}} as
select
    cast(place as varchar) as org_id__c,
    'Org ' || place as org_name__c,
    date '{NIGHT}' as generated_date__c,
    date '{NIGHT}' - cast(place % 43 as integer) as trial_start_date__c,
    cast(place % 43 + 1 as integer) as org_day__c,
    cast(greatest(0, 13 - place % 43) as integer) as days_left_in_trial__c,
    'Trial' as billing_plan__c,
    place % 5 = 0 as is_paid__c,
    case when place % 5 = 0 then date '{NIGHT}' end as converted_on__c,
    place % 900 as hosts__c,
    place % 20 as integrations__c,
    place % 70 as dashboards__c,
    place % 9000 as metrics__c,
    cast(place % 900 as numeric(18, 2)) as median_hosts__c,
    cast(place % 20 as numeric(18, 2)) as median_integrations__c,
    cast(place % 70 as numeric(18, 2)) as median_dashboards__c,
    cast(place % 9000 as numeric(18, 2)) as median_metrics__c,
    place % 14 as active_days__c,
    place % 30 as active_users__c,
    date '{NIGHT}' as last_active_date__c,
    cast(place % 1000 / 10.0 as numeric(5, 1)) as target_attainment__c,
    'stalled' as interesting_reasons__c
from range(1, {{rows}} + 1) as places (place)
"""
OURS = """
import sys
from datetime import date
from orchestrate.tasks.export import SPOOL
from loaders import settings, warehouse
from loaders.salesforce import mapping, sync
with warehouse.transaction() as connection:
    warehouse.ensure_tables(connection)
request = sync.SyncRequest(
    mapping=mapping.load(), data_date=date.fromisoformat(sys.argv[1]), spool=SPOOL
)
result = sync.run(request, settings.load().salesforce)
assert result.accepted == int(sys.argv[2]), result
"""
THEIRS = """
import os, sys
import duckdb, requests
from simple_salesforce import Salesforce
given = os.environ
base = given["NIGHTSHIFT_SALESFORCE__INSTANCE_URL"]
token = requests.post(
    base + "/services/oauth2/token", data={"grant_type": "client_credentials"},
    auth=(given["NIGHTSHIFT_SALESFORCE__CLIENT_ID"],
          given["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"]),
).json()["access_token"]
client = Salesforce(session_id=token, instance_url=base, version="60.0")
cursor = duckdb.connect(sys.argv[1], read_only=True).execute(
    "select * from marts.sf_trial_metrics")
names = [column[0] for column in cursor.description]
records = [
    {n: "" if v is None else str(v) for n, v in zip(names, row)}
    for row in cursor.fetchall()
]
jobs = client.bulk2.Trial_Metrics__c.upsert(
    records=records, external_id_field="org_id__c", wait=1)
assert sum(job["numberRecordsProcessed"] for job in jobs) == int(sys.argv[2]), jobs
"""


def table_of(rows: int, name: str = "sf_trial_metrics") -> str:
    """Return the statement that makes a mart of so many rows."""
    return TABLE.format(rows=rows, name=name)


def sync_of_many_rows() -> Iterator[Pair]:
    """Measure a first sync of all rows, each tool into an empty object."""
    runs: dict[str, Spent] = {}
    for name, code in (("ours", OURS), ("theirs", THEIRS)):
        with _mart_of(ROWS) as project:
            runs[name] = _run(project, code, is_ours=name == "ours")
    ours, theirs = runs["ours"], runs["theirs"]
    against = "simple_salesforce's bulk2.upsert"
    thousands = ROWS / 1_000
    yield Pair(
        f"first sync of {ROWS:,} rows, diff, results and ledger included",
        "thousand rows a second",
        thousands / ours.seconds,
        thousands / theirs.seconds,
        f"{against}, results not fetched",
        "",
    )
    yield Pair(
        "its client's CPU", "s", ours.cpu_seconds, theirs.cpu_seconds, against, ""
    )
    yield Pair("its peak memory", "MB", ours.megabytes, theirs.megabytes, against, "")


def memory_of_a_million_rows() -> Iterator[Pair]:
    """Measure the peak of a first sync of ten times as many rows, DuckDB included."""
    with _mart_of(MANY_ROWS) as project:
        run = python(project, OURS, NIGHT, MANY_ROWS)
    yield Pair(
        f"peak memory of a first sync of {MANY_ROWS:,} rows",
        "MB",
        run.megabytes,
        float(MEMORY_GOAL_MB),
        "the limit set for it",
        "at most 1",
    )


@contextmanager
def _mart_of(rows: int) -> Iterator[Project]:
    with projects(World(orgs=25, days=1, until=NIGHT)) as project:
        project.warehouse.parent.mkdir(exist_ok=True)
        project.change("create schema if not exists marts")
        project.change(table_of(rows))
        yield project


def _run(project: Project, code: str, *, is_ours: bool) -> Spent:
    if is_ours:
        return python(project, code, NIGHT, ROWS)
    return spent(
        [sys.executable, "-c", code, str(project.warehouse), str(ROWS)],
        folder=project.folder,
        environment=project.environment_with(),
    )
