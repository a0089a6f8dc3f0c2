"""Conversions of JSON values to the types of the raw keys.

One function per type. Each returns the Python value or raises ValueError, which makes
the line a reject. They accept what the data contract lists.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime, timedelta
from typing import NoReturn

MIN_INT, MAX_INT = -(2**63), 2**63 - 1

MAX_DEPTH = 1_000
# Python's parser and the functions below recurse for each level.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 6 * MAX_DEPTH))

_SPACE = " "  # the only white space that is stripped from a value
_INT = re.compile(r"[+-]?[0-9]+")
_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0"})
_TIMESTAMP = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<clock>[0-9]{2}:[0-9]{2})(?::(?P<second>[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?P<offset>Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_UNPAIRED = re.compile("[\ud800-\udfff]")


class NotJsonError(ValueError):
    """The text is not strict JSON."""


class KeyGivenTwiceError(ValueError):
    """An object has a key twice."""


class TooDeepError(ValueError):
    """Arrays and objects are nested deeper than 1,000 levels."""


class JsonNumber(str):
    """The text of a JSON number that is not a whole number, or is `-0`."""

    __slots__ = ()


def _reject_constant(constant: str) -> NoReturn:
    # Python parses NaN and Infinity by default, but they are not valid JSON.
    raise ValueError(f"{constant} is not JSON")


def _parse_int(text: str) -> int | JsonNumber:
    if abs(float(text)) == float("inf"):
        raise ValueError("outside the range of a double")
    return JsonNumber(text) if text == "-0" else int(text)


def _parse_float(text: str) -> JsonNumber:
    if abs(float(text)) == float("inf"):
        raise ValueError("outside the range of a double")
    return JsonNumber(text)


class _Object(list[tuple[str, object]]):
    """The pairs of a JSON object, with keys that may be given twice."""


_DECODER = json.JSONDecoder(
    parse_int=_parse_int,
    parse_float=_parse_float,
    parse_constant=_reject_constant,
    object_pairs_hook=_Object,
)


def parse_json(text: str) -> object:
    """Return the JSON value in `text`; numbers with a fraction are `JsonNumber`.

    Raises NotJsonError, KeyGivenTwiceError or TooDeepError, the first that applies.
    """
    if _depth(text) > MAX_DEPTH:
        raise TooDeepError  # Python could not parse it.
    try:
        value = _DECODER.decode(text)
        for string in _STRING.findall(text):
            if _UNPAIRED.search(json.loads(string)):
                raise NotJsonError("a lone surrogate")
    except ValueError as error:
        raise NotJsonError(str(error)) from error
    return _without_duplicates(value)


def _depth(text: str) -> int:
    depth = greatest = 0
    for mark in re.findall(r"[\[{\]}]", _STRING.sub('""', text)):
        depth += 1 if mark in "[{" else -1
        greatest = max(greatest, depth)
    return greatest


def _without_duplicates(value: object) -> object:
    if isinstance(value, _Object):
        names = [name for name, _ in value]
        if len(set(names)) != len(names):
            raise KeyGivenTwiceError
        return {name: _without_duplicates(inner) for name, inner in value}
    if isinstance(value, list):
        return [_without_duplicates(inner) for inner in value]
    return value


def written_bytes(value: object) -> int:
    """Return the size of a value as compact JSON with its numbers written in full."""
    text = json.dumps(_with_floats(value), ensure_ascii=False, separators=(",", ":"))
    return len(text.encode())


def _with_floats(value: object) -> object:
    if isinstance(value, JsonNumber):
        return float(value)
    if isinstance(value, dict):
        return {name: _with_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_floats(inner) for inner in value]
    return value


def as_int(value: object) -> int:
    """Convert a JSON integer, or a string of sign and digits, of 64 bits."""
    if type(value) is str:
        digits = value.strip(_SPACE)
        if not _INT.fullmatch(digits):
            raise ValueError("not a whole number")
        is_negative = digits.startswith("-")
        digits = digits.lstrip("+-").lstrip("0") or "0"
        if len(digits) > len(str(MAX_INT)) or (is_negative and digits == "0"):
            raise ValueError("not a whole number of 64 bits")
        value = -int(digits) if is_negative else int(digits)
    if type(value) is not int:  # excludes bool, a subclass of int
        raise ValueError("not a whole number")
    if not MIN_INT <= value <= MAX_INT:
        raise ValueError("does not fit into 64 bits")
    return value


def as_text(value: object) -> str:
    """Convert a string, or a whole number of 64 bits to its digits."""
    return value if type(value) is str else str(as_int(value))


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

    The format is extended, with `T` or a space between date and time. Without an offset
    it is UTC. A date alone is its midnight and 24:00 the midnight that follows.
    """
    if type(value) is not str:
        raise ValueError("not a timestamp")
    match = _TIMESTAMP.fullmatch(value.strip(_SPACE))
    if match is None:
        raise ValueError("not an ISO 8601 timestamp")
    part = match.groupdict()
    clock = f"{part['clock'] or '00:00'}:{part['second'] or '00'}"
    days = 0
    if clock == "24:00:00" and not part["fraction"]:
        clock, days = "00:00:00", 1
    microseconds = int((part["fraction"] or "")[:6].ljust(6, "0"))
    return to_utc(part["date"], clock, part["offset"] or "Z", days, microseconds)


def to_utc(
    date: str, clock: str, offset: str, days: int = 0, microseconds: int = 0
) -> datetime:
    """Return naive UTC for `yyyy-mm-dd`, `hh:mm:ss` and an offset, `days` later.

    The offset is `Z`, `+hh`, `+hhmm` or `+hh:mm` of at most 14 hours. Raises ValueError
    when a part is out of range, or the result outside years 1 to 9999.
    """
    hour, minute, second = (int(part) for part in clock.split(":"))
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("no such time")
    digits = offset[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if int(digits[2:]) > 59 or minutes > 14 * 60:
        raise ValueError("no such offset")
    seconds = (days * 24 + hour) * 3600 + minute * 60 + second
    seconds += minutes * 60 if offset[0] == "-" else -minutes * 60
    # Counted from the year 400 later, so that the year 0 exists.
    year = int(date[:4])
    midnight = datetime(year % 400 + 400, int(date[5:7]), int(date[8:]))
    local = midnight + timedelta(seconds=seconds, microseconds=microseconds)
    return local.replace(year=local.year - 400 + year // 400 * 400)


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
