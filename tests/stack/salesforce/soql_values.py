"""Literals of SOQL as values bound in SQL, and signs as SQL."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.stack.salesforce import identifiers, values
from tests.stack.salesforce.schema import DECIMAL, WHOLE, Field
from tests.stack.salesforce.soql import Literal
from tests.stack.salesforce.soql_words import pointing

WRONG_KIND = (
    "value of filter criterion for field '{}' must be of type {} and should {}be "
    "enclosed in quotes"
)


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
    if kind == "date":
        return folded if is_day else None
    today = datetime.now(UTC).date()
    days = {"today": 0, "yesterday": -1, "tomorrow": 1}
    name, _, number = folded.partition(":")
    if name in days:
        day: date = today + timedelta(days[name])
    elif name in ("last_n_days", "next_n_days") and number:
        sign = -1 if name.startswith("last") else 1
        day = today + timedelta(sign * int(number))
    else:
        return None
    return str(day) if is_day else f"{day}T00:00:00.000+0000"
