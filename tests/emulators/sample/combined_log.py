r"""Requests as lines in Apache's *combined* log format: regular, unusual or corrupt.

Unusual lines must be accepted and corrupt lines rejected. Inside a quoted field a
quote is written as `\"` and a control character as `\xhh`.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from tests.emulators.sample import json_lines, texts

MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
ZONES = (("+0200", 120), ("-0530", -330), ("+1345", 825), ("-0800", -480))


class Request(NamedTuple):
    """One request, `seconds` after midnight UTC of `day`."""

    client: str
    authuser: str
    day: date
    seconds: int
    request: str
    status: int
    size: str
    referrer: str
    agent: str


def format_line(request: Request, *, variant: str | None, rng: Random) -> bytes:
    """Return the request as a line, unusual but valid if `variant` is set."""
    if variant is None:
        return _line(request).encode()
    if variant == "trailing_blank":
        return _line(request).encode() + rng.choice((b" ", b"  ", b"\t"))
    if variant == "offset_time":
        zone, minutes = rng.choice(ZONES)
        shifted = _shift(request, timedelta(minutes=minutes))
        return _line(shifted, zone=zone).encode()
    return _line(_VARIANTS[variant](request, rng)).encode()


def corrupt_line(request: Request, *, kind: str, rng: Random) -> bytes:
    """Return a line that must be rejected, for the reason `kind`."""
    if kind == "not_utf8":
        return json_lines.insert_invalid_utf8(_line(request).encode(), rng)
    if kind == "nul_byte":
        return json_lines.insert_nul(_line(request).encode(), rng)
    return _CORRUPTIONS[kind](request, rng).encode()


def _shift(request: Request, offset: timedelta) -> Request:
    shifted = datetime.combine(request.day, time()) + offset
    shifted += timedelta(seconds=request.seconds)
    seconds = shifted.hour * 3600 + shifted.minute * 60 + shifted.second
    return request._replace(day=shifted.date(), seconds=seconds)


def _line(request: Request, *, zone: str = "+0000", timestamp: str = "") -> str:
    client, authuser, day, seconds, request_line, status, size, referrer, agent = (
        request
    )
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    timestamp = timestamp or (
        f"{_day_text(day)}:{hour:02}:{minute:02}:{second:02} {zone}"
    )
    return (
        f'{client} - {authuser} [{timestamp}] "{request_line}" {status} {size} '
        f'"{referrer}" "{agent}"'
    )


@lru_cache(maxsize=64)
def _day_text(day: date) -> str:
    # strftime would use the month names of the current locale.
    return f"{day.day:02}/{MONTHS[day.month - 1]}/{day.year}"


def _with_path(request: Request, path: str) -> Request:
    return request._replace(request=f"GET {path} HTTP/1.1")


def _path_encoded(request: Request, rng: Random) -> Request:
    paths = (
        "/search?q=%D7%A9%D7%9C%D7%95%D7%9D%22",
        "/search?q=a%20b%2Fc.png",
        "/files/%E2%9C%93%20report.css?v=1",
        r"/search?q=\"quoted\"",
    )
    return _with_path(request, rng.choice(paths))


def _request_garbage(request: Request, rng: Random) -> Request:
    garbage = (
        r"\x16\x03\x01\x02\x00\x01\x00",
        "GET /",
        "GET / with blanks HTTP/1.1",
        "",
        r"\"\"",
    )
    return request._replace(request=rng.choice(garbage), status=400, size="226")


_VARIANTS: dict[str, Callable[[Request, Random], Request]] = {
    "agent_escaped_quotes": lambda request, rng: request._replace(
        agent=rng.choice(texts.AGENTS_WITH_QUOTES)
    ),
    "agent_emoji": lambda request, rng: request._replace(
        agent=rng.choice(texts.AGENTS_WITH_EMOJI)
    ),
    "agent_script": lambda request, rng: request._replace(
        agent=rng.choice(texts.AGENTS_WITH_SCRIPT)
    ),
    "agent_empty": lambda request, rng: request._replace(agent=rng.choice(("", "-"))),
    "request_dash": lambda request, rng: request._replace(
        request="-", status=408, size="-"
    ),
    "request_garbage": _request_garbage,
    "request_absolute": lambda request, rng: _with_path(
        request, rng.choice(("http://www.example.com/a.png", "http://198.18.0.1:80/"))
    ),
    "path_encoded": _path_encoded,
    "size_dash": lambda request, rng: request._replace(status=304, size="-"),
    "address_ipv6": lambda request, rng: request._replace(
        client=texts.ipv6_address(rng)
    ),
}


def _not_combined(request: Request, rng: Random) -> str:
    line = _line(request)
    common_format = line.split('" "')[0].rpartition(' "')[0]
    broken = (
        line[: rng.randrange(1, len(line) - 1)],
        common_format,
        line.replace('"', ""),
        line.replace("[", "").replace("]", ""),
        line.replace(f" {request.status} ", " OK ", 1),
        f"[error] [client {request.client}] File does not exist: /favicon.ico",
        f'{{"client": "{request.client}"}}',
    )
    return rng.choice(broken)


def _bad_authuser(request: Request, rng: Random) -> str:
    names = (
        "alice",
        "12a",
        "-5",
        "1.0",
        "4e3",
        "ann@example.com",
        "99999999999999999999",
    )
    return _line(request._replace(authuser=rng.choice(names)))


def _bad_time(request: Request, rng: Random) -> str:
    timestamps = (
        "31/Feb/2026:10:00:00 +0000",
        "24/Xyz/2026:10:00:00 +0000",
        "24/Nov/2026:25:00:00 +0000",
        "2026-11-24T10:00:00Z",
        "24/Nov/2026:10:00:00",
        "24/11/2026:10:00:00 +0000",
    )
    return _line(request, timestamp=rng.choice(timestamps))


def _too_long(request: Request, rng: Random) -> str:
    path = "/search?q=" + "a" * json_lines.TOO_LONG_BYTES
    return _line(_with_path(request, path))


_CORRUPTIONS: dict[str, Callable[[Request, Random], str]] = {
    "not_combined": _not_combined,
    "bad_authuser": _bad_authuser,
    "bad_time": _bad_time,
    "too_long": _too_long,
}
