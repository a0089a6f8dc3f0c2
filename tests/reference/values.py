"""Which JSON values become which types, and which do not.

What: one function a type; each takes a value from a JSON line and returns the
Python value, or raises ValueError, which makes the line a reject.
From: the contract's "what COPY would convert is accepted", spelled out.
Changes: when a raw key gets a type that is not here.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import NoReturn

SMALLEST_INT, GREATEST_INT = -(2**63), 2**63 - 1

# Blanks around a value are taken off, as COPY does; other white space is part of it.
_BLANK = " "
_INT = re.compile(r"[+-]?[0-9]+")
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})

_ZONE = r" *(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_FRACTION = r"(?:[.,](?P<fraction>[0-9]+))?"
_EXTENDED = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2})(?::(?P<minute>[0-9]{2})"
    rf"(?::(?P<second>[0-9]{{2}}){_FRACTION})?)?{_ZONE})?"
)
_BASIC = re.compile(
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2})(?:(?P<minute>[0-9]{2})"
    rf"(?:(?P<second>[0-9]{{2}}){_FRACTION})?)?{_ZONE})?"
)


class JsonFraction(str):
    """A JSON number with a fraction or an exponent, kept as it was written.

    No column takes one as a number; a text column takes its text.
    """

    __slots__ = ()


def _no_json(constant: str) -> NoReturn:
    # Python reads NaN and Infinity unless told not to; JSON has no such words.
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_float=JsonFraction, parse_constant=_no_json)


def parse_json(text: str) -> object:
    """Return the JSON value written in `text`.

    Raises ValueError when it is not JSON, also when it is nested too deep to read.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def as_int(value: object) -> int:
    """Take a JSON integer, or a string of sign and digits, within 64 bits."""
    if type(value) is str:
        stripped = value.strip(_BLANK)
        if not _INT.fullmatch(stripped):
            raise ValueError("not a whole number")
        value = int(stripped)
    if type(value) is not int:  # a bool is an int to Python, not to the contract
        raise ValueError("not a whole number")
    if not SMALLEST_INT <= value <= GREATEST_INT:
        raise ValueError("does not fit 64 bits")
    return value


def as_text(value: object) -> str:
    """Take a string, or the JSON text of a number or a boolean.

    No warehouse holds a NUL or half a surrogate pair, which JSON can write as an
    escape: such a string is refused.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise ValueError("not a text")
    if "\0" in value:
        raise ValueError("contains a NUL")
    if not value.isascii():
        value.encode("utf-8")  # UnicodeEncodeError is a ValueError
    return str(value)


def as_bool(value: object) -> bool:
    """Take true and false, 1 and 0, and the words COPY knows, in any case."""
    if isinstance(value, bool):
        return value
    if type(value) is int:
        value = str(value)
    if type(value) is str:
        word = value.strip(_BLANK).lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise ValueError("not a boolean")


def as_timestamp(value: object) -> datetime:
    """Take an ISO 8601 date-time or date; return naive UTC, cut to microseconds.

    Extended or basic form throughout, `T` or a blank between date and time; minutes,
    seconds, fraction and zone optional, blanks before the zone allowed. Without a
    zone it is UTC; a bare date is its midnight, and 24:00:00 is the midnight at its
    end.
    """
    if type(value) is not str:
        raise ValueError("not a timestamp")
    text = value.strip(_BLANK)
    match = _EXTENDED.fullmatch(text) or _BASIC.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 timestamp")
    part = match.groupdict()
    time = (
        int(part["hour"] or 0),
        int(part["minute"] or 0),
        int(part["second"] or 0),
        int((part["fraction"] or "")[:6].ljust(6, "0")),
    )
    is_end_of_day = time == (24, 0, 0, 0)
    local = datetime(
        int(part["year"]),
        int(part["month"]),
        int(part["day"]),
        *((0, 0, 0, 0) if is_end_of_day else time),
    )
    if is_end_of_day:
        local = _plus(local, timedelta(days=1))
    return minus_offset(local, part["zone"] or "Z")


def minus_offset(local: datetime, zone: str) -> datetime:
    """Return naive UTC for a local time in `zone`: `Z`, `+hh`, `+hhmm` or `+hh:mm`.

    Raises ValueError for an offset that no clock has (none is further from UTC than
    14 hours and some minutes), or a time out of range.
    """
    if zone in "Zz":
        return local
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    if hours > 14 or minutes > 59:
        raise ValueError("no such zone")
    offset = timedelta(hours=hours, minutes=minutes)
    return _plus(local, -offset if zone[0] == "+" else offset)


def _plus(local: datetime, by: timedelta) -> datetime:
    try:
        return local + by
    except OverflowError as error:
        raise ValueError("out of range") from error


def as_names(value: object) -> tuple[str, ...]:
    """Take an array of strings; any other element makes the whole a wrong type."""
    if not isinstance(value, list):
        raise ValueError("not an array")
    if not all(type(name) is str for name in value):
        raise ValueError("an element is not a string")
    return tuple(as_text(name) for name in value)


def as_object(value: object) -> dict[str, object]:
    """Take a JSON object."""
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
