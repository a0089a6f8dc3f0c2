"""Tests of fct_org_day: window, filled org states and columns."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.reference.business import DEFAULTS, METRICS, Constants
from tests.reference.daily_aggregates import DailyAggregates, DailyEvents
from tests.reference.org_days import build_org_days, fill_org_states
from tests.reference.records import Org, RecordLocation
from tests.reference.tests.raw_records import november

NO_ACTIVITY = DailyAggregates(usage={}, events={}, session_seconds={})


def _org(
    dt: date,
    *,
    trial_started_at: datetime | None,
    org_id: int = 1,
    is_internal: bool = False,
) -> Org:
    return Org(
        location=RecordLocation(dt, "object", 1),
        org_id=org_id,
        org_name=f"On {dt}",
        created_at=datetime(2026, 11, 1),
        trial_started_at=trial_started_at,
        billing_plan_id=1,
        billing_plan_name="Trial",
        is_internal=is_internal,
        country=None,
        owner_email=None,
        updated_at=datetime(2026, 11, 1),
    )


def _rows(
    days: int, trial_started_at: datetime, constants: Constants = DEFAULTS
) -> list[dict[str, object]]:
    """Return the rows of an org that is exported on `days` days from November 1."""
    dates = [november(1) + timedelta(days=offset) for offset in range(days)]
    states = [(day, _org(day, trial_started_at=trial_started_at)) for day in dates]
    return build_org_days(states, NO_ACTIVITY, constants)


def test_start_date_is_org_day_1_at_any_time_of_day() -> None:
    for trial_started_at in (datetime(2026, 11, 3), datetime(2026, 11, 3, 23, 59, 59)):
        first, second = _rows(4, trial_started_at)
        assert first["metric_date"] == november(3)
        assert (first["org_day"], second["org_day"]) == (1, 2)
        assert first["trial_start_date"] == november(3)


def test_window_ends_after_org_day_43_and_trial_after_14() -> None:
    rows = _rows(60, datetime(2026, 11, 1, 9))
    assert [row["org_day"] for row in rows] == list(range(1, 44))
    assert rows[-1]["metric_date"] == date(2026, 12, 13)
    assert [row["org_day"] for row in rows if row["is_in_trial"]] == list(range(1, 15))


def test_window_depends_on_the_constants() -> None:
    constants = Constants(trial_period_days=3, extra_conversion_period_days=2)
    rows = _rows(60, datetime(2026, 11, 1, 9), constants)
    assert [row["is_in_trial"] for row in rows] == [True, True, True, False]


def test_internal_orgs_and_orgs_without_trial_have_no_rows() -> None:
    start = datetime(2026, 11, 1)
    states = [
        (november(1), _org(november(1), trial_started_at=start, is_internal=True)),
        (november(1), _org(november(1), trial_started_at=None, org_id=2)),
        (november(1), _org(november(1), trial_started_at=start, org_id=3)),
    ]
    rows = build_org_days(states, NO_ACTIVITY, DEFAULTS)
    assert [row["org_id"] for row in rows] == [3]


def test_day_without_activity_is_zero() -> None:
    [row] = _rows(1, datetime(2026, 11, 1))
    assert row == {
        "org_id": 1,
        "metric_date": november(1),
        "org_day": 1,
        "trial_start_date": november(1),
        "org_name": "On 2026-11-01",
        "billing_plan_id": 1,
        "billing_plan_name": "Trial",
        "is_in_trial": True,
        **dict.fromkeys(METRICS, 0),
        "log_events": 0,
        "active_users": 0,
        "error_events": 0,
        "sessions": 0,
        "session_minutes": Decimal("0.00"),
    }


def test_row_has_the_aggregates_of_its_org_and_day() -> None:
    usage = {name: number for number, name in enumerate(METRICS, start=3)}
    aggregates = DailyAggregates(
        usage={
            (1, november(2)): usage,
            (2, november(1)): dict.fromkeys(METRICS, 9),
        },
        events={(1, november(2)): DailyEvents(7, 2, {5, 6})},
        session_seconds={(1, november(2)): [0, 100, 61]},
    )
    states = [
        (day, _org(day, trial_started_at=datetime(2026, 11, 1)))
        for day in (november(1), november(2))
    ]
    first, second = build_org_days(states, aggregates, DEFAULTS)
    assert (first["hosts"], first["log_events"], first["sessions"]) == (0, 0, 0)
    assert {name: second[name] for name in METRICS} == usage
    assert (second["log_events"], second["error_events"]) == (7, 2)
    assert second["active_users"] == 2
    assert (second["sessions"], second["session_minutes"]) == (3, Decimal("2.68"))


def _states(
    *export_days: int, until: int, carry_forward_days: int = 7
) -> list[tuple[int, int]]:
    """Return (day, day of the record in effect) for an org exported on some days."""
    partitions = {
        november(day): {1: _org(november(day), trial_started_at=datetime(2026, 11, 1))}
        for day in export_days
    }
    states = fill_org_states(
        partitions, november(until), carry_forward_days=carry_forward_days
    )
    return [(day.day, org.location.dt.day) for day, org in states]


def test_missing_record_is_filled_forward_for_seven_days() -> None:
    assert _states(2, until=12) == [(day, 2) for day in range(2, 10)]


def test_latest_record_is_filled_forward_until_a_new_one() -> None:
    assert _states(2, 3, 5, until=6, carry_forward_days=2) == [
        (2, 2),
        (3, 3),
        (4, 3),
        (5, 5),
        (6, 5),
    ]


def test_missing_org_returns_with_its_next_record() -> None:
    assert _states(1, 12, until=13) == [
        *[(day, 1) for day in range(1, 9)],
        (12, 12),
        (13, 12),
    ]


def test_no_partitions_give_no_states() -> None:
    assert _states(until=5) == []


def test_forward_filled_days_have_their_own_org_day() -> None:
    partitions = {
        november(3): {1: _org(november(3), trial_started_at=datetime(2026, 11, 1))}
    }
    states = fill_org_states(partitions, november(5), carry_forward_days=7)
    rows = build_org_days(states, NO_ACTIVITY, DEFAULTS)
    assert [row["org_day"] for row in rows] == [3, 4, 5]
    assert {row["org_name"] for row in rows} == {"On 2026-11-03"}
