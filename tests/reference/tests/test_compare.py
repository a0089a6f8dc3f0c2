"""Differences between two lists of rows, told so that a person can read them."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.reference import differences
from tests.reference.tests.given import day


def _told(expected: object, actual: object) -> list[str]:
    return differences(
        [{"id": 1, "value": expected}], [{"id": 1, "value": actual}], key="id"
    )


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 1.0),
        (Decimal("2.50"), 2.5),
        (1 / 3, 0.333333333333),
        (1e12, 1e12 + 1),
        ("a", "a"),
        (None, None),
        (day(1), day(1)),
        (True, True),
    ],
)
def test_values_that_mean_the_same_are_equal(expected: object, actual: object) -> None:
    assert _told(expected, actual) == []


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (1, 2),
        (2**60, 2**60 + 1),
        (0.5, 0.5001),
        (0, None),
        (None, ""),
        (1, True),
        ("1", 1),
        ("a", "A"),
        (date(2026, 11, 1), datetime(2026, 11, 1)),
    ],
)
def test_values_that_do_not_are_told_with_their_row(
    expected: object, actual: object
) -> None:
    assert _told(expected, actual) == [
        f"id=1: value: expected {expected!r}, actual {actual!r}"
    ]


def test_rows_are_matched_by_key_whatever_their_order() -> None:
    rows = [{"a": number % 2, "b": number, "c": number} for number in range(4)]
    assert differences(rows, rows[::-1], key=("a", "b")) == []


def test_missing_surplus_and_repeated_rows_are_told() -> None:
    expected = [{"id": 1}, {"id": 2}, {"id": 2}]
    actual = [{"id": 2}, {"id": 3}]
    assert differences(expected, actual, key="id") == [
        "id=2: more than once in expected",
        "id=1: missing in actual",
        "id=3: only in actual",
    ]


def test_a_column_of_one_side_is_told_once() -> None:
    expected = [{"id": n, "left": 1} for n in range(3)]
    actual = [{"id": n, "right": 1} for n in range(3)]
    assert differences(expected, actual, key="id") == [
        "column left: only in expected",
        "column right: only in actual",
    ]


def test_an_empty_side_misses_every_row() -> None:
    assert differences([{"id": 1}], [], key="id") == ["id=1: missing in actual"]
    assert differences([], [], key="id") == []
