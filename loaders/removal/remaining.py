"""What an erasure leaves: objects of raw partitions on S3, and Salesforce records."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from loaders.erasures.subjects import TABLE, Subjects
from loaders.removal import retention
from loaders.removal.identity import Identity, in_list
from loaders.removal.rows import exported_objects
from loaders.warehouse import Connection

SENDER = "-- loaders.removal.remaining"
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Earlier:
    """Earlier erasures of the same subject; `is_complete` is true if all are done."""

    is_recorded: bool = False
    is_complete: bool = False
    days: Mapping[str, set[date]] = field(default_factory=dict)
    records: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Remaining:
    """What contains the subject outside of the warehouse and its archive.

    `object_keys` are the objects of the raw partitions in which it had lines.
    `partitions_not_searched` were removed from staging by retention, so they may
    contain it too. `salesforce_records` are pairs of object and record id.
    """

    days: Mapping[str, tuple[date, ...]] = field(default_factory=dict)
    object_keys: tuple[str, ...] = ()
    partitions_not_searched: int = 0
    salesforce_records: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> tuple[str, str]:
        """Return partitions and records as `ops.erasures` stores them."""
        partitions = {source: _spans(days) for source, days in self.days.items()}
        return json.dumps(partitions), json.dumps(self.salesforce_records)


def read_earlier(
    connection: Connection, erased: Subjects | None, identity: Identity
) -> Earlier:
    """Return what earlier erasures of the subject have recorded."""
    if erased is None:
        return Earlier()
    kind, value = identity.requested
    found = connection.fetch_all(
        f"{SENDER} earlier\nselect finished_at, raw_partitions, salesforce_records "
        f"from {connection.table('ops', TABLE)} "
        "where subject_kind = ? and subject_hash = ? and is_requested",
        [kind, erased.digest(kind, value)],
    )
    days: dict[str, set[date]] = {}
    records: set[tuple[str, str]] = set()
    for _, partitions, pairs in found:
        for source, spans in json.loads(partitions).items():
            days.setdefault(source, set()).update(_days(spans))
        records.update((name, record_id) for name, record_id in json.loads(pairs))
    return Earlier(
        is_recorded=bool(found),
        is_complete=bool(found) and all(row[0] for row in found),
        days=days,
        records=frozenset(records),
    )


def find(
    connection: Connection,
    identity: Identity,
    days: Mapping[str, set[date]],
    earlier: Earlier,
) -> Remaining:
    """Return what remains; `days` are the partitions with its lines by source."""
    all_days = {
        source: days.get(source, set()) | earlier.days.get(source, set())
        for source in sorted({*days, *earlier.days})
    }
    removed = retention.removed_partitions(connection)
    not_searched = [
        (source, day) for source, day in removed if day not in all_days.get(source, ())
    ]
    records = earlier.records.union(_find_records(connection, identity))
    return Remaining(
        days={source: tuple(sorted(found)) for source, found in all_days.items()},
        object_keys=tuple(_object_keys(connection, all_days)),
        partitions_not_searched=len(not_searched),
        salesforce_records=tuple(sorted(records)),
    )


def _find_records(connection: Connection, identity: Identity) -> set[tuple[str, str]]:
    objects = exported_objects()
    keys = [str(org) for org in identity.orgs]
    if not keys or not objects:
        return set()
    tables = ("salesforce_state", "salesforce_rows")
    rows = " union ".join(
        f"select object, salesforce_id from {connection.table('ops', table)} "
        f"where salesforce_id is not null and salesforce_id != '' "
        f"and {in_list('object', objects)} and {in_list('key', keys)}"
        for table in tables
    )
    found = connection.fetch_all(
        f"{SENDER} records\n{rows}", [*objects, *keys] * len(tables)
    )
    return {(name, record_id) for name, record_id in found}


def _object_keys(connection: Connection, days: Mapping[str, set[date]]) -> list[str]:
    sources = [source for source, found in days.items() if found]
    if not sources:
        return []
    all_days = set[date]().union(*days.values())
    found = connection.fetch_all(
        f"{SENDER} object keys\nselect source, dt, object_key from ("
        "select source, dt, object_key, load_id "
        f"from {connection.table('ops', 'load_objects')} "
        f"where {in_list('source', sources)} and dt between ? and ?) as objects "
        "inner join (select load_id as latest_id from (select load_id, row_number() "
        "over (partition by source, dt order by finished_at desc) as recency "
        f"from {connection.table('ops', 'loads')} where status = 'loaded') as loads "
        "where recency = 1) as latest on load_id = latest_id order by 3",
        [*sources, min(all_days), max(all_days)],
    )
    return [key for source, day, key in found if day in days[source]]


def _spans(days: tuple[date, ...]) -> list[list[str]]:
    """Return sorted days as pairs of the first and the last of those in a row."""
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][1] == ONE_DAY:
            spans[-1][1] = day
        else:
            spans.append([day, day])
    return [[str(first), str(last)] for first, last in spans]


def _days(spans: list[list[str]]) -> set[date]:
    days: set[date] = set()
    for span in spans:
        first, last = map(date.fromisoformat, span)
        days.update(first + n * ONE_DAY for n in range((last - first).days + 1))
    return days
