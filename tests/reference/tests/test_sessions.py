"""Tests of web sessions: splits, continuous visitors, orgs, page views and bots."""

import hashlib
from datetime import datetime, timedelta

import pytest

from tests.reference.records import Event, RecordLocation, Request
from tests.reference.sessions import (
    UserOrgs,
    continuous_days,
    is_bot,
    is_page_view,
    split_sessions,
    web_sessions,
)
from tests.reference.tests.raw_records import SEEDS, november, parsed_event

TIMEOUT = timedelta(minutes=30)


def _at(text: str) -> datetime:
    """Return a timestamp of November 2026, written as `dd hh:mm:ss`."""
    return datetime.strptime(f"2026-11-{text}", "%Y-%m-%d %H:%M:%S")


def _request(
    at: datetime,
    *,
    user_id: int | None = None,
    client: str = "10.0.0.1",
    request: str = "GET / HTTP/1.1",
    agent: str = "Mozilla/5.0",
) -> Request:
    return Request(
        RecordLocation(at.date(), "object", 1), at, client, user_id, request, agent
    )


def _split(*timestamps: datetime) -> list[list[datetime]]:
    """Return the timestamps of one visitor's requests by session."""
    requests = [_request(timestamp) for timestamp in timestamps]
    sessions = split_sessions(requests, TIMEOUT)
    return [[request.at for request in session] for session in sessions]


def _every(minutes: int, first: datetime, last: datetime) -> list[datetime]:
    """Return timestamps at a fixed interval from `first` to at most `last`."""
    timestamps = [first]
    while timestamps[-1] + timedelta(minutes=minutes) <= last:
        timestamps.append(timestamps[-1] + timedelta(minutes=minutes))
    return timestamps


def test_only_a_gap_longer_than_the_timeout_ends_a_session() -> None:
    first, second = _at("10 10:00:00"), _at("10 10:30:00")
    third = _at("10 11:00:01")
    assert _split(third, first, second) == [[first, second], [third]]


def test_session_may_cross_midnight() -> None:
    timestamps = [_at("10 23:50:00"), _at("11 00:10:00"), _at("11 00:40:00")]
    assert _split(*timestamps) == [timestamps]


def test_no_requests_give_no_sessions() -> None:
    assert list(split_sessions([], TIMEOUT)) == []


def test_continuous_days_are_split_at_both_midnights() -> None:
    timestamps = _every(20, _at("10 23:00:00"), _at("13 01:00:00"))
    sessions = _split(*timestamps)
    assert [(session[0], session[-1]) for session in sessions] == [
        (_at("10 23:00:00"), _at("10 23:40:00")),
        (_at("11 00:00:00"), _at("11 23:40:00")),
        (_at("12 00:00:00"), _at("12 23:40:00")),
        (_at("13 00:00:00"), _at("13 01:00:00")),
    ]


def test_day_with_one_gap_is_not_continuous() -> None:
    timestamps = _every(20, _at("11 00:00:00"), _at("12 23:40:00"))
    timestamps.remove(_at("11 12:00:00"))  # Leaves a gap of 40 minutes.
    assert continuous_days(timestamps, TIMEOUT) == {november(12)}
    assert len(_split(*timestamps)) == 3


@pytest.mark.parametrize(
    ("first", "last", "is_continuous"),
    [
        ("11 00:30:00", "11 23:30:00", True),
        ("11 00:30:01", "11 23:30:01", False),
        ("11 00:20:00", "11 23:20:00", False),
    ],
)
def test_gaps_next_to_midnight_count(
    first: str, last: str, is_continuous: bool
) -> None:
    timestamps = _every(30, _at(first), _at(last))
    assert continuous_days(timestamps, TIMEOUT) == (
        {november(11)} if is_continuous else set()
    )


def test_midnight_within_a_gap_splits_once() -> None:
    timestamps = _every(30, _at("11 00:30:00"), _at("11 23:30:00"))
    after = _at("12 00:30:00")
    assert _split(*timestamps, after) == [timestamps, [after]]


def _event(event_id: str, at: datetime, org_id: int, user_id: int | None = 5) -> Event:
    return parsed_event(at, event_id, org_id=org_id, user_id=user_id)


def test_org_of_a_user_comes_from_the_latest_event_of_the_day() -> None:
    user_orgs = UserOrgs(
        [
            _event("a", _at("10 09:00:00"), 1),
            _event("b", _at("11 23:59:59"), 2),
            _event("c", _at("12 00:00:00"), 3),
            _event("d", _at("12 10:00:00"), 4, user_id=6),
            _event("e", _at("12 11:00:00"), 7, user_id=None),
        ],
        lookback_days=30,
    )
    orgs = [user_orgs.find(5, november(day)) for day in (9, 10, 11, 12)]
    assert orgs == [None, 1, 2, 3]
    assert user_orgs.find(6, november(12)) == 4
    assert user_orgs.find(None, november(12)) is None
    assert user_orgs.find(99, november(12)) is None


def test_greatest_event_id_decides_between_equal_timestamps() -> None:
    at = _at("10 09:00:00")
    tied = [_event("b", at, 1), _event("c", at, 2), _event("a", at, 3)]
    assert UserOrgs(tied, lookback_days=30).find(5, november(10)) == 2


def test_org_lookback_is_thirty_days() -> None:
    user_orgs = UserOrgs(
        [_event("a", datetime(2026, 10, 11, 0, 0), 1)], lookback_days=30
    )
    assert user_orgs.find(5, november(10)) == 1
    assert user_orgs.find(5, november(11)) is None


@pytest.mark.parametrize(
    ("request_line", "is_page"),
    [
        ("GET / HTTP/1.1", True),
        ("GET /a/b.html?x=1.png HTTP/1.1", True),
        ("GET /v1.2/api HTTP/1.1", True),
        ("GET /css HTTP/1.1", True),
        ("POST /report.PDF HTTP/1.1", True),
        ("GET /a.css HTTP/1.1", False),
        ("GET /a.min.JS?v=2 HTTP/1.1", False),
        ("GET /font.woff2#x HTTP/1.1", False),
        ("GET http://www.example.com/a.png HTTP/1.1", False),
        ("-", False),
        ("GET /", False),
        (r"\x16\x03\x01", False),
    ],
)
def test_page_view_is_a_request_without_static_extension(
    request_line: str, is_page: bool
) -> None:
    assert is_page_view(request_line, SEEDS.static_extensions) is is_page


def test_bots_are_detected_by_user_agent_in_any_case() -> None:
    assert is_bot("Mozilla/5.0 (compatible; GoogleBot/2.1)", SEEDS.bot_patterns)
    assert not is_bot("Mozilla/5.0 Firefox", SEEDS.bot_patterns)


def _sessions(
    requests: list[Request], events: list[Event] | None = None
) -> list[dict[str, object]]:
    user_orgs = UserOrgs(events or [], lookback_days=30)
    rows = web_sessions(requests, user_orgs, seeds=SEEDS, timeout_minutes=30)
    return sorted(rows, key=lambda row: row["started_at"])


def test_user_session_has_all_columns() -> None:
    requests = [
        _request(_at("10 23:50:00"), user_id=5),
        _request(_at("10 23:50:01"), user_id=5, request="GET /a.css HTTP/1.1"),
        _request(_at("11 00:05:00"), user_id=5, client="10.9.9.9", agent="x crawl y"),
    ]
    events = [_event("a", _at("10 12:00:00"), 1), _event("b", _at("11 00:01:00"), 2)]
    [row] = _sessions(requests, events)
    assert row == {
        "session_id": hashlib.md5(b"5|2026-11-10 23:50:00").hexdigest(),
        "visitor_id": "5",
        "user_id": 5,
        "org_id": 1,
        "session_date": november(10),
        "started_at": _at("10 23:50:00"),
        "ended_at": _at("11 00:05:00"),
        "requests": 3,
        "page_views": 2,
        "is_bot": True,
    }


def test_anonymous_visitors_are_identified_by_address_and_agent() -> None:
    first = _at("10 10:00:00")
    requests = [
        _request(first),
        _request(first + timedelta(minutes=1), client="10.0.0.2"),
        _request(first + timedelta(minutes=2), agent="Other"),
        _request(first + timedelta(minutes=3)),
        _request(first + timedelta(minutes=4), user_id=5),
    ]
    rows = _sessions(requests)
    assert [row["requests"] for row in rows] == [2, 1, 1, 1]
    assert len({row["visitor_id"] for row in rows}) == 4
    assert len({row["session_id"] for row in rows}) == 4
    assert [row["user_id"] for row in rows] == [None, None, None, 5]
    assert {row["org_id"] for row in rows} == {None}


def test_equal_requests_are_counted_separately() -> None:
    [row] = _sessions([_request(_at("10 10:00:00"))] * 3)
    assert (row["requests"], row["page_views"]) == (3, 3)
    assert row["started_at"] == row["ended_at"]
