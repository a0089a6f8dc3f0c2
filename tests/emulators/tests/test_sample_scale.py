"""A sample world with many lines takes more time, but not more memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
WRITE_AND_PRINT_PEAK = """
import resource, sys
from tests.emulators.sample.write import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""
LOG_SOURCES = ("app_logs", "web_logs")


def _sources_and_peak(folder: Path, *, scale: int) -> tuple[dict, int]:
    """Write one day in a new process; return its summary and its peak memory in MB."""
    line = f"--out {folder} --orgs 60 --days 1 --seed 7 --scale {scale} --json"
    result = subprocess.run(
        [sys.executable, "-c", WRITE_AND_PRINT_PEAK, *line.split()],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    summary, peak = result.stdout.splitlines()
    return json.loads(summary)["summary"]["sources"], int(peak) // 1024


@pytest.mark.slow
def test_memory_does_not_grow_with_the_lines(tmp_path: Path) -> None:
    few, few_peak = _sources_and_peak(tmp_path / "few", scale=1)
    many, many_peak = _sources_and_peak(tmp_path / "many", scale=120)
    for source in LOG_SOURCES:
        # The bots are not scaled.
        assert many[source]["lines"] > 70 * few[source]["lines"]
    assert many["web_logs"]["lines"] > 100_000
    # All lines of the day in memory would take more than twice as much.
    assert many_peak - few_peak < 40, (few_peak, many_peak)


def test_scale_affects_log_lines_only(tmp_path: Path) -> None:
    few, _ = _sources_and_peak(tmp_path / "few", scale=1)
    more, _ = _sources_and_peak(tmp_path / "more", scale=3)
    assert more["app_logs"]["lines"] > 2 * few["app_logs"]["lines"]
    assert more["metrics"] == few["metrics"]
    assert more["orgs"] == few["orgs"]
