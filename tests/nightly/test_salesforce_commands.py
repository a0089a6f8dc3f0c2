"""`nightshift salesforce` on a finished project: lines typed in a hurry, and drift."""

from datetime import date

import pytest
import requests

from tests.nightly.project import Project
from tests.nightly.salesforce_records import (
    OBJECT,
    assert_records_match_mart,
    read_records,
)

FinishedRun = tuple[Project, date]
UNKNOWN_PLAN = "0123456789abcdef"
HURRIED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("sync", ("--approve", UNKNOWN_PLAN), "has nothing to send"),
    ("sync", ("--approve", UNKNOWN_PLAN, "--full"), "was approved, but"),
    ("sync", ("--approve", UNKNOWN_PLAN, "--dry-run"), "has nothing to send"),
    ("sync", ("--approve", ""), "is not the id of a plan"),
    ("sync", ("--approve", "PLAN"), "is not the id of a plan"),
    ("sync", ("--repair-drift", "--full"), "cannot be combined with --full"),
    ("sync", ("--repair-drift", "--as-of", "2026-11-23"), "combined with --as-of"),
    ("rejects", ("--approve", UNKNOWN_PLAN), "Add --retry"),
    ("rejects", ("--retry", "--approve", UNKNOWN_PLAN), "was approved, but"),
)


def test_diff_and_rollback_with_nothing_to_send(finished_run: FinishedRun) -> None:
    project, day = finished_run
    shown = project.nightshift("salesforce", "diff").expect(0).out
    assert "There is nothing to send." in shown and "Send it" not in shown
    command = ("salesforce", "sync", "--as-of", "2026-01-31")
    error = project.nightshift(*command).expect(3).err
    assert "2026-01-31" in error and "never built" in error and str(day) in error


@pytest.mark.slow
def test_lines_typed_in_a_hurry_send_nothing(finished_run: FinishedRun) -> None:
    project, _ = finished_run
    before = read_records(project)
    for command, options, message in HURRIED:
        error = project.nightshift("salesforce", command, *options).expect(3).err
        assert message in error, (options, error)
        assert "Nothing was sent" in error
    assert read_records(project) == before


@pytest.mark.slow
def test_drift_is_reported_and_repaired(finished_run: FinishedRun) -> None:
    """Records deleted by Nightshift's own user are found by comparing all."""
    project, day = finished_run
    mart = "select count(*) as orgs from marts.sf_trial_metrics"
    ((orgs,),) = (tuple(row.values()) for row in project.rows(mart))
    environment = project.environment
    requests.delete(
        f"{environment['NIGHTSHIFT_SALESFORCE__INSTANCE_URL']}/admin/records/{OBJECT}",
        verify=environment["REQUESTS_CA_BUNDLE"],
        timeout=30,
    ).raise_for_status()
    shown = project.nightshift("salesforce", "diff", "--check-drift").expect(0).out
    assert f"({orgs:,} deleted)" in shown and "--repair-drift" in shown
    shown = project.nightshift("salesforce", "sync").expect(0).out
    assert "success: 0 sent" in shown and f"({orgs:,} deleted)" in shown
    status = project.nightshift("status").expect(0).out
    assert f"({orgs:,} deleted)" in status and "sync --repair-drift" in status
    page = project.nightshift("report", "--date", day, "--json").expect(0)
    assert page.code == 0
    repaired = ("salesforce", "sync", "--repair-drift", "--json")
    assert project.nightshift(*repaired).expect(0).json["accepted"] == orgs
    assert_records_match_mart(project)
    assert project.nightshift("status", "--json").expect(0).json["drift"] == []
