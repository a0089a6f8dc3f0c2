"""One run at a time: the runs of several dates write the same tables.

A run is planned from what earlier ones have finished, so it waits for them before. A
sync by hand waits too, because it would take the chunks of a running one for
interrupted.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import luigi

from loaders import warehouse
from loaders.errors import NightshiftError
from loaders.ledger.run_outcomes import RUNNING, read_run_outcomes
from orchestrate.planning import archives, run_state
from orchestrate.runs import recording

LOCK_TABLE = "run_lock"
# A run of the same dates has little left to do after the other one.
SAME_DATES_SECONDS = 600.0
# Longer than a usual run, shorter than the time until business hours.
OTHER_DATES_SECONDS = 3600.0

_lock = ExitStack()


def acquire(root: luigi.Task) -> bool:
    """Wait for other runs; return whether `root` may run, else record its failure."""
    lock = warehouse.exclusive(LOCK_TABLE, timeout=partial(_timeout, root))
    try:
        _lock.enter_context(lock)
    except NightshiftError as error:
        recording.add_failure(root, error)
        return False
    # The runs that it waited for change what is to be done.
    run_state.clear_cache(is_new_run=True)
    archives.clear_cache()
    return True


def release() -> None:
    """Let other runs start. The end of the process does the same."""
    _lock.close()


@contextmanager
def held() -> Iterator[None]:
    """Wait for a run to end, and let none start within the block.

    Raises `TransientError` after `SAME_DATES_SECONDS`.
    """
    with warehouse.exclusive(LOCK_TABLE, timeout=lambda: SAME_DATES_SECONDS):
        yield


def _timeout(root: luigi.Task) -> float:
    """Return the seconds that `root` waits for the runs that are running."""
    with warehouse.session() as connection:
        runs = read_run_outcomes(
            connection,
            root.data_date_from or root.data_date,
            root.data_date,
            env=root.env,
            version=root.version,
        )
    is_same = any(run.outcome == RUNNING for run in runs)
    return SAME_DATES_SECONDS if is_same else OTHER_DATES_SECONDS
