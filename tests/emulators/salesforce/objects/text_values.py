"""Parsing of the text of field values: numbers, dates, datetimes and checkboxes."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any

from tests.emulators.salesforce.objects.schema import INTEGER_TYPES, Field

Parser = Callable[[Any], Any]
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
DATETIME = re.compile(
    r"(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
FIRST_YEAR, LAST_YEAR = 1700, 4000
MAX_DIGITS = 400  # no double has more before the decimal point
TRUE_TEXTS, FALSE_TEXTS = ("true", "1"), ("false", "0")
INTEGER_LIMIT = 1 << 31
WIDE = Context(prec=2 * MAX_DIGITS)


def parser(field: Field) -> Parser:
    """Return a parser of a field's text; it raises `ValueError` for other texts."""
    if field.is_decimal:
        return _decimal_parser(field.scale)
    if field.type in INTEGER_TYPES:
        return _parse_integer
    parsers: dict[str, Parser] = {
        "date": _parse_date,
        "datetime": _parse_datetime,
        "boolean": _parse_boolean,
    }
    return parsers.get(field.type, str)


def _decimal_parser(scale: int) -> Parser:
    def parse(text: str) -> float:
        if not NUMBER.fullmatch(text):
            raise ValueError(text)
        _, point, fraction = text.partition(".")
        if not (point and len(fraction) > scale) and "e" not in text.lower():
            return float(text)
        exact = Decimal(text)
        if exact.adjusted() > MAX_DIGITS:
            return float(text)  # infinite
        # Salesforce truncates digits beyond the scale without an error.
        unit = Decimal(1).scaleb(-scale)
        return float(exact.quantize(unit, ROUND_DOWN, context=WIDE))

    return parse


def _parse_integer(text: str) -> int:
    if not INTEGER.fullmatch(text) or not -INTEGER_LIMIT <= int(text) < INTEGER_LIMIT:
        raise ValueError(text)
    return int(text)


def _parse_date(text: str) -> str:
    if not DATE.fullmatch(text):
        raise ValueError(text)
    _check_year(date.fromisoformat(text))
    return text


def _parse_datetime(text: str) -> str:
    match = DATETIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    timestamp = datetime.fromisoformat(text)
    _check_year(timestamp)
    if timestamp.tzinfo is None:
        return format_timestamp(timestamp.replace(tzinfo=UTC))
    return format_timestamp(timestamp.astimezone(UTC))


def _check_year(day: date) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(day)


def _parse_boolean(text: str) -> bool:
    folded = text.lower()
    if folded in TRUE_TEXTS:
        return True
    if folded in FALSE_TEXTS:
        return False
    raise ValueError(text)


def format_timestamp(timestamp: datetime) -> str:
    """Return a UTC timestamp in the API's format, with milliseconds and `+0000`."""
    milliseconds = timestamp.microsecond // 1000
    return f"{timestamp:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}+0000"
