"""A case of the text rules, and builders of raw lines."""

from dataclasses import dataclass, field
from typing import Any

# The reasons of rejects, by the data contract.
NOT_UTF8 = "not UTF-8"
TOO_LONG = "longer than 65,535 bytes"
CONTROL = "control character"
NOT_JSON = "not a JSON object"
NOT_COMBINED = "not in combined format"
TWICE = "key given twice"
NESTED = "nested deeper than 1,000"

ORG = {
    "org_id": "1",
    "org_name": '"Org"',
    "created_at": '"2026-11-01T10:00:00Z"',
    "trial_started_at": "null",
    "billing_plan_id": "1",
    "billing_plan_name": '"Trial"',
    "is_internal": "false",
    "country": '"NL"',
    "owner_email": "null",
    "updated_at": '"2026-11-01T10:00:00Z"',
}
SAMPLE = {
    "org_id": "1",
    "sampled_at": '"2026-11-24T10:00:00Z"',
    "hosts": "1",
    "dashboards": "2",
    "metrics": "3",
    "integrations": '["aws"]',
}
EVENT = {
    "event_id": '"e1"',
    "ts": '"2026-11-24T10:00:00Z"',
    "org_id": "1",
    "level": '"INFO"',
    "event": '"login"',
    "user_id": "5",
}
RECORDS = {"orgs": ORG, "metrics": SAMPLE, "app_logs": EVENT}


@dataclass(frozen=True)
class Case:
    """A raw line of a source, and what becomes of it.

    `row` has some of the expected column values; `reason` is that of a reject. A blank
    line has neither.
    """

    source: str
    line: bytes
    row: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def name(self) -> str:
        """The start of the line, to identify the case."""
        return f"{self.source} {self.line[-60:]!r}"


def record(source: str, **changes: str) -> str:
    """Return a JSON record with some values replaced by JSON texts; '' drops a key."""
    pairs = {**RECORDS[source], **changes}
    return "{" + ",".join(f'"{k}":{v}' for k, v in pairs.items() if v) + "}"


def request(
    *,
    address: str = "10.0.0.1",
    user: str = "-",
    time: str = "24/Nov/2026:10:00:00 +0000",
    line: str = "GET / HTTP/1.1",
    status: str = "200",
    size: str = "120",
    agent: str = "Mozilla/5.0",
) -> str:
    """Return an access log line in combined format."""
    return f'{address} - {user} [{time}] "{line}" {status} {size} "-" "{agent}"'


def event_case(line: str | bytes, reason: str = "", **row: object) -> Case:
    """Return a case of `app_logs`, with the expected values of some columns."""
    content = line if isinstance(line, bytes) else line.encode()
    return Case("app_logs", content, row, reason)


def request_case(line: str | bytes, reason: str = "", **row: object) -> Case:
    """Return a case of `web_logs`, with the expected values of some columns."""
    content = line if isinstance(line, bytes) else line.encode()
    return Case("web_logs", content, row, reason)


def org_case(
    *, reason: str = "", expected: dict[str, Any] | None = None, **changes: str
) -> Case:
    """Return a case of `orgs`; `changes` are JSON texts of its keys."""
    return Case("orgs", record("orgs", **changes).encode(), expected or {}, reason)
