"""What the report says about its run: complete, as usual, or what to do."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from reports.morning import rendering
from reports.morning.baseline import Baseline
from reports.morning.notes import MAX_PARTITIONS, changed_partitions
from reports.morning.quality import MAX_WARNINGS, Quality, RunSummary, summarize
from tests.reports import sample_report

TUESDAYS = "median of the last four Tuesdays"


@pytest.mark.parametrize(
    ("weeks", "label"),
    [
        (0, "no earlier Tuesday"),
        (1, "Tuesday before"),
        (2, "median of the last two Tuesdays"),
        (4, TUESDAYS),
    ],
)
def test_baseline_is_named_by_its_weekday(weeks: int, label: str) -> None:
    assert Baseline(date(2026, 11, 24), weeks=weeks).label == label


@pytest.mark.parametrize(
    ("usual", "rejects", "word"),
    [
        (None, 35, ""),
        (30, 35, "as usual"),
        (20, 41, "more than usual"),
        (20, 40, "as usual"),
        (0, 4, "as usual"),
        (0, 5, "more than usual"),
        (30, 9, "fewer than usual"),
        (4, 0, "as usual"),
    ],
)
def test_number_of_rejects_has_a_word(
    usual: float | None, rejects: int, word: str
) -> None:
    usual_rejects = {} if usual is None else {"orgs": float(usual)}
    baseline = Baseline(date(2026, 11, 24), weeks=4, rejects=usual_rejects)
    assert baseline.rejects_word("orgs", rejects) == word


@pytest.mark.parametrize(
    ("records", "rejects", "loads", "text"),
    [
        ({}, {}, {"orgs": (1200, 0)}, "1,200 records of 1 source. None rejected."),
        ({}, {}, {"orgs": (1, 3)}, "1 record of 1 source. 3 rejected."),
        (
            {"orgs": 1000, "metrics": 5000},
            {"orgs": 30, "metrics": 1},
            {"orgs": (1200, 33), "metrics": (5500, 2)},
            "6,700 records of 2 sources, as usual. 35 rejected, as usual.",
        ),
        (
            {"orgs": 1000, "metrics": 5000},
            {"orgs": 3, "metrics": 1},
            {"orgs": (1200, 33), "metrics": (2000, 2)},
            "3,200 records of 2 sources, metrics fewer than usual (40%). "
            "35 rejected, orgs more than usual (33, usually 3).",
        ),
    ],
)
def test_volume_is_compared_with_the_same_weekday(
    records: Mapping[str, float],
    rejects: Mapping[str, float],
    loads: Mapping[str, tuple[int, int]],
    text: str,
) -> None:
    quality = _quality(
        figures={
            "loads": [
                {"source": source, "lines": lines, "rejects": rejected}
                for source, (lines, rejected) in loads.items()
            ]
        },
        baseline=Baseline(date(2026, 11, 24), 4, records, rejects),
    )
    assert quality.volume == text


@pytest.mark.parametrize("count", [0, 1, MAX_PARTITIONS, MAX_PARTITIONS + 9])
def test_changed_partitions_are_named_with_their_command(count: int) -> None:
    changed = [
        {"source": "orgs", "dt": date(2026, 10, day), "command": f"run {day}"}
        for day in range(1, count + 1)
    ]
    request = replace(sample_report.report().request, changed_partitions=changed)
    notes = list(changed_partitions(None, request))  # type: ignore[arg-type]  # reads no table
    commands = [note.command for note in notes]
    assert (
        commands[:MAX_PARTITIONS]
        == [f"run {day}" for day in range(1, count + 1)][:MAX_PARTITIONS]
    )
    assert commands[MAX_PARTITIONS:] == ["nightshift status"] * (count > MAX_PARTITIONS)


def _quality(**changes: object) -> Quality:
    return replace(sample_report.EMPTY_QUALITY, **changes)


def _summarize(**changes: object) -> RunSummary:
    return summarize(_quality(**changes), sample_report.DATA_DATE)


def test_successful_run_needs_no_action() -> None:
    summary = _summarize()
    assert summary.succeeded
    assert summary.headline == "Succeeded"
    assert summary.actions == []


def test_rejected_orgs_suggest_the_rejects_command() -> None:
    figures = sample_report.EMPTY_QUALITY.figures
    sync = figures["salesforce"] | {"status": "rejected", "rejected": 3}
    objects = figures["salesforce_objects"] | {"Trial_Metrics__c": sync}
    summary = _summarize(figures=figures | {"salesforce_objects": objects})
    assert not summary.succeeded
    assert summary.details == "Salesforce rejected 3 orgs."
    assert summary.actions[0].command == "nightshift salesforce rejects"


def test_accounts_are_counted_and_their_rejects_have_their_own_command() -> None:
    figures = sample_report.EMPTY_QUALITY.figures
    accounts = sample_report.SYNC | {"sent": 4, "unmatched": 9}
    objects = figures["salesforce_objects"] | {"Account": accounts}
    summary = _summarize(figures=figures | {"salesforce_objects": objects})
    assert summary.details.endswith("4 sent to Account, 9 unmatched.")
    objects["Account"] = accounts | {"status": "rejected", "rejected": 3}
    summary = _summarize(figures=figures | {"salesforce_objects": objects})
    assert summary.details == "Salesforce rejected 3 Account records."
    command = "nightshift salesforce rejects --object Account"
    assert summary.actions[0].command == command


def test_failed_model_suggests_another_run() -> None:
    figures = sample_report.EMPTY_QUALITY.figures
    summary = _summarize(
        figures=figures | {"models": figures["models"] | {"failed": 1}}
    )
    assert "1 model failed" in summary.details
    run_command = f"nightshift run --date {sample_report.DATA_DATE}"
    assert summary.actions[0].command == run_command


def test_missing_sync_is_reported() -> None:
    figures = sample_report.EMPTY_QUALITY.figures
    summary = _summarize(figures=figures | {"salesforce": {}, "salesforce_objects": {}})
    assert "Nothing was sent to Salesforce" in summary.details


def test_dbt_test_warnings_are_listed_and_change_the_subject() -> None:
    warnings = {"fct_org_day": "rows_as_usual: Got 1 result"}
    summary = _summarize(test_warnings=warnings)
    assert "fct_org_day (rows_as_usual: Got 1 result)" in summary.details
    assert summary.actions[0].command == "dbt test --select fct_org_day"
    quality = _quality(test_warnings=warnings)
    subject = rendering.mail_subject(sample_report.report(quality=quality))
    assert subject.startswith("[Action required] ")


def test_many_warnings_are_cut_to_the_first_ones() -> None:
    warnings = {f"model_{number}": "x" * 9_999 for number in range(40)}
    summary = _summarize(test_warnings=warnings)
    assert summary.details.endswith(f", {40 - MAX_WARNINGS} more.")
    assert summary.actions[0].command == "dbt test"
