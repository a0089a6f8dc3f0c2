"""Queries for one org's raw records in staging and its rejected records."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from loaders.warehouse import Connection

# Source: its raw table, and the column whose day a record belongs to.
EVENT_SOURCES = {
    "metrics": ("raw_metrics", "sampled_at"),
    "app_logs": ("raw_app_logs", "ts"),
}


@dataclass(frozen=True)
class RawPartition:
    """A partition with records of the org.

    `objects` is the number of all S3 objects of the partition. `records_in_window`
    excludes records outside the partition's late-arrival window.
    """

    source: str
    dt: date
    objects: int
    records: int
    records_in_window: int


@dataclass(frozen=True)
class Reject:
    """A rejected record that contains the org's id."""

    source: str
    dt: date
    object_key: str | None
    line_number: int | None
    reason: str
    line: str


def read_raw_partitions(
    connection: Connection,
    org_id: int,
    *,
    partitions: tuple[date, date],
    late_arrival_days: int,
) -> list[RawPartition]:
    """Return the partitions in a range of dates that have records of the org.

    A web log request has no org_id. It belongs to the org if its user has a session of
    the org on that day.
    """
    counts = [
        *_count_org_exports(connection, org_id, partitions),
        *_count_events(connection, org_id, partitions, late_arrival_days),
        *_count_requests(connection, org_id, partitions, late_arrival_days),
    ]
    objects = {
        (source, dt): int(count)
        for source, dt, count in connection.fetch_all(
            "-- reports.org.raw_records objects\n"
            f"select source, dt, objects from ({_latest_loads(connection)}) as loads "
            "where recency = 1",
            partitions,
        )
    }
    return sorted(
        (
            RawPartition(source, dt, objects.get((source, dt), 0), *records)
            for source, dt, *records in counts
        ),
        key=lambda item: (item.dt, item.source),
    )


def read_rejects(
    connection: Connection, org_id: int, *, partitions: tuple[date, date]
) -> list[Reject]:
    """Return the rejected records of each partition's latest load that name the org."""
    rows = connection.fetch_all(
        "-- reports.org.raw_records rejects\n"
        "select rejects.source, rejects.dt, rejects.object_key, rejects.line_number, "
        "rejects.reason, rejects.line "
        f"from {connection.table('ops', 'load_rejects')} as rejects "
        f"inner join ({_latest_loads(connection)}) as loads "
        "on rejects.load_id = loads.load_id "
        "where loads.recency = 1 and rejects.line like ? "
        "order by rejects.dt, rejects.source, rejects.object_key, rejects.line_number",
        [*partitions, f"%org_id%{org_id}%"],
    )
    org_id_pattern = re.compile(rf"\"org_id\"\s*:\s*\"?{org_id}\b(?!\.)")
    return [Reject(*row) for row in rows if org_id_pattern.search(row[-1] or "")]


def _latest_loads(connection: Connection) -> str:
    """Return SQL for loads of a range of dates; recency is 1 for the latest ones."""
    return (
        "select load_id, source, dt, objects, row_number() over ("
        "partition by source, dt order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} "
        "where dt between ? and ? and status = 'loaded'"
    )


def _count_org_exports(
    connection: Connection, org_id: int, partitions: tuple[date, date]
) -> Iterator[tuple[Any, ...]]:
    rows = connection.fetch_all(
        "-- reports.org.raw_records raw_orgs\n"
        "select dt, count(*) "
        f"from {connection.table('staging', 'raw_orgs')} "
        "where org_id = ? and dt between ? and ? group by 1",
        [org_id, *partitions],
    )
    yield from (("orgs", dt, records, records) for dt, records in rows)


def _count_events(
    connection: Connection,
    org_id: int,
    partitions: tuple[date, date],
    late_arrival_days: int,
) -> Iterator[tuple[Any, ...]]:
    for source, (table, timestamp) in EVENT_SOURCES.items():
        rows = connection.fetch_all(
            f"-- reports.org.raw_records {table}\n"
            f"select dt, count(*), {_count_in_window(timestamp, late_arrival_days)} "
            f"from {connection.table('staging', table)} "
            "where org_id = ? and dt between ? and ? group by 1",
            [org_id, *partitions],
        )
        yield from ((source, *row) for row in rows)


def _count_requests(
    connection: Connection,
    org_id: int,
    partitions: tuple[date, date],
    late_arrival_days: int,
) -> Iterator[tuple[Any, ...]]:
    rows = connection.fetch_all(
        "-- reports.org.raw_records raw_web_logs\n"
        f"select dt, count(*), {_count_in_window('requested_at', late_arrival_days)} "
        f"from {connection.table('staging', 'raw_web_logs')} as requests "
        "inner join (select distinct user_id, session_date "
        f"from {connection.table('marts', 'fct_web_sessions')} where org_id = ?) "
        "as sessions on requests.user_id = sessions.user_id "
        "and cast(requests.requested_at as date) = sessions.session_date "
        "where dt between ? and ? group by 1",
        [org_id, *partitions],
    )
    yield from (("web_logs", *row) for row in rows)


def _count_in_window(timestamp: str, late_arrival_days: int) -> str:
    """Return SQL that counts records within their partition's late-arrival window."""
    day = f"cast({timestamp} as date)"
    return (
        f"count(case when {day} between dt - {int(late_arrival_days)} and dt "
        "then 1 end)"
    )
