"""Comparison of two lists of rows, with readable differences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

Row = Mapping[str, object]


def differences(
    expected_rows: Iterable[Row],
    actual_rows: Iterable[Row],
    *,
    key: str | Sequence[str],
    tolerance: float = 1e-9,
) -> list[str]:
    """Return one line per difference; an empty list when the rows are equal.

    Rows are matched by their `key` columns, in any order. Exact numbers (integers,
    decimals, fractions) must be equal; if one of two is a float, they are equal within
    `tolerance`, absolute or relative, whichever is wider. A boolean is never equal to
    a number, a date never to a timestamp, and None only to None. A column that only
    one side has is reported once.
    """
    key_columns = (key,) if isinstance(key, str) else tuple(key)
    lines: list[str] = []
    expected = _by_key(expected_rows, key_columns, side="expected", lines=lines)
    actual = _by_key(actual_rows, key_columns, side="actual", lines=lines)
    lines += _column_differences(expected, actual)
    for row_key, row in expected.items():
        if row_key not in actual:
            lines.append(f"{_format_key(key_columns, row_key)}: missing in actual")
            continue
        for column, expected_value in row.items():
            if column not in actual[row_key]:
                continue
            actual_value = actual[row_key][column]
            if not is_equal(expected_value, actual_value, tolerance):
                lines.append(
                    f"{_format_key(key_columns, row_key)}: {column}: "
                    f"expected {expected_value!r}, actual {actual_value!r}"
                )
    lines += [
        f"{_format_key(key_columns, row_key)}: only in actual"
        for row_key in actual
        if row_key not in expected
    ]
    return lines


def is_equal(expected: object, actual: object, tolerance: float) -> bool:
    """Return whether two values are equal by the rules of `differences`."""
    if _is_number(expected) and _is_number(actual):
        if not isinstance(expected, float) and not isinstance(actual, float):
            return Fraction(expected) == Fraction(actual)
        return math.isclose(
            float(expected), float(actual), rel_tol=tolerance, abs_tol=tolerance
        )
    return type(expected) is type(actual) and expected == actual


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal | Fraction) and not isinstance(
        value, bool
    )


def _by_key(
    rows: Iterable[Row], key_columns: tuple[str, ...], *, side: str, lines: list[str]
) -> dict[tuple[object, ...], Row]:
    """Return the rows by key; add duplicate keys to `lines`."""
    by_key: dict[tuple[object, ...], Row] = {}
    for row in rows:
        row_key = tuple(row[column] for column in key_columns)
        if row_key in by_key:
            lines.append(
                f"{_format_key(key_columns, row_key)}: more than once in {side}"
            )
        by_key[row_key] = row
    return by_key


def _column_differences(
    expected: dict[tuple[object, ...], Row],
    actual: dict[tuple[object, ...], Row],
) -> list[str]:
    if not expected or not actual:
        return []  # Every row is missing on one side, which is reported per row.
    expected_columns, actual_columns = (
        {column for row in rows.values() for column in row}
        for rows in (expected, actual)
    )
    return [
        f"column {column}: only in {side}"
        for side, columns in (
            ("expected", expected_columns - actual_columns),
            ("actual", actual_columns - expected_columns),
        )
        for column in sorted(columns)
    ]


def _format_key(key_columns: tuple[str, ...], row_key: tuple[object, ...]) -> str:
    return " ".join(
        f"{column}={value}" for column, value in zip(key_columns, row_key, strict=True)
    )
