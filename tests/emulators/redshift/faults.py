"""Faults on demand: what a cluster does on a bad night, at the moment that a test says.

A fault is a mapping, from the start-up file (a YAML list) or the admin socket:

- `{fault: serialization, table: s.t, on: 2}`: error 1023 on the second commit to s.t
- `{fault: drop, table: s.t, when: before_commit | after_commit, on: 1}`
- `{fault: copy, table: s.t, after_rows: 1000, on: 1}`: the COPY fails half-way
- `{fault: slow, seconds: 0.5, matching: regex}`: the answer comes late
- `{fault: error, matching: regex, message: text, code: XX000, on: 1}`

`on` counts from 1 and defaults to 1; `times` (default 1, 0 for always) says how often
it happens from then on. A table without a schema means that table in any schema.
"""

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

KINDS = ("serialization", "drop", "copy", "slow", "error")
FIELDS = {
    "fault", "table", "on", "times", "when", "after_rows", "seconds", "matching",
    "message", "code",
}  # fmt: skip


class FaultError(ValueError):
    """A fault that is not described as it has to be."""


@dataclass
class Fault:
    """One fault, and how often its occasion has come."""

    fault: str
    table: str = ""
    on: int = 1
    times: int = 1
    when: str = "before_commit"
    after_rows: int = 0
    seconds: float = 0.0
    matching: str = ""
    message: str = "a fault on demand"
    code: str = "XX000"
    seen: int = field(default=0, compare=False)

    def is_for(self, tables: Iterable[str]) -> bool:
        """Whether one of the tables, given as `schema.table`, is meant."""
        wanted = self.table.lower().split(".")
        return any(name.split(".")[-len(wanted) :] == wanted for name in tables)

    def happens(self) -> bool:
        """Count the occasion, and tell whether the fault happens on it."""
        self.seen += 1
        is_over = self.times and self.seen >= self.on + self.times
        return self.seen >= self.on and not is_over


class Faults:
    """The faults that are set; sessions ask it at the moments that matter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, described: Mapping[str, object]) -> None:
        """Set a fault. FaultError when it is not one of those above."""
        unknown = sorted(set(described) - FIELDS)
        if unknown:
            raise FaultError(f"unknown in a fault: {', '.join(unknown)}")
        if "fault" not in described:
            raise FaultError(f"a fault names itself: {', '.join(KINDS)}")
        fault = Fault(**described)  # type: ignore[arg-type]
        if fault.fault not in KINDS:
            raise FaultError(f"fault is one of {', '.join(KINDS)}: {fault.fault}")
        if fault.fault in ("serialization", "drop", "copy") and not fault.table:
            raise FaultError(f"fault {fault.fault} needs a table")
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    @property
    def are_set(self) -> bool:
        """Whether there is any fault to look out for."""
        return bool(self._faults)

    def described(self) -> list[dict[str, object]]:
        """Return the faults that are set, each with how often its occasion came."""
        with self._lock:
            return [vars(fault) for fault in self._faults]

    def at_statement(self, text: str) -> list[Fault]:
        """Return the slow and error faults that happen on this statement."""
        with self._lock:
            return [
                fault
                for fault in self._faults
                if fault.fault in ("slow", "error")
                and re.search(fault.matching, text, re.IGNORECASE)
                and fault.happens()
            ]

    def at_commit(self, tables: Iterable[str]) -> list[Fault]:
        """Return the faults that happen on a commit that wrote these tables."""
        written = list(tables)
        with self._lock:
            return [
                fault
                for fault in self._faults
                if fault.fault in ("serialization", "drop")
                and fault.is_for(written)
                and fault.happens()
            ]

    def at_copy(self, table: str) -> Fault | None:
        """Return the fault of a COPY to this table, if it happens on this one."""
        with self._lock:
            for fault in self._faults:
                if fault.fault == "copy" and fault.is_for([table]) and fault.happens():
                    return fault
        return None
