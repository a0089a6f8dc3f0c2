"""Which rows count: lateness, duplicates, and what a day adds up to."""

from datetime import date, datetime, timedelta

import pytest

from tests.reference import daily_aggregates as counted
from tests.reference.daily_aggregates import LoggedDay, SampledDay
from tests.reference.records import Event, Org, Place, Sample
from tests.reference.tests.given import day


def _event(event_id: str, at: datetime, dt: date, **changes: object) -> Event:
    """Return an event of org 1 and of nobody, in the first line unless `line` says."""
    place = Place(dt, "object", changes.pop("line", 1))
    return Event(place, at, event_id, 1, None, "INFO")._replace(**changes)


def _noon(number: int) -> datetime:
    return datetime(2026, 11, number, 12)


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (datetime(2026, 11, 7, 23, 59, 59), False),
        (datetime(2026, 11, 8, 0, 0, 0), True),
        (datetime(2026, 11, 9, 12), True),
        (datetime(2026, 11, 10, 23, 59, 59, 999_999), True),
        (datetime(2026, 11, 11, 0, 0, 0), False),
    ],
)
def test_of_a_partition_its_day_and_the_two_before_count(
    at: datetime, counts: bool
) -> None:
    row = _event("e", at, day(10))
    assert counted.counted([row], 2) == ([row] if counts else [])


def test_lateness_is_as_long_as_it_is_told() -> None:
    rows = [_event(str(n), _noon(n), day(10)) for n in range(5, 11)]
    assert counted.counted(rows, 0) == rows[-1:]
    assert counted.counted(rows, 4) == rows[1:]


def test_of_copies_the_earliest_partition_wins_even_with_a_later_time() -> None:
    first = _event("e", _noon(10), day(10))
    second = _event("e", _noon(9), day(11))
    assert counted.one_per_event_id([second, first]) == [first]
    assert counted.one_per_event_id([first, second]) == [first]


def test_within_a_partition_the_earliest_timestamp_wins() -> None:
    later = _event("e", _noon(10), day(10), line=1)
    earlier = _event("e", _noon(10) - timedelta(seconds=1), day(10), line=2)
    assert counted.one_per_event_id([later, earlier]) == [earlier]


def test_a_copy_that_does_not_count_hides_none_that_does() -> None:
    from_the_future = _event("e", _noon(12), day(10))
    in_time = _event("e", _noon(12), day(12))
    rows = counted.counted([from_the_future, in_time], 2)
    assert counted.one_per_event_id(rows) == [in_time]


def test_other_events_are_left_alone() -> None:
    events = [_event(name, _noon(10), day(10)) for name in "abc"]
    assert counted.one_per_event_id(events) == events


def _org(org_id: int, updated_at: datetime, dt: date, *, name: str, line: int) -> Org:
    place = Place(dt, "object", line)
    return Org(place, org_id, name, None, 1, "Trial", False, updated_at)


def test_of_an_orgs_lines_the_greatest_updated_at_counts_in_each_partition() -> None:
    new = _org(1, _noon(9), day(10), name="new", line=1)
    old = _org(1, _noon(8), day(10), name="old", line=2)
    other = _org(2, _noon(1), day(10), name="other", line=3)
    next_day = _org(1, _noon(8), day(11), name="old again", line=1)
    assert counted.one_per_org([new, old, other, next_day]) == {
        day(10): {1: new, 2: other},
        day(11): {1: next_day},
    }


def _sample(org_id: int, at: datetime, *numbers: int, names: str = "") -> Sample:
    place = Place(at.date(), "object", 1)
    return Sample(place, at, org_id, *numbers, tuple(names.split()))


def test_a_day_of_samples_is_its_maxima_and_its_distinct_integrations() -> None:
    samples = [
        _sample(1, datetime(2026, 11, 10, 0), 3, 9, 100, names="aws gcp"),
        _sample(1, datetime(2026, 11, 10, 6), 5, 2, -1, names="gcp gcp slack"),
        _sample(1, datetime(2026, 11, 10, 6), 5, 2, -1, names="gcp gcp slack"),
        _sample(1, datetime(2026, 11, 11, 0), 1, 1, 1),
        _sample(2, datetime(2026, 11, 10, 23), 7, 0, 0, names="AWS aws"),
    ]
    assert counted.samples_by_org_day(samples) == {
        (1, day(10)): SampledDay(hosts=5, dashboards=9, metrics=100, integrations=3),
        (1, day(11)): SampledDay(hosts=1, dashboards=1, metrics=1, integrations=0),
        (2, day(10)): SampledDay(hosts=7, dashboards=0, metrics=0, integrations=2),
    }


def test_a_day_of_events_counts_events_errors_and_users() -> None:
    levels = ["INFO", "error", "CRITICAL", "Critical", "WARN", "ERRORS"]
    users = [5, 5, None, 6, None, 5]
    events = [
        _event(str(number), _noon(10), day(10), level=level, user_id=user)
        for number, (level, user) in enumerate(zip(levels, users, strict=True))
    ]
    late = _event("late", _noon(9), day(10), user_id=8)
    assert counted.events_by_org_day([*events, late]) == {
        (1, day(10)): LoggedDay(log_events=6, error_events=3, user_ids={5, 6}),
        (1, day(9)): LoggedDay(log_events=1, error_events=0, user_ids={8}),
    }
