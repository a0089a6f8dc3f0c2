"""The rollup: windows, states carried forward, and sums of nothing."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.reference.business import DEFAULTS, Constants
from tests.reference.daily_aggregates import LoggedDay, SampledDay
from tests.reference.org_days import (
    DailySums,
    minutes,
    org_days,
    org_states,
    session_seconds_by_org_day,
)
from tests.reference.records import Org, Place
from tests.reference.tests.given import day

NOTHING = DailySums(sampled={}, logged={}, session_seconds={})


def _org(
    dt: date, *, started: datetime | None, org_id: int = 1, is_internal: bool = False
) -> Org:
    place = Place(dt, "object", 1)
    updated = datetime(2026, 11, 1)
    return Org(place, org_id, f"On {dt}", started, 1, "Trial", is_internal, updated)


def _rows(
    nights: int, started: datetime, constants: Constants = DEFAULTS
) -> list[dict[str, object]]:
    """Return an org's rows of so many days from November the 1st."""
    days = [day(1) + timedelta(days=number) for number in range(nights)]
    states = [(one, _org(one, started=started)) for one in days]
    return org_days(states, NOTHING, constants)


def test_the_day_of_the_start_is_org_day_1_whatever_the_hour() -> None:
    for started in (datetime(2026, 11, 3), datetime(2026, 11, 3, 23, 59, 59)):
        first, second = _rows(4, started)
        assert first["metric_date"] == day(3)
        assert (first["org_day"], second["org_day"]) == (1, 2)
        assert first["trial_start_date"] == day(3)


def test_the_window_ends_after_org_day_43_and_the_trial_after_14() -> None:
    rows = _rows(60, datetime(2026, 11, 1, 9))
    assert [row["org_day"] for row in rows] == list(range(1, 44))
    assert rows[-1]["metric_date"] == date(2026, 12, 13)
    assert [row["org_day"] for row in rows if row["is_in_trial"]] == list(range(1, 15))


def test_the_window_follows_the_constants() -> None:
    constants = Constants(trial_period_days=3, extra_conversion_period_days=2)
    rows = _rows(60, datetime(2026, 11, 1, 9), constants)
    assert [row["is_in_trial"] for row in rows] == [True, True, True, False]


def test_orgs_that_are_internal_or_without_a_trial_have_no_rows() -> None:
    started = datetime(2026, 11, 1)
    states = [
        (day(1), _org(day(1), started=started, is_internal=True)),
        (day(1), _org(day(1), started=None, org_id=2)),
        (day(1), _org(day(1), started=started, org_id=3)),
    ]
    assert [row["org_id"] for row in org_days(states, NOTHING, DEFAULTS)] == [3]


def test_a_day_without_anything_is_zeros() -> None:
    [row] = _rows(1, datetime(2026, 11, 1))
    assert row == {
        "org_id": 1,
        "metric_date": day(1),
        "org_day": 1,
        "trial_start_date": day(1),
        "org_name": "On 2026-11-01",
        "billing_plan_id": 1,
        "billing_plan_name": "Trial",
        "is_in_trial": True,
        "hosts": 0,
        "dashboards": 0,
        "metrics": 0,
        "integrations": 0,
        "log_events": 0,
        "active_users": 0,
        "error_events": 0,
        "sessions": 0,
        "session_minutes": Decimal("0.00"),
    }


def test_a_day_takes_the_sums_of_its_own_org_and_date() -> None:
    sums = DailySums(
        sampled={
            (1, day(2)): SampledDay(3, 4, 5, 6),
            (2, day(1)): SampledDay(9, 9, 9, 9),
        },
        logged={(1, day(2)): LoggedDay(7, 2, {5, 6})},
        session_seconds={(1, day(2)): [0, 100, 61]},
    )
    states = [
        (one, _org(one, started=datetime(2026, 11, 1))) for one in (day(1), day(2))
    ]
    first, second = org_days(states, sums, DEFAULTS)
    assert (first["hosts"], first["log_events"], first["sessions"]) == (0, 0, 0)
    usage = [
        second[name] for name in ("hosts", "dashboards", "metrics", "integrations")
    ]
    assert usage == [3, 4, 5, 6]
    assert (second["log_events"], second["error_events"]) == (7, 2)
    assert second["active_users"] == 2
    assert (second["sessions"], second["session_minutes"]) == (3, Decimal("2.68"))


def _states(*nights: int, until: int, carry: int = 7) -> list[tuple[int, int]]:
    """Return (day, day of the line that holds on it), of an org with those nights."""
    partitions = {
        day(night): {1: _org(day(night), started=datetime(2026, 11, 1))}
        for night in nights
    }
    found = org_states(partitions, day(until), carry_forward_days=carry)
    return [(one.day, org.place.dt.day) for one, org in found]


def test_a_missing_line_is_carried_forward_for_seven_days() -> None:
    assert _states(2, until=12) == [(number, 2) for number in range(2, 10)]


def test_the_latest_line_before_is_carried_and_a_new_one_takes_over() -> None:
    assert _states(2, 3, 5, until=6, carry=2) == [
        (2, 2),
        (3, 3),
        (4, 3),
        (5, 5),
        (6, 5),
    ]


def test_an_org_that_was_gone_comes_back_with_its_line() -> None:
    assert _states(1, 12, until=13) == [
        *[(number, 1) for number in range(1, 9)],
        (12, 12),
        (13, 12),
    ]


def test_without_partitions_there_are_no_states() -> None:
    assert _states(until=5) == []


def test_carried_lines_make_rows_that_grow_older() -> None:
    partitions = {day(3): {1: _org(day(3), started=datetime(2026, 11, 1))}}
    states = org_states(partitions, day(5), carry_forward_days=7)
    rows = org_days(states, NOTHING, DEFAULTS)
    assert [row["org_day"] for row in rows] == [3, 4, 5]
    assert {row["org_name"] for row in rows} == {"On 2026-11-03"}


def test_sessions_belong_to_the_day_they_started_and_to_the_users_org() -> None:
    def session(org_id: int | None, number: int, seconds: int) -> dict[str, object]:
        started = datetime(2026, 11, number, 23, 59)
        return {
            "org_id": org_id,
            "session_date": day(number),
            "started_at": started,
            "ended_at": started + timedelta(seconds=seconds),
        }

    sessions = [
        session(1, 1, 120),
        session(1, 1, 5),
        session(1, 2, 0),
        session(None, 1, 60),
        session(2, 1, 7),
    ]
    assert session_seconds_by_org_day(sessions) == {
        (1, day(1)): [120, 5],
        (1, day(2)): [0],
        (2, day(1)): [7],
    }


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0.00"), (1, "0.02"), (20, "0.33"), (40, "0.67"), (60, "1.00"), (161, "2.68")],
)
def test_minutes_have_two_decimals(seconds: int, told: str) -> None:
    assert str(minutes(seconds)) == told
