"""Two lists of rows, told apart in lines that a person can read.

What: `differences`, the comparison that every equality of marts goes through.
From: nothing but its arguments; rows may come from any engine.
Changes: when an engine returns a type that is not told apart rightly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

Row = Mapping[str, object]


def differences(
    expected_rows: Iterable[Row],
    actual_rows: Iterable[Row],
    *,
    key: str | Sequence[str],
    tolerance: float = 1e-9,
) -> list[str]:
    """Return one line a difference; none when the rows are equal.

    Rows are matched by their `key` columns, whatever their order. Numbers of any
    type are equal within `tolerance`, absolute or relative, whichever is wider; a
    boolean is no number, a date no timestamp, None nothing else. A column that
    only one side has is a difference, told once.
    """
    columns = (key,) if isinstance(key, str) else tuple(key)
    found: list[str] = []
    expected = _by_key(expected_rows, columns, side="expected", found=found)
    actual = _by_key(actual_rows, columns, side="actual", found=found)
    found += _column_differences(expected, actual)
    for row_key, row in expected.items():
        if row_key not in actual:
            found.append(f"{_name(columns, row_key)}: missing in actual")
            continue
        for column, want in row.items():
            if column not in actual[row_key]:
                continue
            got = actual[row_key][column]
            if not is_equal(want, got, tolerance):
                found.append(
                    f"{_name(columns, row_key)}: {column}: "
                    f"expected {want!r}, actual {got!r}"
                )
    found += [
        f"{_name(columns, row_key)}: only in actual"
        for row_key in actual
        if row_key not in expected
    ]
    return found


def is_equal(expected: object, actual: object, tolerance: float) -> bool:
    """Tell whether two values mean the same; see `differences`."""
    if _is_number(expected) and _is_number(actual):
        if isinstance(expected, int) and isinstance(actual, int):
            return expected == actual
        return math.isclose(
            float(expected), float(actual), rel_tol=tolerance, abs_tol=tolerance
        )
    return type(expected) is type(actual) and expected == actual


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _by_key(
    rows: Iterable[Row], columns: tuple[str, ...], *, side: str, found: list[str]
) -> dict[tuple[object, ...], Row]:
    by_key: dict[tuple[object, ...], Row] = {}
    for row in rows:
        row_key = tuple(row[column] for column in columns)
        if row_key in by_key:
            found.append(f"{_name(columns, row_key)}: more than once in {side}")
        by_key[row_key] = row
    return by_key


def _column_differences(
    expected: dict[tuple[object, ...], Row],
    actual: dict[tuple[object, ...], Row],
) -> list[str]:
    if not expected or not actual:
        return []  # an empty side shows no columns; its rows are told as missing
    left, right = (
        {c for row in rows.values() for c in row} for rows in (expected, actual)
    )
    return [
        f"column {column}: only in {side}"
        for side, only in (("expected", left - right), ("actual", right - left))
        for column in sorted(only)
    ]


def _name(columns: tuple[str, ...], row_key: tuple[object, ...]) -> str:
    return " ".join(
        f"{column}={value}" for column, value in zip(columns, row_key, strict=True)
    )
