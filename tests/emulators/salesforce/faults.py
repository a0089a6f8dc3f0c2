"""Fault injection: errors for chosen requests, jobs and rows.

A fault plan is a list of faults, each with a `kind` and the attributes of `Fault`. It
comes from a YAML file at the start, or from `POST /admin/faults` while the org runs.
"""

import json
import re
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

KINDS = {
    "answer": "respond with `status`, `code`, `message` and `headers`, or with `body`",
    "replace": "process the request, then respond as `answer` does",
    "cut_before": "drop the connection before the request is processed",
    "cut_after": "drop the connection after the request is processed",
    "expire_tokens": "end every session before the request is processed",
    "no_limits": "403 on /limits, as for a user without View Setup",
    "over_limit": "403 REQUEST_LIMIT_EXCEEDED",
    "unavailable": "503 with Retry-After",
    "lock": "`code` (UNABLE_TO_LOCK_ROW) for `rows` rows, `attempts` times",
    "fail_job": "fail after `rows` rows, which stay written; others are unprocessed",
    "stick_job": "stay InProgress until released or aborted",
}
ROW_KINDS = ("lock",)
JOB_KINDS = ("fail_job", "stick_job")
PRESETS: dict[str, dict[str, Any]] = {
    "no_limits": {
        "method": "GET",
        "path": r"/limits$",
        "status": 403,
        "code": "FORBIDDEN",
        "message": "You do not have the View Setup and Configuration permission",
    },
    "over_limit": {
        "status": 403,
        "code": "REQUEST_LIMIT_EXCEEDED",
        "message": "TotalRequests Limit exceeded.",
    },
    "unavailable": {"headers": {"Retry-After": "1"}},
    "lock": {
        "code": "UNABLE_TO_LOCK_ROW",
        "message": "unable to obtain exclusive access to this record or 200 records: "
        "{id}",
    },
}


@dataclass
class Fault:
    """One fault: `after` matching requests succeed, then `times` fail.

    `method` (empty: any) and `path` (a regular expression, searched in the path) choose
    the requests. `body` is the text of the response instead of an error. `object`
    (empty: any) chooses the jobs and rows; `rows` and `attempts` only apply to those.
    """

    kind: str
    method: str = ""
    path: str = r"^/services/data/v[^/]+/"
    after: int = 0
    times: int = 1
    status: int = 503
    code: str = "SERVER_UNAVAILABLE"
    message: str = "The server is busy"
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    object: str = ""
    rows: int = 1
    attempts: int = 1

    def text(self) -> str:
        """Return the body of the response, by default a JSON error."""
        if self.body is not None:
            return self.body
        return json.dumps([{"message": self.message, "errorCode": self.code}])

    @property
    def applies_to_requests(self) -> bool:
        """Whether it applies to requests, rather than rows or jobs."""
        return self.kind not in ROW_KINDS + JOB_KINDS

    def matches_object(self, name: str) -> bool:
        """Return whether it applies to jobs and rows of this object."""
        return self.object.lower() in ("", name.lower())


def parse_fault(entry: dict[str, Any]) -> Fault:
    """Return the fault of a plan's entry; raise `ValueError` if it is invalid."""
    if not isinstance(entry, dict):
        raise ValueError(f"A fault must be a mapping with a kind, not {entry!r}.")
    kind = str(entry.get("kind", ""))
    if kind not in KINDS:
        raise ValueError(
            f"Unknown fault kind {kind!r}. The kind must be one of {', '.join(KINDS)}."
        )
    attributes = [item.name for item in fields(Fault)]
    unknown = sorted(set(entry) - set(attributes))
    if unknown:
        raise ValueError(
            f"Unknown attributes of the fault {kind}: {', '.join(unknown)}. "
            f"A fault has {', '.join(attributes)}."
        )
    return Fault(**{**PRESETS.get(kind, {}), **entry})


class Faults:
    """The pending faults; a fault is removed after it was applied `times` times."""

    def __init__(self, pending: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._pending = list(pending)

    def add(self, *faults: Fault) -> None:
        """Add faults."""
        with self._lock:
            self._pending += faults

    def clear(self) -> None:
        """Remove all pending faults."""
        with self._lock:
            self._pending.clear()

    def pending(self) -> list[dict[str, Any]]:
        """Return the pending faults."""
        with self._lock:
            return [asdict(fault) for fault in self._pending]

    def next_for_request(self, method: str, path: str) -> Fault | None:
        """Return the fault that applies to this request, if any, and count its use."""
        with self._lock:
            for fault in self._pending:
                if not fault.applies_to_requests or not re.search(fault.path, path):
                    continue
                if fault.method not in ("", method):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                self._count_use(fault)
                return fault
        return None

    def next_lock(self, name: str, count: int) -> Fault | None:
        """Return the fault of a transaction whose first `rows` rows cannot be locked.

        `count` is the number of rows that have no other error.
        """
        with self._lock:
            for fault in self._pending:
                if fault.kind == "lock" and fault.matches_object(name) and count:
                    fault.attempts -= 1
                    if fault.attempts <= 0:
                        self._pending.remove(fault)
                    return fault
        return None

    def next_for_job(self, name: str) -> Fault | None:
        """Return the fault that applies to a job of an object; count its use."""
        with self._lock:
            for fault in self._pending:
                if fault.kind in JOB_KINDS and fault.matches_object(name):
                    if fault.after > 0:
                        fault.after -= 1
                        continue
                    self._count_use(fault)
                    return fault
        return None

    def _count_use(self, fault: Fault) -> None:
        fault.times -= 1
        if fault.times <= 0:
            self._pending.remove(fault)
