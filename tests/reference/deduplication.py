"""Rules for raw records: trailing blanks, late arrival and deduplication."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from typing import TypeVar

from tests.reference.records import Event, Org, Record, Request, Sample

TimestampedRecord = TypeVar("TimestampedRecord", Sample, Event, Request)

TEXT_FIELDS: dict[type, tuple[str, ...]] = {
    Org: ("org_name", "billing_plan_name", "country", "owner_email"),
    Sample: ("integrations",),
    Event: ("event_id", "level", "event", "path"),
    Request: ("client_address", "user_agent"),
}
"""The fields of each record that lose trailing blanks.

A request line is not among them: it is split at its blanks, and with a blank at its end
it is malformed.
"""


def trim_texts(record: Record) -> Record:
    """Return the record without trailing U+0020 in its texts."""
    return record._replace(
        **{name: _trim(getattr(record, name)) for name in TEXT_FIELDS[type(record)]}
    )


def _trim(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_trim, value))
    return value.rstrip(" ") if isinstance(value, str) else value


def drop_late_and_future(
    records: Iterable[TimestampedRecord], late_arrival_days: int
) -> list[TimestampedRecord]:
    """Return the records that count, in their order.

    A record belongs to the UTC day of its own timestamp. A record of partition `dt`
    counts if its day is from `dt - late_arrival_days` to `dt`, both included.
    """
    lateness = timedelta(days=late_arrival_days)
    return [
        record
        for record in records
        if record.location.dt - lateness <= record.at.date() <= record.location.dt
    ]


def deduplicate_events(events: Iterable[Event]) -> list[Event]:
    """Return one event per event_id.

    Of several events with the same id it is the one in the earliest partition, then
    the one with the earliest timestamp, then the one with the smallest text.
    """
    by_id: dict[str, Event] = {}
    for event in events:
        current = by_id.get(event.event_id)
        if current is None or _event_order(event) < _event_order(current):
            by_id[event.event_id] = event
    return list(by_id.values())


def _event_order(event: Event) -> tuple[object, ...]:
    return event.location.dt, event.at, _texts(event)


def deduplicate_orgs(orgs: Iterable[Org]) -> dict[date, dict[int, Org]]:
    """Return one record per partition and org_id.

    Of several records of one org in a partition it is the one with the greatest
    updated_at, then the one with the smallest text.
    """
    by_partition: dict[date, dict[int, Org]] = defaultdict(dict)
    for org in orgs:
        partition = by_partition[org.location.dt]
        current = partition.get(org.org_id)
        if current is None or _is_better(org, current):
            partition[org.org_id] = org
    return dict(by_partition)


def _is_better(org: Org, other: Org) -> bool:
    if org.updated_at != other.updated_at:
        return org.updated_at > other.updated_at
    return _texts(org) < _texts(other)


def _texts(record: Org | Event) -> list[tuple[bool, str]]:
    """Return the texts of the columns in the listed order; None sorts first."""
    return [(value is not None, str(value)) for value in record[1:]]
