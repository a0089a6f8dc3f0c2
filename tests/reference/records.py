"""The rows a raw line becomes, and the reasons why some do not.

What: one tuple a source, with the keys the marts need and where the line stood.
From: section 2 of the contract. All times naive UTC.
Changes: when a raw source gets a key that a mart needs.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

SOURCES = ("orgs", "metrics", "app_logs", "web_logs")

TOO_LONG = "too_long"
NUL = "nul"
NOT_UTF8 = "not_utf8"
NOT_JSON = "not_json"
NOT_AN_OBJECT = "not_an_object"
MISSING_KEY = "missing_key"
WRONG_TYPE = "wrong_type"
NOT_COMBINED = "not_combined_format"
BAD_AUTHUSER = "bad_authuser"
BAD_TIME = "bad_time"


class RejectedError(Exception):
    """Tells why a line is no row; `category` is one of the words above."""

    def __init__(self, category: str, detail: str = "") -> None:
        super().__init__(category, detail)
        self.category = category
        self.detail = detail


class Place(NamedTuple):
    """Where a line stood: partition, object, physical line (the first is 1).

    Places sort as partitions, then objects by key, then lines follow each other.
    """

    dt: date
    object_key: str
    line_number: int


class Reject(NamedTuple):
    """A line that became no row, why, and which key it was about."""

    source: str
    place: Place
    category: str
    detail: str


class Org(NamedTuple):
    """One org as a nightly export had it."""

    place: Place
    org_id: int
    org_name: str
    trial_started_at: datetime | None
    billing_plan_id: int
    billing_plan_name: str
    is_internal: bool
    updated_at: datetime


class Sample(NamedTuple):
    """One usage sample of one org; `integrations` as listed, repeats included."""

    place: Place
    at: datetime
    org_id: int
    hosts: int
    dashboards: int
    metrics: int
    integrations: tuple[str, ...]


class Event(NamedTuple):
    """One application log event."""

    place: Place
    at: datetime
    event_id: str
    org_id: int
    user_id: int | None
    level: str


class Request(NamedTuple):
    """One web request; texts as the log has them, `request` between its quotes."""

    place: Place
    at: datetime
    client_address: str
    user_id: int | None
    request: str
    user_agent: str


Row = Org | Sample | Event | Request
