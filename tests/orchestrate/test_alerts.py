"""Alerts: the root cause, what is blocked, whether it can wait, how to resume."""

from datetime import date

import pytest

from orchestrate.dbt.graph import Graph, Node
from orchestrate.nightly import Nightly
from orchestrate.runs import remedy
from orchestrate.runs.blocked import Blocked, find_blocked, sort_by_flow
from orchestrate.runs.outcome import TaskResult

BEFORE_BUSINESS_HOURS = "Yes, but fix it before business hours"


def _node(name: str, *parents: str, sources: str = "") -> Node:
    return Node(
        name=name,
        unique_id=f"model.nightshift.{name}",
        schema="marts",
        relation=name,
        parents=parents,
        own_sources=frozenset(),
        sources=frozenset(sources.split()),
        tests=frozenset(),
        code_checksum="",
    )


GRAPH = Graph(
    {
        node.name: node
        for node in (
            _node("stg_orgs", sources="orgs"),
            _node("stg_requests", sources="web_logs"),
            _node("fct_org_day", "stg_orgs", "stg_requests", sources="orgs web_logs"),
            _node("fct_web_sessions", "stg_requests", sources="web_logs"),
            _node("sf_trial_metrics", "fct_org_day", sources="orgs web_logs"),
        )
    }
)


def _failure(task: str, subject: str = "") -> TaskResult:
    return TaskResult(task, f"{task}({subject})", "failed", error="E", subject=subject)


def test_missing_partition_blocks_everything_that_reads_it() -> None:
    blocked = find_blocked([_failure("RawPartition", "orgs")], GRAPH)
    assert blocked.models == ("stg_orgs", "fct_org_day", "sf_trial_metrics")
    assert blocked.datasets == ("org_day",)
    assert blocked.salesforce and blocked.report and not blocked.is_everything


def test_failed_model_blocks_its_descendants() -> None:
    blocked = find_blocked([_failure("DbtModel", "fct_web_sessions")], GRAPH)
    assert blocked == Blocked(report=True)
    blocked = find_blocked([_failure("DbtModel", "fct_org_day")], GRAPH)
    assert blocked.models == ("sf_trial_metrics",)
    assert blocked.datasets == ("org_day",)


def test_failed_report_blocks_nothing() -> None:
    assert find_blocked([_failure("MailReport", "report")], GRAPH).is_nothing


def test_failed_root_task_or_unreadable_project_blocks_everything() -> None:
    assert find_blocked([_failure("Nightly")], GRAPH).is_everything
    assert find_blocked([_failure("LoadRawTable", "orgs")], None).is_everything


def test_root_cause_is_the_first_failure_of_the_data_flow() -> None:
    failures = [
        _failure("ArchiveDataset", "org_day"),
        _failure("DbtModel", "fct_web_sessions"),
        _failure("DbtModel", "stg_requests"),
        _failure("LoadRawTable", "metrics"),
    ]
    assert [failure.subject for failure in sort_by_flow(failures, GRAPH)] == [
        *("metrics", "stg_requests", "fct_web_sessions", "org_day")
    ]


@pytest.mark.parametrize(
    ("task", "subject", "expected_answer", "part_of_reason"),
    [
        ("RawPartition", "orgs", BEFORE_BUSINESS_HOURS, "producer"),
        ("DbtModel", "fct_org_day", BEFORE_BUSINESS_HOURS, "last values"),
        ("DbtModel", "fct_web_sessions", "Yes", "does not affect Salesforce"),
        ("ArchiveDataset", "org_day", "Yes", "does not affect Salesforce"),
        ("MailReport", "report", "Yes", "at any time"),
    ],
)
def test_alert_states_whether_the_fix_can_wait(
    task: str, subject: str, expected_answer: str, part_of_reason: str
) -> None:
    failures = [_failure(task, subject)]
    answer, reason = remedy.can_wait(failures, find_blocked(failures, GRAPH))
    assert answer == expected_answer
    assert part_of_reason in reason


def test_unfinished_sync_cannot_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [_failure("SyncTrialMetricsToSalesforce")]
    blocked = find_blocked(failures, GRAPH)
    monkeypatch.setattr(remedy, "_has_open_sync", lambda: True)
    assert remedy.can_wait(failures, blocked)[0] == "No"
    monkeypatch.setattr(remedy, "_has_open_sync", lambda: False)
    assert remedy.can_wait(failures, blocked)[0] == BEFORE_BUSINESS_HOURS


def test_resume_command_repeats_the_parameters_of_the_run() -> None:
    run = Nightly(data_date=date(2026, 11, 24))
    assert remedy.resume_command(run) == "nightshift run --date 2026-11-24"
    backfill = Nightly(
        data_date=date(2026, 11, 24), data_date_from=date(2026, 11, 20), version="v2"
    )
    assert remedy.resume_command(backfill) == (
        "nightshift backfill --from 2026-11-20 --to 2026-11-24 --version v2"
    )
    other_env = Nightly(data_date=date(2026, 11, 24), env="other")
    assert remedy.resume_command(other_env).endswith("--env other")
