"""Four days of a real web server's log, run as `web_logs` partitions."""

import gzip
import re
from datetime import date, datetime
from pathlib import Path

import pytest

from tests.nightly.project import SOURCE, Project
from tests.nightly.s3_objects import upload_partitions
from tests.reference import MART_KEYS, differences, expected_marts, read_raw_data

LOG = SOURCE.parent / "shared/data/web_logs/apache_combined_2015-05.log.gz"
LINES = 10_000
TIME = re.compile(rb"\[(\d{2}/\w{3}/\d{4}):")


@pytest.mark.slow
def test_ten_thousand_real_log_lines_match_the_reference(
    project: Project, tmp_path: Path
) -> None:
    if not LOG.exists():
        pytest.skip(f"the real web log is not available: {LOG.name}")
    raw = tmp_path / "raw"
    days = _as_partitions(raw)
    upload_partitions(project, raw)
    dates = ("--from", days[0], "--to", days[-1])
    project.nightshift("backfill", *dates).expect(0)
    loads = project.rows(
        "select sum(lines) as lines, sum(rows_loaded) as rows, sum(rejects) as rejects "
        "from ops.loads where source = 'web_logs'"
    )[0]
    assert loads["lines"] == LINES == loads["rows"] + loads["rejects"]
    reference = expected_marts(read_raw_data(raw), data_date=days[-1], data_dates=days)
    sessions = project.rows("select * from marts.fct_web_sessions")
    lines = differences(
        reference.fct_web_sessions, sessions, key=MART_KEYS["fct_web_sessions"]
    )
    assert not lines, "\n".join(lines[:15])
    assert any(row["is_bot"] for row in sessions)


def _as_partitions(raw: Path) -> list[date]:
    """Write each line into its own day's partition; the other sources are empty."""
    by_day: dict[date, list[bytes]] = {}
    for line in gzip.decompress(LOG.read_bytes()).splitlines(keepends=True):
        match = TIME.search(line)
        assert match is not None
        day = datetime.strptime(match[1].decode(), "%d/%b/%Y").date()
        by_day.setdefault(day, []).append(line)
    for day, lines in by_day.items():
        for source in ("orgs", "metrics", "app_logs", "web_logs"):
            folder = raw / source / f"dt={day}"
            folder.mkdir(parents=True)
            if source == "web_logs":
                (folder / "access.log.gz").write_bytes(gzip.compress(b"".join(lines)))
            (folder / "_SUCCESS").touch()
    return sorted(by_day)
