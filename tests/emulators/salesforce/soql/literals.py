"""SQL of SOQL comparisons: typed literals, operators and date literals."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.emulators.salesforce.objects import identifiers, text_values
from tests.emulators.salesforce.objects.schema import (
    DECIMAL_TYPES,
    INTEGER_TYPES,
    Field,
)
from tests.emulators.salesforce.soql.parser import Literal
from tests.emulators.salesforce.soql.tokens import Token, error_at

WRONG_TYPE = (
    "value of filter criterion for field '{}' must be of type {} and should {}be "
    "enclosed in quotes"
)
DAY_OFFSETS = {"today": 0, "yesterday": -1, "tomorrow": 1}


def literal_value(query: str, literal: Literal, field: Field) -> Any:  # noqa: ANN401 - a bound value
    """Return a literal's value for a field; raise INVALID_FIELD for a wrong type."""
    token = literal.token
    if token.kind == "name" and token.text.lower() == "null":
        return None
    value = _typed_value(token, field)
    if value is None:
        quotes = "" if field.is_text else "not "
        message = WRONG_TYPE.format(field.name, field.type, quotes)
        raise error_at(query, token.position, "INVALID_FIELD", message)
    return value


def comparison_sql(operator: str, expression: str, count: int) -> str:
    """Return the SQL that compares an expression to `count` bound values."""
    if operator == "=":
        return f"{expression} is ?"
    if operator == "!=":
        return f"{expression} is not ?"
    if operator == "LIKE":
        return f"{expression} like ? escape '\\'"
    placeholders = ", ".join("?" * count)
    if operator == "IN":
        return f"{expression} in ({placeholders})"
    if operator == "NOT IN":
        return f"coalesce({expression} not in ({placeholders}), 1)"
    if operator in ("INCLUDES", "EXCLUDES"):
        any_of = " or ".join([f"has_all({expression}, ?)"] * count)
        return f"({any_of})" if operator == "INCLUDES" else f"not ({any_of})"
    return f"{expression} {operator} ?"


def _typed_value(token: Token, field: Field) -> Any:  # noqa: ANN401 - a bound value
    """Return the token's value for a field, or None if its type is wrong."""
    kind, text = token.kind, token.text.lower()
    if field.type == "boolean":
        return {"true": 1, "false": 0}.get(text) if kind == "name" else None
    if field.type in DECIMAL_TYPES | INTEGER_TYPES:
        return float(text) if kind == "number" else None
    if field.type in ("date", "datetime"):
        return _date_value(kind, text, is_date=field.type == "date")
    if kind != "text":
        return None
    value = token.unquoted()
    if field.type in ("id", "reference"):
        return identifiers.canonical(value) or value
    return value


def _date_value(kind: str, text: str, *, is_date: bool) -> str | None:
    try:
        if kind == "datetime" and not is_date:
            timestamp = datetime.fromisoformat(text.upper()).astimezone(UTC)
            return text_values.format_timestamp(timestamp)
        if kind == "date" and is_date:
            return str(date.fromisoformat(text))
    except (ValueError, OverflowError):
        return None  # such as 2026-02-30
    return None


def date_literal_range(text: str, *, is_date: bool) -> tuple[str, str] | None:
    """Return the start (inclusive) and end (exclusive) of a date literal.

    Returns None if `text` is not a date literal such as `LAST_N_DAYS:3`.
    """
    name, _, number = text.lower().partition(":")
    today = datetime.now(UTC).date()
    offset = DAY_OFFSETS.get(name)
    if offset is not None:
        start = today + timedelta(offset)
        end = start + timedelta(1)
    elif name == "last_n_days" and number:
        start, end = today - timedelta(int(number)), today + timedelta(1)
    elif name == "next_n_days" and number:
        start = today + timedelta(1)
        end = start + timedelta(int(number))
    elif name in ("this_month", "last_month", "this_year", "last_year"):
        start, end = _calendar_range(name, today)
    else:
        return None
    return _format_day(start, is_date=is_date), _format_day(end, is_date=is_date)


def _calendar_range(name: str, today: date) -> tuple[date, date]:
    which, _, unit = name.partition("_")
    if unit == "month":
        first_day, longest = today.replace(day=1), timedelta(32)
    else:
        first_day, longest = today.replace(month=1, day=1), timedelta(366)
    if which == "last":
        return _first_day(first_day - timedelta(1), unit), first_day
    return first_day, _first_day(first_day + longest, unit)


def _first_day(day: date, unit: str) -> date:
    return day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)


def _format_day(day: date, *, is_date: bool) -> str:
    return str(day) if is_date else f"{day}T00:00:00.000+0000"


def date_range_sql(
    operator: str, expression: str, date_range: tuple[str, str]
) -> tuple[str, list[str]]:
    """Return the SQL that compares an expression to a date range, and its values."""
    start, end = date_range
    if operator == ">":
        return f"{expression} >= ?", [end]
    if operator == "<=":
        return f"{expression} < ?", [end]
    if operator in ("<", ">="):
        return f"{expression} {operator} ?", [start]
    in_range = f"coalesce({expression} >= ? and {expression} < ?, 0)"
    return (f"not {in_range}" if operator == "!=" else in_range), [start, end]
