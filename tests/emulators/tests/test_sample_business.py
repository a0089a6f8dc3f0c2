"""The sample world resembles a real business, according to the reference's marts."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from statistics import mean

import pytest

from tests.emulators.sample import texts
from tests.emulators.sample.adoption import Adoption
from tests.emulators.sample.scenarios import SCENARIOS
from tests.emulators.sample.visits import Visits, visit_steps
from tests.emulators.tests.conftest import Sample
from tests.reference import Marts
from tests.reference.sessions import continuous_days

TIMEOUT = timedelta(minutes=30)


def _curve(marts: Marts, cohort: str, metric: str) -> dict[int, float]:
    """Return the median by org day."""
    return {
        row["org_day"]: row["median_value"]
        for row in marts.trial_target_curve
        if (row["cohort"], row["metric_name"]) == (cohort, metric)
    }


@pytest.mark.parametrize("metric", ["hosts", "integrations", "dashboards", "metrics"])
def test_converted_trials_use_more_on_day_14(sample: Sample, metric: str) -> None:
    converted = _curve(sample.marts, "converted", metric)
    others = _curve(sample.marts, "not_converted", metric)
    assert converted[14] > 1.5 * others[14] > 0


def test_usage_grows_during_a_converted_trial(sample: Sample) -> None:
    curve = _curve(sample.marts, "converted", "hosts")
    assert 0 < 2 * curve[1] < curve[7] < curve[14]


@pytest.mark.slow
def test_both_cohorts_are_large_enough_to_compare(default_sample: Sample) -> None:
    targets = default_sample.marts.trial_target_metrics
    orgs = {row["cohort"]: row["orgs"] for row in targets}
    assert orgs["converted"] >= 20
    assert orgs["not_converted"] >= 30


def test_weekends_have_fewer_log_lines(sample: Sample) -> None:
    for source in ("app_logs", "web_logs"):
        records = Counter(record.at.date() for record in sample.records(source))
        dates = sample.world.dates
        weekend = mean(records[day] for day in dates if day.weekday() >= 5)
        working = mean(records[day] for day in dates if day.weekday() < 5)
        assert weekend < 0.5 * working


@pytest.mark.slow
def test_default_world_has_a_suitable_size_for_a_demo(default_sample: Sample) -> None:
    sources = default_sample.summary.sources
    days = default_sample.world.days
    assert 1_000 < sources["app_logs"].lines / days < 3_000
    assert 1_000 < sources["web_logs"].lines / days < 4_000
    assert sum(source.lines for source in sources.values()) < 400_000


@pytest.mark.slow
def test_trials_start_every_week_and_some_run_on_the_last_day(
    default_sample: Sample,
) -> None:
    marts = default_sample.marts
    starts = Counter(
        row["trial_start_date"].isocalendar()[:2]
        for row in marts.fct_org_day
        if row["org_day"] == 1
    )
    assert len(starts) >= 9
    assert min(sorted(starts.values())[1:]) >= 5
    running = [row for row in marts.sf_trial_metrics if row["days_left_in_trial__c"]]
    assert len(running) >= 20


def test_every_scenario_occurs(sample: Sample) -> None:
    scenarios = sample.summary.scenarios
    assert set(scenarios) == set(SCENARIOS)
    assert sum(scenarios.values()) == sample.world.orgs
    assert scenarios["trial_lapsed"] > scenarios["trial_to_pro"]
    assert scenarios["trial_to_pro"] > scenarios["internal"] > 0


def test_every_kind_of_plan_change_occurs(sample: Sample) -> None:
    plans = defaultdict(list)
    for org in sample.records("orgs"):
        if "(before)" not in org.org_name:
            plans[org.org_id].append((org.updated_at, org.billing_plan_id))
    changes = {
        (before, after)
        for org_plans in plans.values()
        for (_, before), (_, after) in pairwise(sorted(org_plans))
        if before != after
    }
    assert {(1, 2), (1, 3), (1, 4), (3, 2), (2, 3), (1, 99)} <= changes


def test_some_trials_are_restarted_once(sample: Sample) -> None:
    starts = defaultdict(set)
    for row in sample.marts.fct_org_day:
        starts[row["org_id"]].add(row["trial_start_date"])
    restarted = sample.org_ids("restarted_trial")
    assert any(len(starts[org_id]) == 2 for org_id in restarted)
    assert all(len(dates) < 3 for dates in starts.values())


@pytest.mark.parametrize(
    ("scenario", "days"), [("missing_one_day", 1), ("missing_many_days", 9)]
)
def test_some_orgs_are_missing_from_the_export(
    sample: Sample, scenario: str, days: int
) -> None:
    dates = defaultdict(set)
    for org in sample.records("orgs"):
        dates[org.org_id].add(org.location.dt)
    gaps = {
        (after - before).days - 1
        for org_id in sample.org_ids(scenario)
        for before, after in pairwise(sorted(dates[org_id]))
    }
    assert days in gaps


def test_some_orgs_lack_metrics_and_others_lack_events(sample: Sample) -> None:
    with_metrics = {record.org_id for record in sample.records("metrics")}
    with_events = {record.org_id for record in sample.records("app_logs")}
    assert not sample.org_ids("without_metrics") & with_metrics
    assert not sample.org_ids("without_logs") & with_events
    assert sample.org_ids("without_metrics") & with_events
    assert sample.org_ids("without_logs") & with_metrics


def test_internal_orgs_and_tricky_names_occur(sample: Sample) -> None:
    orgs = sample.records("orgs")
    assert any(org.is_internal for org in orgs)
    names = {org.org_name for org in orgs}
    assert sum(name in names for name in texts.TRICKY_NAMES) >= 18


def test_some_customers_are_much_bigger_than_the_median(sample: Sample) -> None:
    rows = sample.marts.fct_org_trial_metrics
    max_hosts = sorted(row["max_hosts"] or 0 for row in rows)
    assert max_hosts[-1] > 20 * max_hosts[len(max_hosts) // 2]


def test_stalled_trials_have_almost_no_events(sample: Sample) -> None:
    stalled = sample.org_ids("trial_stalled")
    events_by_day = [
        (row["org_day"], row["log_events"])
        for row in sample.marts.fct_org_day
        if row["org_id"] in stalled
    ]
    assert sum(events for org_day, events in events_by_day if org_day <= 5) > 50
    # A few events remain: those of users with a second org, and copies.
    later = [events for org_day, events in events_by_day if 7 <= org_day <= 14]
    assert mean(later) < 1


@pytest.mark.slow
def test_users_have_several_orgs_even_at_the_same_timestamp(
    default_sample: Sample,
) -> None:
    orgs_by_user, orgs_by_timestamp = defaultdict(set), defaultdict(set)
    for event in default_sample.records("app_logs"):
        if event.user_id is not None:
            orgs_by_user[event.user_id].add(event.org_id)
            orgs_by_timestamp[event.user_id, event.at].add(event.org_id)
    assert sum(len(org_ids) > 1 for org_ids in orgs_by_user.values()) > 10
    assert sum(len(org_ids) > 1 for org_ids in orgs_by_timestamp.values()) > 10


def test_some_visitors_are_anonymous_and_some_are_bots(sample: Sample) -> None:
    sessions = sample.marts.fct_web_sessions
    of_users = [row for row in sessions if row["user_id"] is not None]
    assert 0.2 < len(of_users) / len(sessions) < 0.8
    assert mean(row["org_id"] is not None for row in of_users) > 0.95
    assert all(row["org_id"] is None for row in sessions if row["user_id"] is None)
    assert sum(row["is_bot"] for row in sessions) > 100
    assert mean(row["page_views"] < row["requests"] for row in of_users) > 0.3


@pytest.mark.slow
def test_sessions_cross_midnight(default_sample: Sample) -> None:
    crossing = [
        row
        for row in default_sample.marts.fct_web_sessions
        if row["ended_at"].date() > row["started_at"].date()
    ]
    assert len({row["session_date"] for row in crossing}) >= 40
    assert any(row["user_id"] is not None for row in crossing)
    assert any(row["user_id"] is None for row in crossing)


def _request_times(sample: Sample, address: str) -> list[datetime]:
    return sorted(
        request.at
        for request in sample.records("web_logs")
        if request.client_address == address
    )


def test_one_bot_is_continuous_and_another_stops(sample: Sample) -> None:
    dates = set(sample.world.dates)
    never_pausing = _request_times(sample, "198.19.255.1")
    assert continuous_days(never_pausing, TIMEOUT) == dates

    stopping = _request_times(sample, "198.19.255.2")
    continuous = continuous_days(stopping, TIMEOUT)
    active = {requested_at.date() for requested_at in stopping}
    assert len(continuous) == 2
    assert active == {*continuous, min(active), max(active)}
    assert max(active) < max(dates)


def test_bots_pause_for_exactly_the_timeout_or_one_second_longer(
    sample: Sample,
) -> None:
    exact = _request_times(sample, "198.19.255.3")
    assert {after - before for before, after in pairwise(exact)} == {TIMEOUT}
    assert len(continuous_days(exact, TIMEOUT)) == 2

    longer = _request_times(sample, "198.19.255.4")
    pauses = {after - before for before, after in pairwise(longer)}
    assert pauses == {TIMEOUT + timedelta(seconds=1)}
    assert not continuous_days(longer, TIMEOUT)


def test_both_logs_contain_the_same_users(sample: Sample) -> None:
    def users_by_date(source: str) -> dict[date, set[int]]:
        users = defaultdict(set)
        for record in sample.records(source):
            if record.user_id is not None:
                users[record.at.date()].add(record.user_id)
        return users

    app_users, web_users = users_by_date("app_logs"), users_by_date("web_logs")
    for day in sample.world.dates[3:-3]:
        both = len(app_users[day] & web_users[day])
        assert both > 0.8 * len(app_users[day] | web_users[day]) > 0, day


def test_same_visit_has_the_same_steps(sample: Sample) -> None:
    visits = Visits(sample.world, sample.company, Adoption(sample.world))
    for visit, steps in list(visits.on_day(20))[:200]:
        pages = [step.page for step in visit_steps(visit)]
        assert [step.page for step in steps] in (
            pages[: len(steps)],
            pages[-len(steps) :],
        )
        assert all(0 <= step.seconds < 86_400 for step in steps)
