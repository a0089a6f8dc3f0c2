"""Conversions of values in raw records to the types of their columns.

One function per type. Each returns the value or raises `ValueError`, which makes the
line a reject. They convert what the data contract lists and nothing else.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from loaders.raw.rules import unknown_type
from loaders.raw.strict_json import NegativeZero
from loaders.warehouse.declared_tables import Column

BLANK = " "  # the only white space allowed around a value
BITS = {"bigint": 64, "integer": 32}
WHOLE_NUMBER = re.compile(r"([+-]?)0*([0-9]{1,19})")
TRUE_WORDS = frozenset({"true", "t", "yes", "y", "1"})
FALSE_WORDS = frozenset({"false", "f", "no", "n", "0"})

ISO_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
LOG_TIMESTAMP = re.compile(
    r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4})"
    r":([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-][0-9]{4})"
)
# Not from the calendar module, whose names depend on the locale.
MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun"]
MONTH_NAMES += ["Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
MONTHS = {name: number for number, name in enumerate(MONTH_NAMES, start=1)}
MAX_OFFSET = timedelta(hours=14)
CYCLE_YEARS, CYCLE = 400, timedelta(days=146_097)


def converter(column: Column) -> Callable[[Any], object]:
    """Return the function that converts a JSON value to the column's type."""
    data_type = column.data_type.partition("(")[0]
    if data_type in BITS:
        return lambda value: to_integer(value, bits=BITS[data_type])
    if data_type == "json":
        return to_strings if column.json_content == "strings" else to_object
    converters: dict[str, Callable[[Any], object]] = {
        "boolean": to_boolean,
        "timestamp": to_timestamp,
        "varchar": to_text,
    }
    if data_type not in converters:
        raise unknown_type(column)
    return converters[data_type]


def to_integer(value: object, *, bits: int = 64) -> int:
    """Convert a JSON integer, or a string of digits with a sign."""
    if type(value) is str:
        value = _parse_digits(value)
    if type(value) is not int:  # excludes bool and NegativeZero
        raise ValueError("not a whole number")
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ValueError(f"does not fit into {bits} bits")
    return value


def to_text(value: object) -> str:
    """Convert a string; a whole number of 64 bits becomes its digits."""
    return value if type(value) is str else str(to_integer(value))


def to_boolean(value: object) -> bool:
    """Convert true and false, 1 and 0, and the words of the contract in any case."""
    if isinstance(value, bool):
        return value
    if type(value) is int:
        value = str(value)
    if type(value) is str:
        word = value.strip(BLANK).lower()
        if word in TRUE_WORDS:
            return True
        if word in FALSE_WORDS:
            return False
    raise ValueError("not a boolean")


def to_timestamp(value: object) -> datetime:
    """Convert an ISO 8601 date or date-time in extended form to naive UTC.

    A date alone is its midnight and 24:00 the next one. Without an offset it is UTC.
    Fractions of a second are cut after six digits.
    """
    if type(value) is not str:
        raise ValueError("not a timestamp")
    match = ISO_TIMESTAMP.fullmatch(value.strip(BLANK))
    if match is None:
        raise ValueError("not an ISO 8601 timestamp")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    if hour == "24" and minute == "00" and second in ("00", None) and not fraction:
        clock = (0, 0, 0, 0)
        shift = timedelta(days=1)
    else:
        microsecond = int((fraction or "")[:6].ljust(6, "0"))
        clock = (int(hour or 0), int(minute or 0), int(second or 0), microsecond)
        shift = timedelta(0)
    return _utc((int(year), int(month), int(day), *clock), shift - _offset(zone))


def to_log_timestamp(text: str) -> datetime:
    """Convert a web server's timestamp, `24/Nov/2026:13:55:36 +0100`, to naive UTC."""
    match = LOG_TIMESTAMP.fullmatch(text)
    if match is None or match[2] not in MONTHS:
        raise ValueError("not a timestamp of a web server")
    clock = (int(match[4]), int(match[5]), int(match[6]), 0)
    date = (int(match[3]), MONTHS[match[2]], int(match[1]))
    return _utc((*date, *clock), -_offset(match[7]))


def to_strings(value: object) -> list[str]:
    """Return an array if all its elements are strings."""
    if not isinstance(value, list) or not all(type(item) is str for item in value):
        raise ValueError("not an array of strings")
    return value


def to_object(value: object) -> dict[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def _parse_digits(text: str) -> int:
    match = WHOLE_NUMBER.fullmatch(text.strip(BLANK))
    if match is None:
        raise ValueError("not a whole number")
    number = int(match[1] + match[2])
    return NegativeZero() if match[1] == "-" and number == 0 else number


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    offset = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or offset > MAX_OFFSET:
        raise ValueError("no such offset")
    return offset if zone[0] == "+" else -offset


def _utc(parts: tuple[int, ...], shift: timedelta) -> datetime:
    """Return the date and time shifted by `shift`; it must be in years 1 to 9999."""
    year, month, day, hour, minute, second, microsecond = parts
    # The calendar repeats every 400 years, so year 0 is computed as year 400.
    cycles = 1 if year == 0 else 0
    local = datetime(
        year + cycles * CYCLE_YEARS, month, day, hour, minute, second, microsecond
    )
    try:
        return local + (shift - cycles * CYCLE)
    except OverflowError as error:
        raise ValueError("outside years 1 to 9999") from error
