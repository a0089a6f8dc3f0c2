"""Lets dbt wait for the loads that are running, in whichever process.

The first model task builds every model whose partitions are loaded. If it started while
loads are running, dbt would have to start again for the rest. A load that has failed is
not waited for.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrate.shared_memory import allocate

# Locks belong to processes, and end with them.
_memory = allocate("running loads")


@contextmanager
def running_load() -> Iterator[None]:
    """Let `wait_for_loads` wait for the end of the block."""
    fcntl.lockf(_memory, fcntl.LOCK_SH)
    try:
        yield
    finally:
        fcntl.lockf(_memory, fcntl.LOCK_UN)


def wait_for_loads() -> None:
    """Wait until no other process of the run is loading."""
    fcntl.lockf(_memory, fcntl.LOCK_EX)
    fcntl.lockf(_memory, fcntl.LOCK_UN)
