"""The rows of fct_web_sessions."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from tests.reference.business import Seeds
from tests.reference.records import Event, Request

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Visitor:
    """A user, or an anonymous client: one address with one user agent."""

    visitor_id: str
    user_id: int | None


class UserOrgs:
    """The org of each user on each day, derived from deduplicated app log events."""

    def __init__(self, events: Iterable[Event], lookback_days: int) -> None:
        self._lookback = timedelta(days=lookback_days)
        self._events: dict[int, list[tuple[datetime, str, int]]] = defaultdict(list)
        for event in events:
            if event.user_id is not None:
                self._events[event.user_id].append(
                    (event.at, event.event_id, event.org_id)
                )
        for user_events in self._events.values():
            user_events.sort()

    def find(self, user_id: int | None, session_date: date) -> int | None:
        """Return the org of the user's latest event up to the end of that day.

        Events of the days `session_date - lookback` to `session_date` are considered;
        of two with equal timestamps the greater event_id wins. Returns None without a
        user or an event.
        """
        events = self._events.get(user_id, []) if user_id is not None else []
        position = bisect_left(events, (midnight(session_date + ONE_DAY),))
        if position == 0:
            return None
        at, _, org_id = events[position - 1]
        return org_id if at.date() >= session_date - self._lookback else None


def midnight(day: date) -> datetime:
    """Return the first timestamp of the day."""
    return datetime.combine(day, time())


def identify_visitor(request: Request) -> Visitor:
    """Return the visitor: the user id, or a hash of client address and user agent."""
    if request.user_id is not None:
        return Visitor(str(request.user_id), request.user_id)
    return Visitor(_md5(f"{request.client_address}|{request.user_agent}"), None)


def web_sessions(
    requests: Iterable[Request],
    user_orgs: UserOrgs,
    *,
    seeds: Seeds,
    timeout_minutes: int,
) -> list[dict[str, object]]:
    """Return the rows of fct_web_sessions.

    `requests` must not contain late requests and those from the future.
    """
    timeout = timedelta(minutes=timeout_minutes)
    by_visitor: dict[Visitor, list[Request]] = defaultdict(list)
    for request in requests:
        by_visitor[identify_visitor(request)].append(request)
    return [
        _session_row(visitor, session, user_orgs=user_orgs, seeds=seeds)
        for visitor, visitor_requests in by_visitor.items()
        for session in split_sessions(visitor_requests, timeout)
    ]


def split_sessions(
    requests: list[Request], timeout: timedelta
) -> Iterator[list[Request]]:
    """Split one visitor's requests into sessions, each sorted by time.

    A session ends at a gap longer than the timeout. It also ends at both midnights of
    a day on which the visitor is a continuous visitor.
    """
    ordered = sorted(requests, key=lambda request: request.at)
    continuous = continuous_days([request.at for request in ordered], timeout)
    session = ordered[:1]
    for previous, request in pairwise(ordered):
        dates = {previous.at.date(), request.at.date()}
        crosses_split_midnight = len(dates) == 2 and dates & continuous
        if request.at - previous.at > timeout or crosses_split_midnight:
            yield session
            session = []
        session.append(request)
    if session:
        yield session


def continuous_days(timestamps: list[datetime], timeout: timedelta) -> set[date]:
    """Return the UTC days without a gap over the timeout between sorted timestamps.

    The gaps of a day include those from its midnight to the first timestamp and from
    the last timestamp to the next midnight.
    """
    by_day: dict[date, list[datetime]] = defaultdict(list)
    for timestamp in timestamps:
        by_day[timestamp.date()].append(timestamp)
    return {
        day
        for day, day_timestamps in by_day.items()
        if _longest_gap([midnight(day), *day_timestamps, midnight(day + ONE_DAY)])
        <= timeout
    }


def _longest_gap(timestamps: list[datetime]) -> timedelta:
    return max(after - before for before, after in pairwise(timestamps))


def is_page_view(request_line: str, static_extensions: frozenset[str]) -> bool:
    """Return whether a request line (`METHOD TARGET PROTOCOL`) requests a page.

    It does unless it is malformed, or the path, without query and fragment, ends with
    the extension of an image, style, script or font.
    """
    words = request_line.split(" ")
    if len(words) != 3 or not all(words):
        return False
    path = words[1].partition("?")[0].partition("#")[0]
    _, dot, extension = path.rpartition("/")[2].rpartition(".")
    return not (dot and extension.lower() in static_extensions)


def is_bot(user_agent: str, patterns: Iterable[str]) -> bool:
    """Return whether the user agent contains one of the lower-case patterns."""
    lowered = user_agent.lower()
    return any(pattern in lowered for pattern in patterns)


def _session_row(
    visitor: Visitor, session: list[Request], *, user_orgs: UserOrgs, seeds: Seeds
) -> dict[str, object]:
    started_at, ended_at = session[0].at, session[-1].at
    session_date = started_at.date()
    return {
        "session_id": _md5(f"{visitor.visitor_id}|{started_at:%Y-%m-%d %H:%M:%S}"),
        "visitor_id": visitor.visitor_id,
        "user_id": visitor.user_id,
        "org_id": user_orgs.find(visitor.user_id, session_date),
        "session_date": session_date,
        "started_at": started_at,
        "ended_at": ended_at,
        "requests": len(session),
        "page_views": sum(
            is_page_view(request.request, seeds.static_extensions)
            for request in session
        ),
        "is_bot": any(
            is_bot(request.user_agent, seeds.bot_patterns) for request in session
        ),
    }


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()
