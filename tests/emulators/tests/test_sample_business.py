"""The sample world looks like a business, seen through the oracle's marts."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import mean

import pytest

from tests.emulators.sample import texts
from tests.emulators.sample.adoption import Adoption
from tests.emulators.sample.scenarios import STORIES
from tests.emulators.sample.visits import Visits, walk
from tests.emulators.sample.world import World
from tests.emulators.tests.conftest import Written
from tests.reference import Marts, expected
from tests.reference.sessions import days_without_pause

TIMEOUT = timedelta(minutes=30)


@pytest.fixture(scope="module")
def marts(default_world: Written) -> Marts:
    until = default_world.world.until
    return expected(default_world.raw, data_date=until, nights=[until])


def _curve(marts: Marts, cohort: str, metric: str) -> dict[int, float]:
    return {
        row["org_day"]: row["median_value"]
        for row in marts.trial_target_curve
        if (row["cohort"], row["metric_name"]) == (cohort, metric)
    }


@pytest.mark.parametrize("metric", ["hosts", "integrations", "dashboards", "metrics"])
def test_trials_that_convert_use_more_on_day_14(marts: Marts, metric: str) -> None:
    converted = _curve(marts, "converted", metric)
    others = _curve(marts, "not_converted", metric)
    assert converted[14] > 1.5 * others[14] > 0


def test_usage_grows_over_a_trial_that_converts(marts: Marts) -> None:
    curve = _curve(marts, "converted", "hosts")
    assert 0 < 2 * curve[1] < curve[7] < curve[14]


def test_both_cohorts_are_large_enough_to_compare(marts: Marts) -> None:
    orgs = {row["cohort"]: row["orgs"] for row in marts.trial_target_metrics}
    assert orgs["converted"] >= 20
    assert orgs["not_converted"] >= 30


def test_weekends_are_quiet(default_world: Written) -> None:
    for source in ("app_logs", "web_logs"):
        rows = Counter(row.at.date() for row in default_world.rows(source))
        whole = default_world.world.dates
        weekend = mean(rows[day] for day in whole if day.weekday() >= 5)
        working = mean(rows[day] for day in whole if day.weekday() < 5)
        assert weekend < 0.5 * working


def test_the_world_is_of_a_size_for_a_demonstration(default_world: Written) -> None:
    sources = default_world.summary.sources
    days = default_world.world.days
    assert 1_000 < sources["app_logs"].lines / days < 3_000
    assert 1_000 < sources["web_logs"].lines / days < 4_000
    assert sum(source.lines for source in sources.values()) < 400_000


def test_trials_start_in_every_week_and_run_on_the_last_day(marts: Marts) -> None:
    starts = Counter(
        row["trial_start_date"].isocalendar()[:2]
        for row in marts.fct_org_day
        if row["org_day"] == 1
    )
    assert len(starts) >= 9
    assert min(sorted(starts.values())[1:]) >= 5
    running = [row for row in marts.sf_trial_metrics if row["days_left_in_trial__c"]]
    assert len(running) >= 20


def test_every_story_happens(default_world: Written) -> None:
    stories = default_world.summary.stories
    assert set(stories) == set(STORIES)
    assert sum(stories.values()) == default_world.world.orgs
    assert stories["trial_lapsed"] > stories["trial_to_pro"] > stories["internal"] > 0


def _with_story(default_world: Written, story: str) -> set[int]:
    accounts = default_world.company.accounts
    return {account.org_id for account in accounts if account.story == story}


def test_plans_change_in_each_way(default_world: Written) -> None:
    plans = defaultdict(list)
    for line in default_world.rows("orgs"):
        if "(before)" not in line.org_name:
            plans[line.org_id].append((line.updated_at, line.billing_plan_id))
    changes = {
        (before, after)
        for of_org in plans.values()
        for (_, before), (_, after) in pairwise(sorted(of_org))
        if before != after
    }
    assert {(1, 2), (1, 3), (1, 4), (3, 2), (2, 3), (1, 99)} <= changes


def test_a_trial_starts_again(default_world: Written, marts: Marts) -> None:
    starts = defaultdict(set)
    for row in marts.fct_org_day:
        starts[row["org_id"]].add(row["trial_start_date"])
    again = _with_story(default_world, "restarted_trial")
    assert any(len(starts[org_id]) == 2 for org_id in again)
    assert all(len(dates) < 3 for dates in starts.values())


def test_an_org_is_missing_for_a_night_and_another_for_long(
    default_world: Written,
) -> None:
    seen = defaultdict(set)
    for line in default_world.rows("orgs"):
        seen[line.org_id].add(line.place.dt)
    for story, nights in (("missing_one_night", 1), ("missing_long", 9)):
        for org_id in _with_story(default_world, story):
            gaps = [
                (after - before).days - 1
                for before, after in pairwise(sorted(seen[org_id]))
            ]
            if nights in gaps:
                break
        else:
            pytest.fail(f"no org of the story {story} is missing for {nights} nights")


def test_some_orgs_leave_no_trace_of_one_kind(default_world: Written) -> None:
    sampled = {row.org_id for row in default_world.rows("metrics")}
    logged = {row.org_id for row in default_world.rows("app_logs")}
    assert not _with_story(default_world, "without_metrics") & sampled
    assert not _with_story(default_world, "without_logs") & logged
    assert _with_story(default_world, "without_metrics") & logged
    assert _with_story(default_world, "without_logs") & sampled


def test_internal_orgs_and_names_that_break_software_are_there(
    default_world: Written,
) -> None:
    lines = default_world.rows("orgs")
    assert any(line.is_internal for line in lines)
    names = {line.org_name for line in lines}
    assert sum(name in names for name in texts.TRICKY_NAMES) >= 18


def test_some_customers_are_far_bigger_than_others(marts: Marts) -> None:
    greatest = sorted(row["max_hosts"] or 0 for row in marts.fct_org_trial_metrics)
    assert greatest[-1] > 20 * greatest[len(greatest) // 2]


def test_stalled_trials_go_quiet(default_world: Written, marts: Marts) -> None:
    stalled = _with_story(default_world, "trial_stalled")
    ages = [
        (row["org_day"], row["log_events"])
        for row in marts.fct_org_day
        if row["org_id"] in stalled
    ]
    assert sum(events for org_day, events in ages if org_day <= 5) > 50
    # A user who works for a second org, or a copy of an event, can still be seen.
    assert mean(events for org_day, events in ages if 7 <= org_day <= 14) < 1


def test_users_work_for_several_orgs_even_at_the_same_moment(
    default_world: Written,
) -> None:
    orgs, moments = defaultdict(set), defaultdict(set)
    for event in default_world.rows("app_logs"):
        if event.user_id is not None:
            orgs[event.user_id].add(event.org_id)
            moments[event.user_id, event.at].add((event.org_id, event.event_id))
    assert sum(len(of_user) > 1 for of_user in orgs.values()) > 10
    ties = [
        of_moment
        for of_moment in moments.values()
        if len({org_id for org_id, _ in of_moment}) > 1
    ]
    assert len(ties) > 10


def test_visitors_are_named_or_not_and_some_are_robots(marts: Marts) -> None:
    sessions = marts.fct_web_sessions
    named = [row for row in sessions if row["user_id"] is not None]
    assert 0.2 < len(named) / len(sessions) < 0.8
    assert mean(row["org_id"] is not None for row in named) > 0.95
    assert all(row["org_id"] is None for row in sessions if row["user_id"] is None)
    assert sum(row["is_bot"] for row in sessions) > 100
    assert mean(row["page_views"] < row["requests"] for row in named) > 0.3


def test_sessions_cross_midnight(marts: Marts) -> None:
    crossing = [
        row
        for row in marts.fct_web_sessions
        if row["ended_at"].date() > row["started_at"].date()
    ]
    assert len({row["session_date"] for row in crossing}) >= 40
    assert any(row["user_id"] is not None for row in crossing)
    assert any(row["user_id"] is None for row in crossing)


def _robot_moments(default_world: Written, address: str) -> list[datetime]:
    return sorted(
        row.at
        for row in default_world.rows("web_logs")
        if row.client_address == address
    )


def test_one_robot_never_pauses_and_another_stops(default_world: Written) -> None:
    days = set(default_world.world.dates)
    tireless = _robot_moments(default_world, "198.19.255.1")
    assert days_without_pause(tireless, TIMEOUT) == days

    stopping = _robot_moments(default_world, "198.19.255.2")
    without_pause = days_without_pause(stopping, TIMEOUT)
    about = {moment.date() for moment in stopping}
    assert len(without_pause) == 2
    assert about == {*without_pause, min(about), max(about)}
    assert max(about) < max(days)


def test_robots_pause_as_long_as_the_timeout_and_a_second_more(
    default_world: Written,
) -> None:
    exact = _robot_moments(default_world, "198.19.255.3")
    assert {after - before for before, after in pairwise(exact)} == {TIMEOUT}
    assert len(days_without_pause(exact, TIMEOUT)) == 2

    longer = _robot_moments(default_world, "198.19.255.4")
    pauses = {after - before for before, after in pairwise(longer)}
    assert pauses == {TIMEOUT + timedelta(seconds=1)}
    assert not days_without_pause(longer, TIMEOUT)


def test_both_logs_tell_of_the_same_visits(default_world: Written) -> None:
    def users(source: str) -> dict[date, set[int]]:
        found = defaultdict(set)
        for row in default_world.rows(source):
            if row.user_id is not None:
                found[row.at.date()].add(row.user_id)
        return found

    logged, requested = users("app_logs"), users("web_logs")
    for day in default_world.world.dates[3:-3]:
        both = len(logged[day] & requested[day])
        assert both > 0.8 * len(logged[day] | requested[day]) > 0, day


def test_a_visit_is_walked_the_same_way_twice(default_world: Written) -> None:
    world = World()
    visits = Visits(world, default_world.company, Adoption(world))
    some = [(visit, steps) for visit, steps in visits.during(20)][:200]
    for visit, steps in some:
        again = list(walk(visit))
        assert [step.page for step in steps] in (
            [step.page for step in again][: len(steps)],
            [step.page for step in again][-len(steps) :],
        )
        assert all(0 <= step.seconds < 86_400 for step in steps)
