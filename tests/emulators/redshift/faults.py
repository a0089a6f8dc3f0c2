"""Fault injection: errors, delays and dropped connections that tests request.

A fault is a mapping, from the `--faults` file (a YAML list) or the admin socket:

- `{fault: serialization, table: s.t, on: 2}`: error 1023 on the second commit to s.t
- `{fault: drop, table: s.t, when: before_commit | after_commit, on: 1}`: the connection
  is closed
- `{fault: copy, table: s.t, after_rows: 1000, on: 1}`: the COPY fails half-way
- `{fault: slow, seconds: 0.5, matching: regex}`: the statement is delayed
- `{fault: error, matching: regex, message: text, code: XX000, on: 1}`
- `{fault: latency, statement_ms: 50, session_ms: 300}`: every statement and every
  start-up of a session takes that much longer, as over a network

`on` is the number of the first matching occurrence that fails, from 1 (default 1).
`times` is the number of failures from then on (default 1; 0 means without end). A table
without a schema matches in every schema.
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

KINDS = ("serialization", "drop", "copy", "slow", "error", "latency")
FIELDS = {
    "fault", "table", "on", "times", "when", "after_rows", "seconds", "matching",
    "message", "code", "statement_ms", "session_ms",
}  # fmt: skip


class FaultError(ValueError):
    """An invalid fault definition or admin request."""


@dataclass
class Fault:
    """One fault; `seen` counts the occurrences that matched it."""

    fault: str
    table: str = ""
    on: int = 1
    times: int = 1
    when: str = "before_commit"
    after_rows: int = 0
    seconds: float = 0.0
    matching: str = ""
    message: str = "injected fault"
    code: str = "XX000"
    statement_ms: float = 0.0
    session_ms: float = 0.0
    seen: int = field(default=0, compare=False)

    def matches_table(self, tables: Iterable[str]) -> bool:
        """Whether the fault applies to one of the tables, given as `schema.table`.

        The fault's own table may be a pattern with `*`.
        """
        parts = self.table.count(".") + 1
        return any(
            fnmatchcase(".".join(name.split(".")[-parts:]), self.table.lower())
            for name in tables
        )

    def count_occurrence(self) -> bool:
        """Count an occurrence and return whether the fault is due on it."""
        self.seen += 1
        is_over = self.times and self.seen >= self.on + self.times
        return self.seen >= self.on and not is_over


class Faults:
    """The active faults. Sessions check them at each statement, commit and COPY."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, definition: Mapping[str, object]) -> None:
        """Add a fault; raise FaultError if its definition is invalid."""
        unknown = sorted(set(definition) - FIELDS)
        if unknown:
            raise FaultError(f"A fault has unknown keys: {', '.join(unknown)}.")
        if "fault" not in definition:
            raise FaultError(f"A fault needs the key 'fault': {', '.join(KINDS)}.")
        fault = Fault(**definition)  # type: ignore[arg-type]
        if fault.fault not in KINDS:
            raise FaultError(
                f"Unknown fault '{fault.fault}'. It must be one of {', '.join(KINDS)}."
            )
        if fault.fault in ("serialization", "drop", "copy") and not fault.table:
            raise FaultError(f"The fault '{fault.fault}' needs a table.")
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._faults.clear()

    @property
    def has_faults(self) -> bool:
        """Whether any fault other than latency is active."""
        return any(fault.fault != "latency" for fault in self._faults)

    @property
    def statement_delay(self) -> float:
        """The latency of a statement, in seconds."""
        return self._latency(lambda fault: fault.statement_ms)

    @property
    def session_delay(self) -> float:
        """The latency of the start-up of a session, in seconds."""
        return self._latency(lambda fault: fault.session_ms)

    def list_faults(self) -> list[dict[str, object]]:
        """Return the active faults with their occurrence counts."""
        with self._lock:
            return [vars(fault) for fault in self._faults]

    def due_at_statement(self, text: str) -> list[Fault]:
        """Return the `slow` and `error` faults that are due on this statement."""
        with self._lock:
            return [
                fault
                for fault in self._faults
                if fault.fault in ("slow", "error")
                and re.search(fault.matching, text, re.IGNORECASE)
                and fault.count_occurrence()
            ]

    def due_at_commit(self, tables: Iterable[str]) -> list[Fault]:
        """Return the faults that are due on a commit of writes to these tables."""
        written = list(tables)
        with self._lock:
            return [
                fault
                for fault in self._faults
                if fault.fault in ("serialization", "drop")
                and fault.matches_table(written)
                and fault.count_occurrence()
            ]

    def due_at_copy(self, table: str) -> Fault | None:
        """Return the fault that is due on a COPY to this table, if any."""
        with self._lock:
            for fault in self._faults:
                if (
                    fault.fault == "copy"
                    and fault.matches_table([table])
                    and fault.count_occurrence()
                ):
                    return fault
        return None

    def _latency(self, milliseconds: Callable[[Fault], float]) -> float:
        with self._lock:
            latencies = [each for each in self._faults if each.fault == "latency"]
            return sum(map(milliseconds, latencies)) / 1000
