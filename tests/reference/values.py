"""Conversions of JSON values to the types of the raw keys.

One function per type. Each returns the Python value or raises ValueError, which makes
the line a reject. They accept what Redshift's COPY converts.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import NoReturn

MIN_INT, MAX_INT = -(2**63), 2**63 - 1

# COPY strips spaces around a value, but no other white space.
_SPACE = " "
_INT = re.compile(r"[+-]?[0-9]+")
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})

_OFFSET = r" *(?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_FRACTION = r"(?:[.,](?P<fraction>[0-9]+))?"
_EXTENDED = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2})(?::(?P<minute>[0-9]{2})"
    rf"(?::(?P<second>[0-9]{{2}}){_FRACTION})?)?{_OFFSET})?"
)
_BASIC = re.compile(
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"
    r"(?:[Tt ](?P<hour>[0-9]{2})(?:(?P<minute>[0-9]{2})"
    rf"(?:(?P<second>[0-9]{{2}}){_FRACTION})?)?{_OFFSET})?"
)


class JsonFraction(str):
    """The text of a JSON number with a fraction or an exponent.

    It is not a valid integer; a text column accepts it as text.
    """

    __slots__ = ()


def _reject_constant(constant: str) -> NoReturn:
    # Python parses NaN and Infinity by default, but they are not valid JSON.
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_float=JsonFraction, parse_constant=_reject_constant)


def parse_json(text: str) -> object:
    """Return the JSON value in `text`.

    Raises ValueError when it is not valid JSON or nested too deeply.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def as_int(value: object) -> int:
    """Convert a JSON integer, or a string of sign and digits, of 64 bits."""
    if type(value) is str:
        stripped = value.strip(_SPACE)
        if not _INT.fullmatch(stripped):
            raise ValueError("not a whole number")
        value = int(stripped)
    if type(value) is not int:  # excludes bool, a subclass of int
        raise ValueError("not a whole number")
    if not MIN_INT <= value <= MAX_INT:
        raise ValueError("does not fit into 64 bits")
    return value


def as_text(value: object) -> str:
    """Convert a string, or the JSON text of a number or a boolean.

    Raises ValueError for a string with a NUL or a lone surrogate, which JSON can
    express as an escape but neither warehouse can store.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise ValueError("not text")
    if "\0" in value:
        raise ValueError("contains a NUL")
    if not value.isascii():
        value.encode("utf-8")  # UnicodeEncodeError is a ValueError
    return str(value)


def as_bool(value: object) -> bool:
    """Convert true and false, 1 and 0, and the words that COPY accepts, in any case."""
    if isinstance(value, bool):
        return value
    if type(value) is int:
        value = str(value)
    if type(value) is str:
        word = value.strip(_SPACE).lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise ValueError("not a boolean")


def as_timestamp(value: object) -> datetime:
    """Convert an ISO 8601 timestamp or date to naive UTC, truncated to microseconds.

    The format is extended or basic throughout, with `T` or a space between date and
    time. Minutes, seconds, fraction and offset are optional, and spaces before the
    offset are allowed. Without an offset it is UTC. A date alone is its midnight and
    24:00:00 the midnight that follows.
    """
    if type(value) is not str:
        raise ValueError("not a timestamp")
    text = value.strip(_SPACE)
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
    return to_utc(local, part["offset"] or "Z")


def to_utc(local: datetime, offset: str) -> datetime:
    """Return naive UTC for a local time with offset `Z`, `+hh`, `+hhmm` or `+hh:mm`.

    Raises ValueError for an offset of 15 hours or more, which does not exist, or when
    the result is out of range.
    """
    if offset in "Zz":
        return local
    hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
    if hours > 14 or minutes > 59:
        raise ValueError("no such offset")
    difference = timedelta(hours=hours, minutes=minutes)
    return _plus(local, -difference if offset[0] == "+" else difference)


def _plus(local: datetime, difference: timedelta) -> datetime:
    try:
        return local + difference
    except OverflowError as error:
        raise ValueError("out of range") from error


def as_names(value: object) -> tuple[str, ...]:
    """Convert an array of strings."""
    if not isinstance(value, list):
        raise ValueError("not an array")
    if not all(type(name) is str for name in value):
        raise ValueError("an element is not a string")
    return tuple(as_text(name) for name in value)


def as_object(value: object) -> dict[str, object]:
    """Return a JSON object as it is."""
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
