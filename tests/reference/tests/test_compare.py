"""Tests of `differences`."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.reference import differences
from tests.reference.tests.raw_records import november


def _value_differences(expected: object, actual: object) -> list[str]:
    return differences(
        [{"id": 1, "value": expected}], [{"id": 1, "value": actual}], key="id"
    )


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1.0),
        (Decimal("2.50"), 2.5),
        (Fraction(5, 2), Decimal("2.50")),
        (1 / 3, 0.333333333333),
        (1e12, 1e12 + 1),
        ("a", "a"),
        (None, None),
        (november(1), november(1)),
        (True, True),
    ],
)
def test_equal_values_of_different_types_are_equal(
    expected: object, actual: object
) -> None:
    assert _value_differences(expected, actual) == []


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 2),
        (2**60, 2**60 + 1),
        (2**60, Decimal(2**60 + 1)),
        (Fraction(1, 4), Decimal("0.26")),
        (0.5, 0.5001),
        (0, None),
        (None, ""),
        (1, True),
        ("1", 1),
        ("a", "A"),
        (date(2026, 11, 1), datetime(2026, 11, 1)),
    ],
)
def test_different_values_are_reported_with_row_and_column(
    expected: object, actual: object
) -> None:
    assert _value_differences(expected, actual) == [
        f"id=1: value: expected {expected!r}, actual {actual!r}"
    ]


def test_rows_are_matched_by_key_in_any_order() -> None:
    rows = [{"a": number % 2, "b": number, "c": number} for number in range(4)]
    assert differences(rows, rows[::-1], key=("a", "b")) == []


def test_missing_additional_and_duplicate_rows_are_reported() -> None:
    expected = [{"id": 1}, {"id": 2}, {"id": 2}]
    actual = [{"id": 2}, {"id": 3}]
    assert differences(expected, actual, key="id") == [
        "id=2: more than once in expected",
        "id=1: missing in actual",
        "id=3: only in actual",
    ]


def test_column_that_one_side_lacks_is_reported_once() -> None:
    expected = [{"id": n, "left": 1} for n in range(3)]
    actual = [{"id": n, "right": 1} for n in range(3)]
    assert differences(expected, actual, key="id") == [
        "column left: only in expected",
        "column right: only in actual",
    ]


def test_empty_side_is_missing_every_row() -> None:
    assert differences([{"id": 1}], [], key="id") == ["id=1: missing in actual"]
    assert differences([], [], key="id") == []
