"""The growth marts over a month, and the tests that would wake somebody."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.emulators.sample.world import World
from tests.nightly.assertions import marts, require_marts, require_same
from tests.nightly.deliveries import deliver
from tests.nightly.project import Ended, Project, copy_to

pytestmark = pytest.mark.slow

UNTIL = date(2026, 11, 24)
GROWTH = "path:models/marts/growth"
TUESDAY, SUNDAY = date(2026, 11, 24), date(2026, 11, 22)

# Each breaks what one test looks at, and leaves what the others do.
BREAKAGES = {
    "stock_is_yesterdays_stock_plus_flow": (
        "insert into marts.paid_account_flow "
        "values ('trial', null, 1, true, date '2026-11-23')"
    ),
    "stock_of_accounts_is_that_of_their_activity": (
        "insert into marts.paid_account_flow "
        "values (null, 'paid', 1, true, date '2026-11-24')"
    ),
    "every_way_that_accounts_go_is_a_legal_one": (
        "insert into marts.paid_account_flow values "
        "('free', 'expired', 21, true, date '2026-11-24'), "
        "('expired', 'free', 21, true, date '2026-11-24'), "
        "('free', 'free', -21, false, date '2026-11-24'), "
        "('expired', 'expired', -21, false, date '2026-11-24')"
    ),
    "an_expired_trial_runs_again_only_from_a_new_start": (
        "insert into marts.org_activity select * replace "
        "(date '2026-11-20' as metric_date, 'expired' as account_state) "
        "from marts.org_activity "
        "where account_state = 'trial' and metric_date = date '2026-11-21'"
    ),
    "sessions_of_orgs_add_up_over_their_days": (
        "update intermediate.int_org_activity_daily set sessions = sessions + 1 "
        "where metric_date = date '2026-11-24'"
    ),
    "every_trial_org_of_the_day_reaches_salesforce": (
        "delete from marts.sf_trial_metrics "
        "where org_id__c = (select min(org_id__c) from marts.sf_trial_metrics)"
    ),
    "medians_lie_between_minimum_and_maximum": (
        "update marts.fct_org_trial_metrics set median_hosts = max_hosts + 1 "
        "where generated_date = date '2026-11-24'"
    ),
    "no_org_day_without_its_org": (
        "update marts.fct_org_day set billing_plan_id = 77 "
        "where metric_date = date '2026-11-24'"
    ),
    "trial_days_are_the_same_in_org_activity": (
        "update marts.org_activity set hosts = hosts + 1 "
        "where metric_date = date '2026-11-24'"
    ),
}


@pytest.fixture(scope="module")
def own_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with tables for volumes; nothing outside it runs."""
    project = copy_to(tmp_path_factory.mktemp("volumes") / "project", {})
    counted = ("+int_org_states_carried", "+int_org_usage_daily")
    project.dbt("run", "--select", *counted).require(0)
    return project


@pytest.fixture
def empty_project(own_project: Project) -> Project:
    """Return that project with nothing in those tables."""
    for table in (
        "ops.loads",
        "intermediate.int_org_states_carried",
        "intermediate.int_org_usage_daily",
    ):
        own_project.change(f"delete from {table}")
    return own_project


def test_a_month_of_accounts_is_what_the_raw_lines_say(
    project: Project, raw_world: Callable[[World], Path]
) -> None:
    made = World(orgs=36, days=31, until=UNTIL, seed=13)
    raw = raw_world(made)
    half = made.days // 2
    for days in (made.dates[:half], made.dates[half:-1]):
        deliver(project, raw, dates=days)
        whole = ("--from", days[0], "--to", days[-1])
        project.nightshift("backfill", *whole).require(0)
    deliver(project, raw, dates=made.dates[-1:])
    project.run(made.until)
    require_marts(project, raw, data_date=made.until, nights=made.dates)
    before = marts(project)
    assert any(row["is_settled"] for row in before["trial_trends"])
    assert any(row["hosts_month_change"] for row in before["big_customer_usage"])
    ways = {
        (row["from_state"], row["to_state"])
        for row in before["paid_account_flow"]
        if row["is_change"]
    }
    assert {("expired", "trial"), ("free", "paid"), ("paid", "free")} <= ways
    project.dbt("run", "--full-refresh", "--select", GROWTH).require(0)
    require_same(before, marts(project))


def test_what_is_broken_is_named_by_a_sentence(
    finished_night: tuple[Project, date],
) -> None:
    project, _ = finished_night
    ended = project.dbt("test", "--select", "test_type:singular").require(0)
    assert set(_statuses(project).values()) == {"pass"}, ended.out
    for statement in BREAKAGES.values():
        project.change(statement)
    project.dbt("test", "--select", "test_type:singular").require(1)
    found = {name for name, status in _statuses(project).items() if status != "pass"}
    assert found == BREAKAGES.keys()


def test_a_source_at_a_tenth_of_its_usual_lines_stops_the_night(
    empty_project: Project,
) -> None:
    _deliver_lines(empty_project, "app_logs", usual=1000, last=60)
    ended = _test_volumes(empty_project)
    assert ended.code == 1
    text = "app_logs of 2026-11-24: 60 lines are 7 % of the usual 800"
    assert text in ended.out
    assert _statuses(empty_project)["each_source_has_its_usual_lines"] == "error"
    assert "60 lines" in _messages(empty_project)["each_source_has_its_usual_lines"]


def test_a_source_below_half_of_its_usual_lines_warns_with_the_numbers(
    empty_project: Project,
) -> None:
    _deliver_lines(empty_project, "web_logs", usual=1000, last=300)
    _know_orgs(empty_project, sampled=40)
    ended = _test_volumes(empty_project).require(0)
    assert set(_statuses(empty_project).values()) == {"warn"}
    assert "web_logs of 2026-11-24: 300 lines are 37 % of" in ended.out
    assert "metrics of 2026-11-24: 40 of 200 orgs have samples" in ended.out
    assert "usual are 100 %" in ended.out


def test_nobody_is_woken_by_a_sunday_a_young_warehouse_or_a_small_source(
    empty_project: Project,
) -> None:
    _deliver_lines(empty_project, "web_logs", usual=1000, last=1000)
    _deliver_lines(empty_project, "orgs", usual=1000, last=0, days=6)
    _deliver_lines(empty_project, "metrics", usual=99, last=0)
    ended = _test_volumes(empty_project).require(0)
    assert set(_statuses(empty_project).values()) == {"pass"}, ended.out


def _deliver_lines(
    project: Project, source: str, *, usual: int, last: int, days: int = 21
) -> None:
    """Note a load for each of `days` days before the last, fewer lines on weekends."""
    for ago in range(days, -1, -1):
        day = TUESDAY - timedelta(days=ago)
        lines = usual * 3 // 10 if day.weekday() >= 5 else usual
        lines = lines if ago else last
        project.change(
            "insert into ops.loads (source, dt, lines, status, finished_at) values "
            f"('{source}', date '{day}', {lines}, 'loaded', timestamp '{day} 03:00:00')"
        )


def _know_orgs(project: Project, *, sampled: int) -> None:
    """Put 200 orgs into two weeks, all with samples but on the last day."""
    days = f"range(date '{TUESDAY}' - 14, date '{TUESDAY}' + 1, interval 1 day)"
    project.change(
        "insert into intermediate.int_org_states_carried "
        "(org_id, metric_date, is_internal) select org_id, cast(day as date), false "
        f"from range(200) as orgs(org_id), {days} as days(day)"
    )
    project.change(
        "insert into intermediate.int_org_usage_daily (org_id, metric_date) "
        "select org_id, metric_date from intermediate.int_org_states_carried "
        f"where org_id < {sampled} or metric_date < date '{TUESDAY}'"
    )


def _test_volumes(project: Project) -> Ended:
    """Run the tests of volumes, on three days of which the first is a Sunday."""
    names = ("each_source_has_its_usual_lines", "as_many_orgs_as_usual_have_samples")
    variables = json.dumps({"data_date_from": str(SUNDAY), "data_date": str(TUESDAY)})
    return project.dbt("test", "--vars", variables, "--select", *names)


def _results(project: Project) -> list[dict[str, str]]:
    path = project.folder / "target" / "run_results.json"
    results = json.loads(path.read_text(encoding="utf-8"))["results"]
    return [one for one in results if one["unique_id"].startswith("test.")]


def _statuses(project: Project) -> dict[str, str]:
    return {one["unique_id"].split(".")[2]: one["status"] for one in _results(project)}


def _messages(project: Project) -> dict[str, str]:
    return {one["unique_id"].split(".")[2]: one["message"] for one in _results(project)}
