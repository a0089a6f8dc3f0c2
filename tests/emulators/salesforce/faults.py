"""The fault plan: what goes wrong, at which request or row, and how often.

A plan is a list; each fault has a `kind` and what `Fault` says. It comes from a YAML
file at the start or by `POST /admin/faults` while the org runs.
"""

import re
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from dataclasses import fields as fields_of
from typing import Any

KINDS = {
    "answer": "reply with status, code, message and headers in place of the org",
    "cut_before": "drop the connection, nothing done",
    "cut_after": "drop the connection once all is done",
    "expire_tokens": "end every session before the request is looked at",
    "no_limits": "403 on /limits, as for a user without View Setup",
    "over_limit": "403 REQUEST_LIMIT_EXCEEDED",
    "unavailable": "503 with Retry-After",
    "lock": "UNABLE_TO_LOCK_ROW for `rows` rows, `attempts` times",
    "fail_job": "Failed after `rows` rows; those stay done, the rest is unprocessed",
    "stick_job": "InProgress for good, until released or aborted",
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
}


@dataclass
class Fault:
    """One fault. `after` matching requests go through, then `times` go wrong.

    `method` (empty: any) and `path` (a regular expression found anywhere in it) say
    which requests. `rows` and `attempts` count for faults of rows and jobs, `object`
    (empty: any) says of which object.
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
    object: str = ""
    rows: int = 1
    attempts: int = 1

    def body(self) -> list[dict[str, str]]:
        """Return the error body of an answer."""
        return [{"message": self.message, "errorCode": self.code}]

    @property
    def is_of_requests(self) -> bool:
        """Whether it strikes a request, not a row or a job."""
        return self.kind not in ROW_KINDS + JOB_KINDS

    def is_about(self, name: str) -> bool:
        """Whether it strikes this object."""
        return self.object.lower() in ("", name.lower())


def make(told: dict[str, Any]) -> Fault:
    """Make a fault of a plan's entry; `ValueError` says what is wrong with it."""
    if not isinstance(told, dict):
        raise ValueError(f"a fault has a kind and more, not {told!r}")
    kind = str(told.get("kind", ""))
    unknown = set(told) - {item.name for item in fields_of(Fault)}
    if kind not in KINDS or unknown:
        raise ValueError(
            f"kind is one of {', '.join(KINDS)}; not known: "
            f"{', '.join(sorted(unknown)) or kind or 'no kind'}"
        )
    return Fault(**{**PRESETS.get(kind, {}), **told})


class Faults:
    """The faults still to come; they are used up as they strike."""

    def __init__(self, plan: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._plan = list(plan)

    def add(self, *plan: Fault) -> None:
        """Let more go wrong."""
        with self._lock:
            self._plan += plan

    def clear(self) -> None:
        """Let nothing more go wrong."""
        with self._lock:
            self._plan.clear()

    def listed(self) -> list[dict[str, Any]]:
        """Return what is still to come."""
        with self._lock:
            return [asdict(fault) for fault in self._plan]

    def strike(self, method: str, path: str) -> Fault | None:
        """Return the fault that strikes this request, if one does."""
        with self._lock:
            for fault in self._plan:
                if not fault.is_of_requests or not re.search(fault.path, path):
                    continue
                if fault.method not in ("", method):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                self._use(fault)
                return fault
        return None

    def locked(self, name: str, count: int) -> range:
        """Return which of `count` rows of a transaction cannot be locked."""
        with self._lock:
            for fault in self._plan:
                if fault.kind == "lock" and fault.is_about(name) and count:
                    struck = min(count, fault.rows)
                    fault.attempts -= 1
                    if fault.attempts <= 0:
                        self._plan.remove(fault)
                    return range(struck)
        return range(0)

    def of_job(self, name: str) -> Fault | None:
        """Return the fault that strikes a job that is about to be processed."""
        with self._lock:
            for fault in self._plan:
                if fault.kind in JOB_KINDS and fault.is_about(name):
                    if fault.after > 0:
                        fault.after -= 1
                        continue
                    self._use(fault)
                    return fault
        return None

    def _use(self, fault: Fault) -> None:
        fault.times -= 1
        if fault.times <= 0:
            self._plan.remove(fault)
