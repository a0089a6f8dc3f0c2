"""Tests of the late-arrival and deduplication rules."""

from datetime import date, datetime, timedelta

import pytest

from tests.reference.deduplication import (
    deduplicate_events,
    deduplicate_orgs,
    drop_late_and_future,
)
from tests.reference.records import Event, Org, RecordLocation
from tests.reference.tests.raw_records import november


def _event(event_id: str, at: datetime, dt: date, *, line: int = 1) -> Event:
    return Event(RecordLocation(dt, "object", line), at, event_id, 1, None, "INFO")


def _noon(day: int) -> datetime:
    return datetime(2026, 11, day, 12)


@pytest.mark.parametrize(
    ("at", "is_kept"),
    [
        (datetime(2026, 11, 7, 23, 59, 59), False),
        (datetime(2026, 11, 8, 0, 0, 0), True),
        (datetime(2026, 11, 9, 12), True),
        (datetime(2026, 11, 10, 23, 59, 59, 999_999), True),
        (datetime(2026, 11, 11, 0, 0, 0), False),
    ],
)
def test_records_of_the_partition_date_and_two_days_before_are_kept(
    at: datetime, is_kept: bool
) -> None:
    event = _event("e", at, november(10))
    assert drop_late_and_future([event], 2) == ([event] if is_kept else [])


def test_late_arrival_days_is_configurable() -> None:
    events = [_event(str(day), _noon(day), november(10)) for day in range(5, 11)]
    assert drop_late_and_future(events, 0) == events[-1:]
    assert drop_late_and_future(events, 4) == events[1:]


def test_duplicate_event_in_the_earliest_partition_wins_over_earlier_timestamp() -> (
    None
):
    first = _event("e", _noon(10), november(10))
    second = _event("e", _noon(9), november(11))
    assert deduplicate_events([second, first]) == [first]
    assert deduplicate_events([first, second]) == [first]


def test_earliest_duplicate_event_wins_within_a_partition() -> None:
    later = _event("e", _noon(10), november(10), line=1)
    earlier = _event("e", _noon(10) - timedelta(seconds=1), november(10), line=2)
    assert deduplicate_events([later, earlier]) == [earlier]


def test_duplicate_from_the_future_does_not_replace_a_valid_event() -> None:
    from_the_future = _event("e", _noon(12), november(10))
    in_time = _event("e", _noon(12), november(12))
    events = drop_late_and_future([from_the_future, in_time], 2)
    assert deduplicate_events(events) == [in_time]


def test_events_with_different_ids_are_kept() -> None:
    events = [_event(event_id, _noon(10), november(10)) for event_id in "abc"]
    assert deduplicate_events(events) == events


def _org(org_id: int, updated_at: datetime, dt: date, *, name: str, line: int) -> Org:
    location = RecordLocation(dt, "object", line)
    return Org(location, org_id, name, None, 1, "Trial", False, updated_at)


def test_org_record_with_greatest_updated_at_wins_in_each_partition() -> None:
    new = _org(1, _noon(9), november(10), name="new", line=1)
    old = _org(1, _noon(8), november(10), name="old", line=2)
    other = _org(2, _noon(1), november(10), name="other", line=3)
    next_day = _org(1, _noon(8), november(11), name="old again", line=1)
    assert deduplicate_orgs([new, old, other, next_day]) == {
        november(10): {1: new, 2: other},
        november(11): {1: next_day},
    }
