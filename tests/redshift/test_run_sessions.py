"""A run takes few sessions and statements, and leaves none behind when interrupted."""

import signal
import time
from datetime import date, timedelta

import pytest

from tests.emulators.redshift.admin import send_request
from tests.redshift.project import RedshiftProject
from tests.redshift.statement_counts import counted

MAX_SESSIONS = 15
MAX_STATEMENTS = 800
MAX_SECONDS_TO_STOP = 12
POLL_SECONDS = 0.05

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("workers", [1, 4])
def test_run_is_a_handful_of_sessions(
    finished_run: tuple[RedshiftProject, date], workers: int
) -> None:
    project, data_date = finished_run
    run = ("run", "--date", data_date + timedelta(days=1), "--workers", workers)
    with counted(project.environment, project.admin_socket) as counts:
        result = project.nightshift(*run)
    assert result.code in (0, 2), result.out + result.err
    assert counts.copies, "nothing was counted"
    assert counts.sessions <= MAX_SESSIONS, counts
    assert counts.statements <= MAX_STATEMENTS, counts


def test_run_interrupted_in_a_dbt_statement_stops_and_leaves_no_session(
    finished_run: tuple[RedshiftProject, date],
) -> None:
    project, data_date = finished_run
    day = data_date + timedelta(days=1)
    fault = {"fault": "slow", "seconds": 600, "matching": r"-- dbt model.*fct_org_day"}
    send_request(project.admin_socket, {"do": "fault", "fault": fault})
    with project.start("run", "--date", day) as process:
        while not _has_been_seen(project):
            assert process.poll() is None
            time.sleep(POLL_SECONDS)
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        assert time.monotonic() - start < MAX_SECONDS_TO_STOP
    assert process.returncode == 128 + signal.SIGTERM, output
    assert "Traceback" not in output
    while send_request(project.admin_socket, {"do": "sessions"})["sessions"]:
        assert time.monotonic() - start < MAX_SECONDS_TO_STOP
        time.sleep(POLL_SECONDS)
    send_request(project.admin_socket, {"do": "clear"})
    assert project.nightshift("run", "--date", day).code in (0, 2)
    assert project.plan(day) == []


def _has_been_seen(project: RedshiftProject) -> bool:
    [fault] = send_request(project.admin_socket, {"do": "faults"})["faults"]  # type: ignore[misc]  # JSON
    return bool(fault["seen"])
