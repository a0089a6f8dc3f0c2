"""On a cluster too, what is done stays done, and what was taken away is made again.

The tests are those of one machine; `finished_night` gives them a cluster here.
"""

import pytest

from tests.nightly.test_rerun import (
    test_a_deleted_archive_partition_is_written_again,
    test_a_deleted_ledger_row_is_earned_again,
    test_a_dropped_mart_is_built_again_with_all_its_history,
    test_a_finished_night_runs_no_task,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

__all__ = [
    "test_a_deleted_archive_partition_is_written_again",
    "test_a_deleted_ledger_row_is_earned_again",
    "test_a_dropped_mart_is_built_again_with_all_its_history",
    "test_a_finished_night_runs_no_task",
]
