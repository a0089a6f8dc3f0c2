"""Anonymous memory that the processes of a run share.

Luigi forks a process per task. What they share passes through memory and not through a
file, which a full or read-only disk would lose.
"""

import os
import tempfile


def allocate(name: str) -> int:
    """Return the descriptor of new memory; allocate it before the first fork."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    with tempfile.TemporaryFile() as file:  # systems other than Linux
        return os.dup(file.fileno())
