"""Rerun tests of tests/nightly on Redshift.

In this folder the fixture `finished_run` returns a project on Redshift.
"""

import pytest

from tests.nightly.test_rerun import (
    test_deleted_archive_partition_is_written_again,
    test_deleted_ledger_row_runs_its_task_again,
    test_dropped_mart_is_rebuilt_with_its_history,
    test_finished_run_executes_no_task,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

__all__ = [
    "test_deleted_archive_partition_is_written_again",
    "test_deleted_ledger_row_runs_its_task_again",
    "test_dropped_mart_is_rebuilt_with_its_history",
    "test_finished_run_executes_no_task",
]
