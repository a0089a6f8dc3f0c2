"""Requests of sObject Collections since the start, for the web pages."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tests.emulators.salesforce.objects.row_results import RowResult

MAX_CALLS = 500


@dataclass(frozen=True)
class CollectionCall:
    """One request: its results by the key or id of each record, in order."""

    number: int
    at: str
    operation: str
    object: str
    rows: tuple[tuple[str, RowResult], ...]

    @property
    def failed(self) -> int:
        """The number of rejected records."""
        return sum(1 for _, result in self.rows if result.error)


class CollectionCalls:
    """The latest requests, in memory only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[CollectionCall] = deque(maxlen=MAX_CALLS)
        self._last_number = 0

    def add(
        self,
        at: str,
        operation: str,
        object_name: str,
        keys: Sequence[object],
        results: Sequence[RowResult],
    ) -> None:
        """Add a request; `keys` name the records, and are empty for new ones."""
        names = ("" if key is None else str(key) for key in keys)
        rows = tuple(zip(names, results, strict=True))
        with self._lock:
            self._last_number += 1
            call = CollectionCall(self._last_number, at, operation, object_name, rows)
            self._calls.append(call)

    def newest_first(self) -> list[CollectionCall]:
        """Return the requests, newest first."""
        with self._lock:
            return list(self._calls)[::-1]

    def get(self, number: int) -> CollectionCall | None:
        """Return the request with this number, or None."""
        return next((c for c in self.newest_first() if c.number == number), None)
