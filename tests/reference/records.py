"""Parsed raw records and the categories of rejects.

One tuple type per source, with its location and the keys that the marts need, in the
order in which the data contract lists them. All timestamps are naive UTC.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

SOURCES = ("orgs", "metrics", "app_logs", "web_logs")

TOO_LONG = "too_long"
CONTROL = "control_character"
NOT_UTF8 = "not_utf8"
NOT_JSON = "not_json"
KEY_TWICE = "key_given_twice"
TOO_DEEP = "too_deep"
MISSING_KEY = "missing_key"
WRONG_TYPE = "wrong_type"
NOT_COMBINED = "not_combined_format"
BAD_AUTHUSER = "bad_authuser"
BAD_TIME = "bad_time"


class RejectedError(Exception):
    """The line is not a valid record; `category` is one of the constants above."""

    def __init__(self, category: str, detail: str = "") -> None:
        super().__init__(category, detail)
        self.category = category
        self.detail = detail


class RecordLocation(NamedTuple):
    """The partition, the object and the physical line (from 1) of a record.

    Locations sort by partition, then by object key, then by line number.
    """

    dt: date
    object_key: str
    line_number: int


class Reject(NamedTuple):
    """A rejected line, its category, and the key concerned (`detail`) if any."""

    source: str
    location: RecordLocation
    category: str
    detail: str


class Org(NamedTuple):
    """One org as of one nightly export."""

    location: RecordLocation
    org_id: int
    org_name: str
    created_at: datetime
    trial_started_at: datetime | None
    billing_plan_id: int
    billing_plan_name: str
    is_internal: bool
    country: str | None
    owner_email: str | None
    updated_at: datetime


class Sample(NamedTuple):
    """One usage sample of one org.

    `counts` are the metrics that are whole numbers, None where a sample lacks one;
    `integrations` may contain duplicates.
    """

    location: RecordLocation
    at: datetime
    org_id: int
    counts: dict[str, int | None]
    integrations: tuple[str, ...]


class Event(NamedTuple):
    """One application log event.

    Its attributes are left out: no mart depends on them.
    """

    location: RecordLocation
    at: datetime
    event_id: str
    org_id: int
    user_id: int | None
    level: str
    event: str
    path: str | None
    status: int | None
    duration_ms: int | None


class Request(NamedTuple):
    """One web request, with strings as logged; `request` is the request line."""

    location: RecordLocation
    at: datetime
    client_address: str
    user_id: int | None
    request: str
    user_agent: str


Record = Org | Sample | Event | Request
