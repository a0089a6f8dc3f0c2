"""Sessions: where visits begin and end, robots, and whose user it was."""

import hashlib
from datetime import datetime, timedelta

import pytest

from tests.reference.records import Event, Place, Request
from tests.reference.sessions import (
    OrgOfUser,
    days_without_pause,
    is_bot,
    is_page_view,
    visits,
    web_sessions,
)
from tests.reference.tests.given import REFERENCE, day

TIMEOUT = timedelta(minutes=30)
PAGE = "GET / HTTP/1.1"


def _at(text: str) -> datetime:
    """Return a moment of November 2026, told as `dd hh:mm:ss`."""
    return datetime.strptime(f"2026-11-{text}", "%Y-%m-%d %H:%M:%S")


def _request(
    at: datetime,
    *,
    user_id: int | None = None,
    client: str = "10.0.0.1",
    asked: str = PAGE,
    agent: str = "Mozilla/5.0",
) -> Request:
    return Request(Place(at.date(), "object", 1), at, client, user_id, asked, agent)


def _cut(*moments: datetime) -> list[list[datetime]]:
    requests = [_request(moment) for moment in moments]
    return [[request.at for request in visit] for visit in visits(requests, TIMEOUT)]


def _every(minutes: int, first: datetime, last: datetime) -> list[datetime]:
    moments = [first]
    while moments[-1] + timedelta(minutes=minutes) <= last:
        moments.append(moments[-1] + timedelta(minutes=minutes))
    return moments


def test_a_gap_as_long_as_the_timeout_is_no_end_and_a_second_more_is() -> None:
    first, second = _at("10 10:00:00"), _at("10 10:30:00")
    third = _at("10 11:00:01")
    assert _cut(third, first, second) == [[first, second], [third]]


def test_a_session_across_midnight_is_one() -> None:
    moments = [_at("10 23:50:00"), _at("11 00:10:00"), _at("11 00:40:00")]
    assert _cut(*moments) == [moments]


def test_no_requests_are_no_visits() -> None:
    assert list(visits([], TIMEOUT)) == []


def test_a_robots_days_are_cut_at_both_midnights() -> None:
    moments = _every(20, _at("10 23:00:00"), _at("13 01:00:00"))
    by_visit = _cut(*moments)
    assert [(visit[0], visit[-1]) for visit in by_visit] == [
        (_at("10 23:00:00"), _at("10 23:40:00")),
        (_at("11 00:00:00"), _at("11 23:40:00")),
        (_at("12 00:00:00"), _at("12 23:40:00")),
        (_at("13 00:00:00"), _at("13 01:00:00")),
    ]


def test_a_robot_that_pauses_once_in_a_day_is_none_on_that_day() -> None:
    moments = _every(20, _at("11 00:00:00"), _at("12 23:40:00"))
    moments.remove(_at("11 12:00:00"))  # leaves a gap of 40 minutes
    assert days_without_pause(moments, TIMEOUT) == {day(12)}
    assert len(_cut(*moments)) == 3


@pytest.mark.parametrize(
    ("first", "last", "is_robot"),
    [
        ("11 00:30:00", "11 23:30:00", True),
        ("11 00:30:01", "11 23:30:01", False),
        ("11 00:20:00", "11 23:20:00", False),
    ],
)
def test_the_pauses_beside_the_midnights_count_too(
    first: str, last: str, is_robot: bool
) -> None:
    moments = _every(30, _at(first), _at(last))
    assert days_without_pause(moments, TIMEOUT) == ({day(11)} if is_robot else set())


def test_a_robots_midnight_that_falls_on_a_pause_is_cut_once() -> None:
    moments = _every(30, _at("11 00:30:00"), _at("11 23:30:00"))
    after = _at("12 00:30:00")
    assert _cut(*moments, after) == [moments, [after]]


def _event(event_id: str, at: datetime, org_id: int, user_id: int | None = 5) -> Event:
    return Event(Place(at.date(), "object", 1), at, event_id, org_id, user_id, "INFO")


def test_a_users_org_is_that_of_the_latest_event_up_to_the_days_end() -> None:
    orgs = OrgOfUser(
        [
            _event("a", _at("10 09:00:00"), 1),
            _event("b", _at("11 23:59:59"), 2),
            _event("c", _at("12 00:00:00"), 3),
            _event("d", _at("12 10:00:00"), 4, user_id=6),
            _event("e", _at("12 11:00:00"), 7, user_id=None),
        ],
        lookback_days=30,
    )
    assert [orgs.on(5, day(number)) for number in (9, 10, 11, 12)] == [None, 1, 2, 3]
    assert orgs.on(6, day(12)) == 4
    assert orgs.on(None, day(12)) is None
    assert orgs.on(99, day(12)) is None


def test_of_events_at_the_same_moment_the_greatest_event_id_tells_the_org() -> None:
    moment = _at("10 09:00:00")
    tied = [_event("b", moment, 1), _event("c", moment, 2), _event("a", moment, 3)]
    assert OrgOfUser(tied, lookback_days=30).on(5, day(10)) == 2


def test_an_event_is_looked_back_for_thirty_days_and_no_longer() -> None:
    orgs = OrgOfUser([_event("a", datetime(2026, 10, 11, 0, 0), 1)], lookback_days=30)
    assert orgs.on(5, day(10)) == 1
    assert orgs.on(5, day(11)) is None


@pytest.mark.parametrize(
    ("asked", "is_page"),
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
def test_a_page_view_asks_for_no_image_style_script_or_font(
    asked: str, is_page: bool
) -> None:
    assert is_page_view(asked, REFERENCE.static_extensions) is is_page


def test_a_bot_is_known_by_its_agent_in_any_case() -> None:
    assert is_bot("Mozilla/5.0 (compatible; GoogleBot/2.1)", REFERENCE.bot_patterns)
    assert not is_bot("Mozilla/5.0 Firefox", REFERENCE.bot_patterns)


def _sessions(
    requests: list[Request], events: list[Event] | None = None
) -> list[dict[str, object]]:
    orgs = OrgOfUser(events or [], lookback_days=30)
    rows = web_sessions(requests, orgs, reference=REFERENCE, timeout_minutes=30)
    return sorted(rows, key=lambda row: row["started_at"])


def test_a_session_of_a_user_in_all_its_columns() -> None:
    requests = [
        _request(_at("10 23:50:00"), user_id=5),
        _request(_at("10 23:50:01"), user_id=5, asked="GET /a.css HTTP/1.1"),
        _request(_at("11 00:05:00"), user_id=5, client="10.9.9.9", agent="x crawl y"),
    ]
    events = [_event("a", _at("10 12:00:00"), 1), _event("b", _at("11 00:01:00"), 2)]
    [row] = _sessions(requests, events)
    assert row == {
        "session_id": hashlib.md5(b"5|2026-11-10 23:50:00").hexdigest(),
        "visitor_id": "5",
        "user_id": 5,
        "org_id": 1,
        "session_date": day(10),
        "started_at": _at("10 23:50:00"),
        "ended_at": _at("11 00:05:00"),
        "requests": 3,
        "page_views": 2,
        "is_bot": True,
    }


def test_anonymous_visitors_are_told_apart_by_address_and_agent() -> None:
    moment = _at("10 10:00:00")
    requests = [
        _request(moment),
        _request(moment + timedelta(minutes=1), client="10.0.0.2"),
        _request(moment + timedelta(minutes=2), agent="Other"),
        _request(moment + timedelta(minutes=3)),
        _request(moment + timedelta(minutes=4), user_id=5),
    ]
    rows = _sessions(requests)
    assert [row["requests"] for row in rows] == [2, 1, 1, 1]
    assert len({row["visitor_id"] for row in rows}) == 4
    assert len({row["session_id"] for row in rows}) == 4
    assert [row["user_id"] for row in rows] == [None, None, None, 5]
    assert {row["org_id"] for row in rows} == {None}


def test_equal_lines_are_separate_requests() -> None:
    [row] = _sessions([_request(_at("10 10:00:00"))] * 3)
    assert (row["requests"], row["page_views"]) == (3, 3)
    assert row["started_at"] == row["ended_at"]
