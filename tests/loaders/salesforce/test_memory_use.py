"""A sync of five times as many rows takes the same memory, in a process of its own."""

import os
import re
import subprocess
import sys

import pytest

from loaders import warehouse
from loaders.config.settings import PROJECT
from tests.bench.salesforce import table_of
from tests.loaders.salesforce.world import MAPPING, NIGHT, Connected, Mart

SIZES = (40_000, 200_000)
MAY_DIFFER_MB = 60  # a kilobyte kept of each row would be 160
SYNC = """
import re, sys
from datetime import date
from pathlib import Path
from loaders import settings
from loaders.salesforce import mapping, sync
from loaders.salesforce.policy import SyncPolicy

request = sync.SyncRequest(
    mapping=mapping.load(), data_date=date.fromisoformat(sys.argv[1]),
    spool=Path(sys.argv[2]),
)
policy = SyncPolicy(poll_first_seconds=0.1)
for _ in range(2):
    result = sync.run(request, settings.load().salesforce, policy=policy)
    peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())
    print("\\npeak", result.accepted, result.unchanged, int(peak[1]) // 1000)
"""


def _peaks(mart: Mart, connected: Connected, rows: int) -> list[int]:
    """Sync a new object twice; return the peaks in MB after each, checked for rows."""
    connected.org.store.remove_all(connected.sobject)
    with warehouse.transaction() as connection:
        connection.execute(f"delete from {connection.table('ops', 'salesforce_rows')}")
        connection.execute(table_of(rows, MAPPING.model))
    environment = {**os.environ, **connected.running.environment()}
    with mart.let_go():
        ended = subprocess.run(
            [sys.executable, "-c", SYNC, str(NIGHT), str(connected.spool)],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
        )
    assert ended.returncode == 0, ended.stderr
    told = re.findall(r"^peak (\d+) (\d+) (\d+)$", ended.stdout, re.MULTILINE)
    assert [line[:2] for line in told] == [(str(rows), "0"), ("0", str(rows))]
    return [int(peak) for *_, peak in told]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
def test_memory_does_not_grow_with_the_rows(mart: Mart, connected: Connected) -> None:
    connected.org.store.watcher = None  # it would keep every write
    few, many = (_peaks(mart, connected, rows) for rows in SIZES)
    print(f"peaks of {SIZES} rows: {few} and {many} MB")
    assert many[0] - few[0] < MAY_DIFFER_MB
    assert many[1] - few[1] < MAY_DIFFER_MB
