"""The peak memory of a sync does not grow with the number of rows."""

import os
import re
import subprocess
import sys

import pytest

from loaders import warehouse
from loaders.config.settings import PROJECT
from tests.bench.salesforce import create_mart_statement
from tests.loaders.salesforce.fixtures import DATA_DATE, MAPPING, Mart, SalesforceOrg

SIZES = (40_000, 200_000)
MAX_DIFFERENCE_MB = 60  # keeping one kilobyte per row would add 160
SYNC = """
import re, sys
from datetime import date
from pathlib import Path
from loaders.config import settings
from loaders.config import salesforce_mapping as mapping
from loaders.salesforce import sync
from loaders.salesforce.context import SyncRequest

request = SyncRequest(
    mapping=mapping.load(), data_date=date.fromisoformat(sys.argv[1]),
    spool=Path(sys.argv[2]),
)
for _ in range(2):
    result = sync.run(request, settings.load().salesforce)
    peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())
    print("\\npeak", result.accepted, result.unchanged, int(peak[1]) // 1000)
"""


def _peaks(mart: Mart, salesforce: SalesforceOrg, rows: int) -> list[int]:
    """Sync to an empty object twice; return the peak memory in MB after each sync."""
    salesforce.org.store.delete_all(salesforce.sobject)
    with warehouse.transaction() as connection:
        for table in ("salesforce_rows", "salesforce_state"):
            connection.execute(f"delete from {connection.table('ops', table)}")
        connection.execute(create_mart_statement(rows, MAPPING.model))
    environment = {**os.environ, **salesforce.running.environment()}
    with mart.closed():
        completed = subprocess.run(
            [sys.executable, "-c", SYNC, str(DATA_DATE), str(salesforce.spool)],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
        )
    assert completed.returncode == 0, completed.stderr
    peaks = re.findall(r"^peak (\d+) (\d+) (\d+)$", completed.stdout, re.MULTILINE)
    assert [line[:2] for line in peaks] == [(str(rows), "0"), ("0", str(rows))]
    return [int(peak) for *_, peak in peaks]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak memory comes from /proc")
def test_memory_use_does_not_grow_with_the_rows(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    salesforce.org.store.on_write = None  # it would keep every write in memory
    few, many = (_peaks(mart, salesforce, rows) for rows in SIZES)
    print(f"peaks of {SIZES} rows: {few} and {many} MB")
    assert many[0] - few[0] < MAX_DIFFERENCE_MB
    assert many[1] - few[1] < MAX_DIFFERENCE_MB
