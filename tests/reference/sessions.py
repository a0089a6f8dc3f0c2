"""Web sessions: who came, when a visit began and ended, whose user it was.

What: cuts each visitor's requests into sessions, one row a session.
From: `marts.fct_web_sessions` in section 3 of the contract.
Changes: when the rule of a visit does.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from tests.reference.business import Reference
from tests.reference.records import Event, Request

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Visitor:
    """A user, or someone anonymous at one address with one user agent."""

    visitor_id: str
    user_id: int | None


class OrgOfUser:
    """Knows the org of a user on a day, from the app log events that count."""

    def __init__(self, events: Iterable[Event], lookback_days: int) -> None:
        self._lookback = timedelta(days=lookback_days)
        self._events: dict[int, list[tuple[datetime, str, int]]] = defaultdict(list)
        for event in events:
            if event.user_id is not None:
                self._events[event.user_id].append(
                    (event.at, event.event_id, event.org_id)
                )
        for of_user in self._events.values():
            of_user.sort()

    def on(self, user_id: int | None, session_date: date) -> int | None:
        """Return the org of the user's latest event up to the end of that day.

        The event lies on one of the days `session_date - lookback` to
        `session_date`; of two at the same instant the greater event_id wins.
        None without a user or an event.
        """
        of_user = self._events.get(user_id, []) if user_id is not None else []
        before = bisect_left(of_user, (midnight(session_date + ONE_DAY),))
        if before == 0:
            return None
        at, _, org_id = of_user[before - 1]
        return org_id if at.date() >= session_date - self._lookback else None


def midnight(day: date) -> datetime:
    """Return the first instant of the day."""
    return datetime.combine(day, time())


def visitor_of(request: Request) -> Visitor:
    """Return who sent the request: the user id, else a hash of address and agent."""
    if request.user_id is not None:
        return Visitor(str(request.user_id), request.user_id)
    return Visitor(_md5(f"{request.client_address}|{request.user_agent}"), None)


def web_sessions(
    requests: Iterable[Request],
    orgs: OrgOfUser,
    *,
    reference: Reference,
    timeout_minutes: int,
) -> list[dict[str, object]]:
    """Return the rows of fct_web_sessions for the counted `requests`."""
    timeout = timedelta(minutes=timeout_minutes)
    by_visitor: dict[Visitor, list[Request]] = defaultdict(list)
    for request in requests:
        by_visitor[visitor_of(request)].append(request)
    return [
        _session_row(visitor, visit, orgs=orgs, reference=reference)
        for visitor, of_visitor in by_visitor.items()
        for visit in visits(of_visitor, timeout)
    ]


def visits(requests: list[Request], timeout: timedelta) -> Iterator[list[Request]]:
    """Cut one visitor's requests into visits, each in the order of time.

    A gap longer than the timeout ends a visit; one exactly as long does not. A
    day without pause (a robot's) is cut off at both its midnights as well.
    """
    ordered = sorted(requests, key=lambda request: request.at)
    robot_days = days_without_pause([request.at for request in ordered], timeout)
    visit = ordered[:1]
    for previous, request in pairwise(ordered):
        dates = {previous.at.date(), request.at.date()}
        crosses_a_robot_midnight = len(dates) == 2 and dates & robot_days
        if request.at - previous.at > timeout or crosses_a_robot_midnight:
            yield visit
            visit = []
        visit.append(request)
    if visit:
        yield visit


def days_without_pause(moments: list[datetime], timeout: timedelta) -> set[date]:
    """Return the UTC days in which sorted `moments` leave no pause over the timeout.

    The pauses of a day are those between its midnight and the first moment, between
    one moment and the next, and between the last one and the next midnight.
    """
    by_day: dict[date, list[datetime]] = defaultdict(list)
    for moment in moments:
        by_day[moment.date()].append(moment)
    return {
        day
        for day, of_day in by_day.items()
        if _longest_pause([midnight(day), *of_day, midnight(day + ONE_DAY)]) <= timeout
    }


def _longest_pause(moments: list[datetime]) -> timedelta:
    return max(after - before for before, after in pairwise(moments))


def is_page_view(request: str, static_extensions: frozenset[str]) -> bool:
    """Tell whether a request line asks for a page.

    It does when it has a target (`METHOD TARGET PROTOCOL`) whose last path segment,
    query and fragment aside, does not end like an image, style, script or font.
    """
    words = request.split(" ")
    if len(words) != 3 or not all(words):
        return False
    path = words[1].partition("?")[0].partition("#")[0]
    _, dot, extension = path.rpartition("/")[2].rpartition(".")
    return not (dot and extension.lower() in static_extensions)


def is_bot(user_agent: str, patterns: Iterable[str]) -> bool:
    """Tell whether the user agent contains one of the lower-case patterns."""
    lowered = user_agent.lower()
    return any(pattern in lowered for pattern in patterns)


def _session_row(
    visitor: Visitor, visit: list[Request], *, orgs: OrgOfUser, reference: Reference
) -> dict[str, object]:
    started_at, ended_at = visit[0].at, visit[-1].at
    session_date = started_at.date()
    return {
        "session_id": _md5(f"{visitor.visitor_id}|{started_at:%Y-%m-%d %H:%M:%S}"),
        "visitor_id": visitor.visitor_id,
        "user_id": visitor.user_id,
        "org_id": orgs.on(visitor.user_id, session_date),
        "session_date": session_date,
        "started_at": started_at,
        "ended_at": ended_at,
        "requests": len(visit),
        "page_views": sum(
            is_page_view(one.request, reference.static_extensions) for one in visit
        ),
        "is_bot": any(is_bot(one.user_agent, reference.bot_patterns) for one in visit),
    }


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()
