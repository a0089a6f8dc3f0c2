"""Tests of the daily usage, events and sessions of orgs."""

from datetime import datetime, timedelta

import pytest

from tests.reference.daily_aggregates import (
    DailyEvents,
    aggregate_events,
    aggregate_samples,
    collect_session_seconds,
    to_minutes,
)
from tests.reference.records import Event, RecordLocation, Sample
from tests.reference.tests.raw_records import november, parsed_event


def _sample(org_id: int, at: datetime, *usage: int, integrations: str = "") -> Sample:
    location = RecordLocation(at.date(), "object", 1)
    counts = dict(zip(("hosts", "dashboards", "metrics"), usage, strict=True))
    return Sample(location, at, org_id, counts, tuple(integrations.split()))


def test_samples_aggregate_to_maxima_and_distinct_integrations() -> None:
    samples = [
        _sample(1, datetime(2026, 11, 10, 0), 3, 9, 100, integrations="aws gcp"),
        _sample(1, datetime(2026, 11, 10, 6), 5, 2, -1, integrations="gcp gcp slack"),
        _sample(1, datetime(2026, 11, 10, 6), 5, 2, -1, integrations="gcp gcp slack"),
        _sample(1, datetime(2026, 11, 11, 0), 1, 1, 1),
        _sample(2, datetime(2026, 11, 10, 23), 7, 0, 0, integrations="AWS aws"),
    ]
    assert aggregate_samples(samples) == {
        (1, november(10)): {
            "hosts": 5,
            "dashboards": 9,
            "metrics": 100,
            "integrations": 3,
        },
        (1, november(11)): {
            "hosts": 1,
            "dashboards": 1,
            "metrics": 1,
            "integrations": 0,
        },
        (2, november(10)): {
            "hosts": 7,
            "dashboards": 0,
            "metrics": 0,
            "integrations": 2,
        },
    }


def _event(at: datetime, level: str, user_id: int | None) -> Event:
    return parsed_event(at, "e", user_id=user_id, level=level)


def test_events_aggregate_to_events_errors_and_users() -> None:
    noon = datetime(2026, 11, 10, 12)
    levels = ["INFO", "error", "CRITICAL", "Critical", "WARN", "ERRORS"]
    users = [5, 5, None, 6, None, 5]
    events = [
        _event(noon, level, user_id)
        for level, user_id in zip(levels, users, strict=True)
    ]
    late = _event(noon - timedelta(days=1), "INFO", 8)
    assert aggregate_events([*events, late]) == {
        (1, november(10)): DailyEvents(log_events=6, error_events=3, user_ids={5, 6}),
        (1, november(9)): DailyEvents(log_events=1, error_events=0, user_ids={8}),
    }


def _session(org_id: int | None, day: int, seconds: int) -> dict[str, object]:
    started_at = datetime(2026, 11, day, 23, 59)
    return {
        "org_id": org_id,
        "session_date": november(day),
        "started_at": started_at,
        "ended_at": started_at + timedelta(seconds=seconds),
    }


def test_sessions_count_for_their_start_date_and_the_org_of_the_user() -> None:
    sessions = [
        _session(1, 1, 120),
        _session(1, 1, 5),
        _session(1, 2, 0),
        _session(None, 1, 60),
        _session(2, 1, 7),
    ]
    assert collect_session_seconds(sessions) == {
        (1, november(1)): [120, 5],
        (1, november(2)): [0],
        (2, november(1)): [7],
    }


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [(0, "0.00"), (1, "0.02"), (20, "0.33"), (40, "0.67"), (60, "1.00"), (161, "2.68")],
)
def test_minutes_have_two_decimals(seconds: int, minutes: str) -> None:
    assert str(to_minutes(seconds)) == minutes
