"""The growth marts over a month, and the dbt tests that stop or warn a run."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.emulators.sample.world import World
from tests.nightly.assertions import (
    assert_marts_match_reference,
    assert_same_marts,
    read_marts,
)
from tests.nightly.project import CommandResult, Project, copy_to
from tests.nightly.s3_objects import upload_partitions

pytestmark = pytest.mark.slow

UNTIL = date(2026, 11, 24)
GROWTH = "path:models/marts/growth"
TUESDAY, SUNDAY = date(2026, 11, 24), date(2026, 11, 22)

# By singular test: a statement that makes this test fail and no other.
BREAKING_STATEMENTS = {
    "account_flow_balances_between_days": (
        "insert into marts.paid_account_flow "
        "values ('trial', null, 1, true, date '2026-11-23')"
    ),
    "account_flow_states_match_org_activity": (
        "insert into marts.paid_account_flow "
        "values (null, 'paid', 1, true, date '2026-11-24')"
    ),
    "account_transitions_are_valid": (
        "insert into marts.paid_account_flow values "
        "('free', 'expired', 21, true, date '2026-11-24'), "
        "('expired', 'free', 21, true, date '2026-11-24'), "
        "('free', 'free', -21, false, date '2026-11-24'), "
        "('expired', 'expired', -21, false, date '2026-11-24')"
    ),
    "expired_trials_resume_only_with_new_start": (
        "insert into marts.org_activity select * replace "
        "(date '2026-11-20' as metric_date, 'expired' as account_state) "
        "from marts.org_activity "
        "where account_state = 'trial' and metric_date = date '2026-11-21'"
    ),
    "org_sessions_match_web_sessions": (
        "update intermediate.int_org_activity_daily set sessions = sessions + 1 "
        "where metric_date = date '2026-11-24'"
    ),
    "salesforce_export_contains_all_trial_orgs": (
        "delete from marts.sf_trial_metrics "
        "where org_id__c = (select min(org_id__c) from marts.sf_trial_metrics)"
    ),
    "trial_medians_are_between_minimum_and_maximum": (
        "update marts.fct_org_trial_metrics set median_hosts = max_hosts + 1 "
        "where generated_date = date '2026-11-24'"
    ),
    "org_days_have_recent_org_record": (
        "update marts.fct_org_day set billing_plan_id = 77 "
        "where metric_date = date '2026-11-24'"
    ),
    "fct_org_day_matches_org_activity": (
        "update marts.org_activity set hosts = hosts + 1 "
        "where metric_date = date '2026-11-24'"
    ),
}


@pytest.fixture(scope="module")
def volume_test_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with the tables that the volume tests read, without services."""
    project = copy_to(tmp_path_factory.mktemp("volumes") / "project", {})
    models = ("+int_org_states_filled", "+int_org_usage_daily")
    project.dbt("run", "--select", *models).expect(0)
    return project


@pytest.fixture
def empty_project(volume_test_project: Project) -> Project:
    """Return the project of the volume tests with empty tables."""
    for table in (
        "ops.loads",
        "intermediate.int_org_states_filled",
        "intermediate.int_org_usage_daily",
    ):
        volume_test_project.execute(f"delete from {table}")
    return volume_test_project


def test_growth_marts_of_a_month_match_the_reference(
    project: Project, raw_world: Callable[[World], Path]
) -> None:
    world = World(orgs=36, days=31, until=UNTIL, seed=13)
    raw = raw_world(world)
    half = world.days // 2
    for days in (world.dates[:half], world.dates[half:-1]):
        upload_partitions(project, raw, dates=days)
        dates = ("--from", days[0], "--to", days[-1])
        project.nightshift("backfill", *dates).expect(0)
    upload_partitions(project, raw, dates=world.dates[-1:])
    project.run(world.until)
    assert_marts_match_reference(
        project, raw, data_date=world.until, data_dates=world.dates
    )
    before = read_marts(project)
    assert any(row["is_settled"] for row in before["trial_trends"])
    assert any(row["hosts_month_change"] for row in before["big_customer_usage"])
    transitions = {
        (row["from_state"], row["to_state"])
        for row in before["paid_account_flow"]
        if row["is_change"]
    }
    assert {("expired", "trial"), ("free", "paid"), ("paid", "free")} <= transitions
    project.dbt("run", "--full-refresh", "--select", GROWTH).expect(0)
    assert_same_marts(before, read_marts(project))


def test_each_broken_invariant_fails_its_own_test(
    finished_run: tuple[Project, date],
) -> None:
    project, _ = finished_run
    result = project.dbt("test", "--select", "test_type:singular").expect(0)
    assert set(_statuses(project).values()) == {"pass"}, result.out
    for statement in BREAKING_STATEMENTS.values():
        project.execute(statement)
    project.dbt("test", "--select", "test_type:singular").expect(1)
    failed = {name for name, status in _statuses(project).items() if status != "pass"}
    assert failed == BREAKING_STATEMENTS.keys()


def test_source_at_a_tenth_of_its_baseline_is_an_error(
    empty_project: Project,
) -> None:
    _record_loads(empty_project, "app_logs", baseline=1000, last=60)
    result = _test_volumes(empty_project)
    assert result.code == 1
    text = "app_logs of 2026-11-24: 60 lines are 7 % of the baseline of 800"
    assert text in result.out
    assert _statuses(empty_project)["source_volume_matches_baseline"] == "error"
    assert "60 lines" in _messages(empty_project)["source_volume_matches_baseline"]


def test_source_below_half_of_its_baseline_warns_with_the_numbers(
    empty_project: Project,
) -> None:
    _record_loads(empty_project, "web_logs", baseline=1000, last=300)
    _insert_orgs(empty_project, sampled=40)
    result = _test_volumes(empty_project).expect(0)
    assert set(_statuses(empty_project).values()) == {"warn"}
    assert "web_logs of 2026-11-24: 300 lines are 37 % of" in result.out
    assert "metrics of 2026-11-24: 40 of 200 orgs have samples" in result.out
    assert "the baseline is 100 %" in result.out


def test_sundays_new_warehouses_and_small_sources_do_not_warn(
    empty_project: Project,
) -> None:
    _record_loads(empty_project, "web_logs", baseline=1000, last=1000)
    _record_loads(empty_project, "orgs", baseline=1000, last=0, days=6)
    _record_loads(empty_project, "metrics", baseline=99, last=0)
    result = _test_volumes(empty_project).expect(0)
    assert set(_statuses(empty_project).values()) == {"pass"}, result.out


def _record_loads(
    project: Project, source: str, *, baseline: int, last: int, days: int = 21
) -> None:
    """Insert a load for each of `days` days before the last, smaller on weekends."""
    for days_ago in range(days, -1, -1):
        day = TUESDAY - timedelta(days=days_ago)
        lines = baseline * 3 // 10 if day.weekday() >= 5 else baseline
        lines = lines if days_ago else last
        project.execute(
            "insert into ops.loads (source, dt, lines, status, finished_at) values "
            f"('{source}', date '{day}', {lines}, 'loaded', timestamp '{day} 03:00:00')"
        )


def _insert_orgs(project: Project, *, sampled: int) -> None:
    """Insert 200 orgs over two weeks; on the last day only `sampled` have samples."""
    days = f"range(date '{TUESDAY}' - 14, date '{TUESDAY}' + 1, interval 1 day)"
    project.execute(
        "insert into intermediate.int_org_states_filled "
        "(org_id, metric_date, is_internal, days_old) "
        "select org_id, cast(day as date), false, 0 "
        f"from range(200) as orgs(org_id), {days} as days(day)"
    )
    project.execute(
        "insert into intermediate.int_org_usage_daily (org_id, metric_date) "
        "select org_id, metric_date from intermediate.int_org_states_filled "
        f"where org_id < {sampled} or metric_date < date '{TUESDAY}'"
    )


def _test_volumes(project: Project) -> CommandResult:
    """Run the volume tests on three days, the first a Sunday."""
    names = ("source_volume_matches_baseline", "usage_sample_coverage_matches_baseline")
    variables = json.dumps({"data_date_from": str(SUNDAY), "data_date": str(TUESDAY)})
    return project.dbt("test", "--vars", variables, "--select", *names)


def _results(project: Project) -> list[dict[str, str]]:
    path = project.folder / "target" / "run_results.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    return [result for result in results if result["unique_id"].startswith("test.")]


def _statuses(project: Project) -> dict[str, str]:
    return {
        result["unique_id"].split(".")[2]: result["status"]
        for result in _results(project)
    }


def _messages(project: Project) -> dict[str, str]:
    return {
        result["unique_id"].split(".")[2]: result["message"]
        for result in _results(project)
    }
