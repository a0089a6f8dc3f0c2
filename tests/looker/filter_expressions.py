"""Looker's filter expressions as SQL conditions."""

import re
from datetime import date, timedelta

NULLS = {"NULL": "is null", "-NULL": "is not null", "NOT NULL": "is not null"}
COMPARISON = re.compile(r"(<=|>=|<>|<|>|=)?\s*(-?\d+(?:\.\d+)?)")
LAST = re.compile(r"(\d+) (day|week)s?")


def condition(value: str, kind: str, expression: str, today: date | None) -> list[str]:
    """Return the conditions of a filter; none for an empty expression.

    `kind` is the LookML type of the field. "7 days" are the days up to `today`.
    """
    if not expression:
        return []
    if expression in NULLS:
        return [f"{value} {NULLS[expression]}"]
    if kind == "yesno":
        return [value if expression == "yes" else f"not coalesce({value}, false)"]
    if kind == "number":
        match = COMPARISON.fullmatch(expression)
        if match:
            return [f"{value} {match[1] or '='} {match[2]}"]
    if kind == "date" and today:
        return _dates(value, expression, today)
    if kind == "string" and not re.search(r"[%^_\"-]", expression):
        texts = ", ".join(f"'{text.strip()}'" for text in expression.split(","))
        return [f"{value} in ({texts})"]
    raise NotImplementedError(f"filter {expression!r} of type {kind}")


def _dates(value: str, expression: str, today: date) -> list[str]:
    match = LAST.fullmatch(expression)
    if not match:
        return [f"{value} = date '{date.fromisoformat(expression)}'"]
    number = int(match[1])
    if match[2] == "day":
        first = today - timedelta(days=number - 1)
    else:
        monday = today - timedelta(days=today.weekday())
        first = monday - timedelta(weeks=number - 1)
    return [f"{value} >= date '{first}'", f"{value} <= date '{today}'"]
