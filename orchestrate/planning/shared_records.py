"""The completion records that a process of a run has read last, for all its processes.

Most tasks only find that an earlier one has done their work, and need no session of the
warehouse for that.
"""

import fcntl
import os
import pickle
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from loaders.ledger import CompletionRecords, read_completion_records
from orchestrate.shared_memory import allocate

# The number of the version and the size of what follows.
HEADER = struct.Struct("!QQ")


_memory = allocate("completion records")
_last: tuple[int, str, str, CompletionRecords] | None = None


def read(env: str, version: str) -> CompletionRecords:
    """Read the ledgers, and replace the shared records by what they contain."""
    global _last
    records = read_completion_records(env=env, version=version)
    content = pickle.dumps((env, version, records))
    with _locked(fcntl.LOCK_EX):
        number = _read_header()[0] + 1
        os.ftruncate(_memory, 0)
        os.pwrite(_memory, HEADER.pack(number, len(content)) + content, 0)
    _last = number, env, version, records
    return records


def latest(env: str, version: str) -> CompletionRecords | None:
    """Return the records that were read last, or None if there are none.

    They may be older than the ledgers: what they contain is done, and whether anything
    else is, the ledgers know.
    """
    global _last
    with _locked(fcntl.LOCK_SH):
        number, size = _read_header()
        if _last is None or number != _last[0]:
            content = os.pread(_memory, size, HEADER.size)
            # A process that was killed may have written a part.
            if not size or len(content) < size:
                return None
            _last = number, *pickle.loads(content)
    return _last[3] if _last[1:3] == (env, version) else None


def clear() -> None:
    """Remove the shared records."""
    with _locked(fcntl.LOCK_EX):
        number = _read_header()[0] + 1
        os.ftruncate(_memory, 0)
        os.pwrite(_memory, HEADER.pack(number, 0), 0)


@contextmanager
def _locked(operation: int) -> Iterator[None]:
    """Lock the memory among processes; the end of a process releases its lock."""
    fcntl.lockf(_memory, operation)
    try:
        yield
    finally:
        fcntl.lockf(_memory, fcntl.LOCK_UN)


def _read_header() -> tuple[int, int]:
    header = os.pread(_memory, HEADER.size, 0)
    if len(header) < HEADER.size:
        return 0, 0
    number, size = HEADER.unpack(header)
    return number, size
