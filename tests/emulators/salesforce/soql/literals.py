"""Literals of SOQL as values bound in SQL, and signs as SQL."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.emulators.salesforce.objects import identifiers, values
from tests.emulators.salesforce.objects.schema import DECIMAL, WHOLE, Field
from tests.emulators.salesforce.soql.parser import Literal
from tests.emulators.salesforce.soql.tokens import pointing

WRONG_KIND = (
    "value of filter criterion for field '{}' must be of type {} and should {}be "
    "enclosed in quotes"
)
DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}


def bound(query: str, literal: Literal, found: Field) -> Any:  # noqa: ANN401 - a bound value
    """Return a literal's value for a field; INVALID_FIELD when it cannot be one."""
    word = literal.word
    folded = word.text.lower()
    if word.kind == "name" and folded == "null":
        return None
    value = _meaning(word.kind, folded, word.value, found)
    if value is None:
        quotes = "" if found.is_text else "not "
        message = WRONG_KIND.format(found.name, found.type, quotes)
        raise pointing(query, word.place, "INVALID_FIELD", message)
    return value


def sql_of(sign: str, expression: str, count: int) -> str:
    """Return a comparison of an expression with `count` bound values."""
    if sign == "=":
        return f"{expression} is ?"
    if sign == "!=":
        return f"{expression} is not ?"
    if sign == "LIKE":
        return f"{expression} like ? escape '\\'"
    marks = ", ".join("?" * count)
    if sign == "IN":
        return f"{expression} in ({marks})"
    if sign == "NOT IN":
        return f"coalesce({expression} not in ({marks}), 1)"
    if sign in ("INCLUDES", "EXCLUDES"):
        found = " or ".join([f"has_all({expression}, ?)"] * count)
        return f"({found})" if sign == "INCLUDES" else f"not ({found})"
    return f"{expression} {sign} ?"


def _meaning(kind: str, folded: str, text: Any, found: Field) -> Any:  # noqa: ANN401 - a bound value
    """Return a literal's value for a field; None when it is of the wrong kind."""
    if found.type == "boolean":
        return {"true": 1, "false": 0}.get(folded) if kind == "name" else None
    if found.type in DECIMAL | WHOLE:
        return float(folded) if kind == "number" else None
    if found.type in ("date", "datetime"):
        return _day(kind, folded, is_day=found.type == "date")
    if kind != "text":
        return None
    value = text()
    if found.type in ("id", "reference"):
        return identifiers.canonical(value) or value
    return value


def _day(kind: str, folded: str, *, is_day: bool) -> str | None:
    if kind == "datetime":
        at = datetime.fromisoformat(folded.upper()).astimezone(UTC)
        return None if is_day else values.stamp(at)
    return folded if kind == "date" and is_day else None


def span_of(text: str, *, is_day: bool) -> tuple[str, str] | None:
    """Return from when until before when a date literal goes; None if it is none."""
    name, _, number = text.lower().partition(":")
    today = datetime.now(UTC).date()
    days = DAYS.get(name)
    if days is not None:
        start = today + timedelta(days)
        end = start + timedelta(1)
    elif name == "last_n_days" and number:
        start, end = today - timedelta(int(number)), today + timedelta(1)
    elif name == "next_n_days" and number:
        start = today + timedelta(1)
        end = start + timedelta(int(number))
    elif name in ("this_month", "last_month", "this_year", "last_year"):
        start, end = _calendar(name, today)
    else:
        return None
    return _edge(start, is_day=is_day), _edge(end, is_day=is_day)


def _calendar(name: str, today: date) -> tuple[date, date]:
    when, _, what = name.partition("_")
    first = today.replace(day=1) if what == "month" else today.replace(month=1, day=1)
    if when == "last":
        before = first - timedelta(1)
        return before.replace(day=1, **({} if what == "month" else {"month": 1})), first
    longest = timedelta(32 if what == "month" else 366)
    after = first + longest
    return first, after.replace(day=1, **({} if what == "month" else {"month": 1}))


def _edge(day: date, *, is_day: bool) -> str:
    return str(day) if is_day else f"{day}T00:00:00.000+0000"


def within(sign: str, expression: str, span: tuple[str, str]) -> tuple[str, list[str]]:
    """Return a comparison with a span of days, and the values bound in it."""
    start, end = span
    if sign == ">":
        return f"{expression} >= ?", [end]
    if sign == "<=":
        return f"{expression} < ?", [end]
    if sign in ("<", ">="):
        return f"{expression} {sign} ?", [start]
    inside = f"coalesce({expression} >= ? and {expression} < ?, 0)"
    return (f"not {inside}" if sign == "!=" else inside), [start, end]
