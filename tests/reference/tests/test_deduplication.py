"""Tests of the late-arrival and deduplication rules."""

from datetime import date, datetime, timedelta

import pytest

from tests.reference.deduplication import (
    deduplicate_events,
    deduplicate_orgs,
    drop_late_and_future,
    trim_texts,
)
from tests.reference.records import (
    Event,
    Org,
    Record,
    RecordLocation,
    Request,
    Sample,
)
from tests.reference.tests.raw_records import november, parsed_event


def _event(event_id: str, at: datetime, dt: date, *, line: int = 1) -> Event:
    return parsed_event(at, event_id, location=RecordLocation(dt, "object", line))


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
    return Org(
        location=location,
        org_id=org_id,
        org_name=name,
        created_at=_noon(1),
        trial_started_at=None,
        billing_plan_id=1,
        billing_plan_name="Trial",
        is_internal=False,
        country=None,
        owner_email=None,
        updated_at=updated_at,
    )


def test_org_record_with_greatest_updated_at_wins_in_each_partition() -> None:
    new = _org(1, _noon(9), november(10), name="new", line=1)
    old = _org(1, _noon(8), november(10), name="old", line=2)
    other = _org(2, _noon(1), november(10), name="other", line=3)
    next_day = _org(1, _noon(8), november(11), name="old again", line=1)
    assert deduplicate_orgs([new, old, other, next_day]) == {
        november(10): {1: new, 2: other},
        november(11): {1: next_day},
    }


ORG = _org(7, _noon(9), november(10), name="Acme", line=2)
# Of each pair with the same updated_at the first record wins, wherever it stands.
EQUAL_UPDATES = [
    (ORG, ORG._replace(org_name="acme")),
    (ORG, ORG._replace(org_name="Acme Ltd")),
    (ORG._replace(billing_plan_id=10), ORG._replace(billing_plan_id=9)),
    (ORG._replace(billing_plan_id=-1), ORG._replace(billing_plan_id=0)),
    (ORG, ORG._replace(country="")),
    (ORG, ORG._replace(trial_started_at=datetime(1, 1, 1))),
    (ORG, ORG._replace(is_internal=True)),
    (ORG, ORG._replace(created_at=_noon(1) + timedelta(microseconds=1))),
    # The name decides before the plan.
    (ORG._replace(billing_plan_id=9), ORG._replace(org_name="B", billing_plan_id=1)),
]


@pytest.mark.parametrize(("winner", "loser"), EQUAL_UPDATES)
def test_smallest_text_wins_among_equal_updates(winner: Org, loser: Org) -> None:
    loser = loser._replace(location=RecordLocation(november(10), "a", 1))
    for records in ([winner, loser], [loser, winner]):
        assert deduplicate_orgs(records) == {november(10): {7: winner}}


EVENT = parsed_event(_noon(10), "e", org_id=10)
EQUAL_EVENTS = [
    (EVENT, EVENT._replace(org_id=9)),
    (EVENT, EVENT._replace(user_id=-5)),
    (EVENT._replace(user_id=5), EVENT._replace(user_id=50)),
    (EVENT, EVENT._replace(level="info")),
    (EVENT, EVENT._replace(path="")),
    (EVENT, EVENT._replace(status=0)),
    (EVENT._replace(duration_ms=100), EVENT._replace(duration_ms=99)),
    (EVENT._replace(user_id=5, level="info"), EVENT._replace(user_id=6)),
]


@pytest.mark.parametrize(("winner", "loser"), EQUAL_EVENTS)
def test_smallest_text_wins_among_equal_events(winner: Event, loser: Event) -> None:
    loser = loser._replace(location=RecordLocation(_noon(10).date(), "a", 0))
    for events in ([winner, loser], [loser, winner]):
        assert deduplicate_events(events) == [winner]


@pytest.mark.parametrize(
    ("record", "trimmed"),
    [
        (ORG._replace(org_name=" A\u00a0  "), ORG._replace(org_name=" A\u00a0")),
        (ORG._replace(owner_email="  "), ORG._replace(owner_email="")),
        (EVENT._replace(event_id="e  "), EVENT),
        (EVENT._replace(level="INFO ", path="/\t "), EVENT._replace(path="/\t")),
        (
            Sample(EVENT.location, EVENT.at, 1, {}, ("a ", "a", "\u3000 ")),
            Sample(EVENT.location, EVENT.at, 1, {}, ("a", "a", "\u3000")),
        ),
        (
            Request(EVENT.location, EVENT.at, "::1", None, "GET / ", "curl  "),
            Request(EVENT.location, EVENT.at, "::1", None, "GET / ", "curl"),
        ),
    ],
)
def test_texts_lose_trailing_blanks_only(record: Record, trimmed: Record) -> None:
    assert trim_texts(record) == trimmed
