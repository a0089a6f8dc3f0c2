"""The queries of the run history on Redshift."""

from collections.abc import Callable

from loaders import warehouse
from reports.history.data import read_history
from tests.orchestrate import recorded_runs


def test_history_is_that_of_the_ledgers(use_warehouse: Callable[..., None]) -> None:
    use_warehouse("redshift")
    warehouse.create_missing_tables()
    recorded_runs.record()
    with warehouse.session() as connection:
        recorded_runs.assert_history(read_history(connection, **recorded_runs.SCOPE))
    recorded_runs.assert_earlier_ledgers_are_migrated()
