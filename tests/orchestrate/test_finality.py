"""Days that retention removed from staging are final."""

from datetime import date

import pytest

from loaders.errors import ConfigError
from loaders.ledger import CompletionRecords
from orchestrate.planning.finality import first_open_date, require_open

REMOVED = CompletionRecords(
    removed_partitions={("orgs", date(2026, 9, 1)), ("web_logs", date(2026, 9, 2))}
)
# Its run reads the orgs of the seven days before its window, which has three more.
FIRST_OPEN = date(2026, 9, 13)


def test_nothing_is_final_before_anything_was_removed() -> None:
    require_open(CompletionRecords(), date(2020, 1, 1))


@pytest.mark.parametrize(
    "first", [date(2026, 8, 1), date(2026, 9, 2), date(2026, 9, 12)]
)
def test_runs_that_need_removed_partitions_are_refused(first: date) -> None:
    with pytest.raises(
        ConfigError, match="The first date that can be run is 2026-09-13"
    ):
        require_open(REMOVED, first)


def test_later_runs_are_not_refused() -> None:
    assert first_open_date(REMOVED) == FIRST_OPEN
    require_open(REMOVED, FIRST_OPEN)
