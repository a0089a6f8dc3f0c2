"""Data dates that no run accepts."""

from datetime import date

import pytest

from loaders.errors import ConfigError
from orchestrate.runs.execution import require_past


@pytest.mark.parametrize(
    ("day", "problem"),
    [
        (date(1, 1, 1), "too early"),
        (date(1970, 1, 1), "too early"),
        (date(9999, 12, 31), "has not ended"),
    ],
)
def test_impossible_data_date_is_named(day: date, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"Data date {day} .*{problem}"):
        require_past(day)


def test_first_data_date_is_accepted() -> None:
    require_past(date(1971, 1, 1))
