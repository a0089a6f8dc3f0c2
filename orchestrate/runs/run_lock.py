"""One run at a time: the runs of several dates write the same tables.

A run is planned from what earlier ones have finished, so it waits for them before.
"""

from contextlib import ExitStack

import luigi

from loaders import warehouse
from loaders.errors import NightshiftError
from orchestrate.planning import archives, run_state
from orchestrate.runs import recording

LOCK_TABLE = "run_lock"
# Longer than a usual run, shorter than the time until business hours.
TIMEOUT_SECONDS = 3600.0

_lock = ExitStack()


def acquire(root: luigi.Task) -> bool:
    """Wait for other runs; return whether `root` may run, else record its failure."""
    try:
        _lock.enter_context(warehouse.exclusive(LOCK_TABLE, timeout=TIMEOUT_SECONDS))
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
