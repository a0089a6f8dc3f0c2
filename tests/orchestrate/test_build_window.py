"""The days that a build covers after days without a run."""

from datetime import date, timedelta

import pytest

from loaders.config import windows
from orchestrate.planning.stale_models import build_window
from tests.orchestrate.ledger_history import DAY, MART, STAGING, History


@pytest.mark.parametrize(
    ("days_without_a_run", "first"), [(0, DAY), (1, -1), (3, -3), (400, -400)]
)
def test_a_gap_without_loads_is_built_with_the_date_after_it(
    days_without_a_run: int, first: int | date
) -> None:
    """Orgs that are missing in an export are carried forward into the gap."""
    history = History()
    before = DAY - timedelta(days=days_without_a_run + 1)
    history.finish(before)
    history.deliver(DAY)
    history.load(DAY)
    expected = first if isinstance(first, date) else DAY + timedelta(days=first)
    assert build_window(history.state(), [STAGING, MART]) == (expected, DAY)


def test_the_first_date_of_all_has_no_gap_before_it() -> None:
    history = History()
    history.deliver(DAY)
    history.load(DAY)
    assert build_window(history.state(), [STAGING]) == (DAY, DAY)


def test_final_days_of_a_gap_are_left_alone() -> None:
    history = History()
    before = DAY - timedelta(days=60)
    history.finish(before)
    history.completed.removed_partitions.add(("orgs", before))
    history.deliver(DAY)
    history.load(DAY)
    first_open = before + timedelta(days=1 + windows.input_days())
    assert build_window(history.state(), [STAGING]) == (first_open, DAY)
