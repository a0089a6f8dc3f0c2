"""Removes what is older than it may be kept: staging, rejects, payloads, archive.

Ages count back from the newest loaded date, not from today: if the producer stops,
nothing is removed that a run still needs. A removal is recorded in the transaction that
deletes the rows, so that an interrupted command can be repeated.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from loaders import s3, warehouse
from loaders.config import windows
from loaders.config.retention import Retention
from loaders.errors import ConfigError
from loaders.ledger import ARCHIVE, PAYLOADS, REJECTS, STAGING, now
from loaders.warehouse import Connection
from loaders.warehouse.declared_tables import raw_tables

SENDER = "-- loaders.removal.retention"
TABLE = "retention_removals"
DAYS_PER_TRANSACTION = 31
ARCHIVED = re.compile(r"([^/]+/[^/]+/[^/]+)/dt=(\d{4}-\d\d-\d\d)/")


@dataclass(frozen=True)
class Statement:
    """Rows to delete: the table, its column of days, and which rows of a day."""

    schema: str
    table: str
    day: str
    condition: str
    parameters: tuple[object, ...]


@dataclass(frozen=True)
class Removal:
    """What is removed of one source, object or dataset.

    `days` has rows (files for the archive) and bytes by day. `urls` are the archive's
    objects by day.
    """

    kind: str
    name: str
    days: dict[date, tuple[int, int]]
    statements: tuple[Statement, ...] = ()
    urls: dict[date, list[str]] | None = None

    @property
    def rows(self) -> int:
        """The number of rows, or of files for the archive."""
        return sum(rows for rows, _ in self.days.values())

    @property
    def bytes(self) -> int:
        """The size, for staging that of the objects on S3."""
        return sum(size for _, size in self.days.values())


def check(policy: Retention) -> None:
    """Raise `ConfigError` if something would be removed that runs still need."""
    for name, days, least in (
        ("STAGING", policy.staging_days, windows.least_staging_days()),
        ("ARCHIVE", policy.archive_days, windows.least_archive_days()),
    ):
        if days is not None and days < least:
            raise ConfigError(
                f"NIGHTSHIFT_RETENTION__{name}_DAYS is {days}, but runs need "
                f"{least} days: late data, forward-filled orgs and dates that are run "
                "again because their partitions changed reach back so far. Set it to "
                f"at least {least}, or lower the vars in dbt_project.yml."
            )


def find(policy: Retention, *, archive_url: str | None) -> list[Removal]:
    """Return what is older than it may be kept; changes nothing."""
    with warehouse.session() as connection:
        newest = _newest_date(connection)
        if newest is None:
            return []
        removals: list[Removal] = []
        if first := _first_kept(newest, policy.staging_days):
            removals += _staging(connection, first)
        if first := _first_kept(newest, policy.rejects_days):
            removals += _rejects(connection, first)
        if first := _first_kept(newest, policy.payloads_days):
            removals += _payloads(connection, first)
    first = _first_kept(newest, policy.archive_days)
    if first and archive_url:
        removals += _archive(archive_url, first)
    return removals


def remove(removal: Removal, *, run_id: str) -> None:
    """Remove it in short transactions; the caller holds the lock of runs."""
    days = sorted(removal.days)
    for start in range(0, len(days), DAYS_PER_TRANSACTION):
        batch = days[start : start + DAYS_PER_TRANSACTION]
        if removal.urls:
            urls = [url for day in batch for url in removal.urls[day]]
            # Without `_SUCCESS`, no reader takes a part for the partition.
            s3.delete([url for url in urls if url.endswith(f"/{s3.SUCCESS}")])
            s3.delete([url for url in urls if not url.endswith(f"/{s3.SUCCESS}")])
        with warehouse.transaction() as connection:
            for statement in removal.statements:
                _delete(connection, statement, batch)
            _record(connection, removal, batch, run_id)


def removed_partitions(connection: Connection) -> set[tuple[str, date]]:
    """Return source and date of the partitions that were removed from staging."""
    return {
        (source, day)
        for source, day in connection.fetch_all(
            f"{SENDER} removed partitions\nselect distinct name, dt "
            f"from {connection.table('ops', TABLE)} where kind = ?",
            [STAGING],
        )
    }


def _newest_date(connection: Connection) -> date | None:
    row = connection.fetch_one(
        f"{SENDER} newest date\nselect max(dt) from {connection.table('ops', 'loads')} "
        "where status = 'loaded'"
    )
    newest: date | None = row[0] if row else None
    return newest


def _first_kept(newest: date, days: int | None) -> date | None:
    return newest - timedelta(days=days - 1) if days else None


def _staging(connection: Connection, first: date) -> Iterator[Removal]:
    removed = removed_partitions(connection)
    sizes = {
        (source, day): int(size or 0)
        for source, day, size in connection.fetch_all(
            f"{SENDER} loaded sizes\nselect source, dt, bytes from (select *, "
            "row_number() over (partition by source, dt order by finished_at desc) "
            f"as recency from {connection.table('ops', 'loads')} "
            "where status = 'loaded' and dt < ?) as latest where recency = 1",
            [first],
        )
    }
    for source, table in raw_tables().items():
        rows = {
            day: int(count)
            for day, count in connection.fetch_all(
                f"{SENDER} count {table.name}\nselect dt, count(*) "
                f"from {connection.table(table.schema, table.name)} "
                "where dt < ? group by 1",
                [first],
            )
        }
        loaded = {day for name, day in sizes if name == source}
        open_days = {day for day in loaded if (source, day) not in removed}
        days = {
            day: (rows.get(day, 0), sizes.get((source, day), 0))
            for day in sorted({*rows, *open_days})
        }
        if days:
            statement = Statement(table.schema, table.name, "dt", "true", ())
            yield Removal(STAGING, source, days, (statement,))


def _rejects(connection: Connection, first: date) -> Iterator[Removal]:
    found = connection.fetch_all(
        f"{SENDER} count rejects\nselect source, dt, count(*), sum(length(line)) "
        f"from {connection.table('ops', 'load_rejects')} where dt < ? group by 1, 2",
        [first],
    )
    for source, days in _by_name(found):
        statement = Statement("ops", "load_rejects", "dt", "source = ?", (source,))
        yield Removal(REJECTS, source, days, (statement,))


def _payloads(connection: Connection, first: date) -> Iterator[Removal]:
    """Yield accepted values and rejects that later ones have replaced.

    What was accepted last is kept: the next sync compares with it.
    """
    rows, state, rejects = (
        connection.table("ops", f"salesforce_{name}")
        for name in ("rows", "state", "rejects")
    )
    # Joins, because Redshift supports few kinds of correlated subqueries.
    is_replaced = (
        "(object, key, sync_id, accepted_at) in (select accepted.object, "
        "accepted.key, accepted.sync_id, accepted.accepted_at "
        f"from {rows} as accepted left join {state} as state "
        "on state.object = accepted.object and state.key = accepted.key "
        "and state.sync_id = accepted.sync_id "
        "and state.accepted_at = accepted.accepted_at where state.key is null)"
    )
    is_closed = (
        "(object, key, rejected_at) in (select rejected.object, rejected.key, "
        f"rejected.rejected_at from {rejects} as rejected inner join ("
        "select object, key, max(last_at) as last_at from ("
        f"select object, key, rejected_at as last_at from {rejects} union all "
        f"select object, key, accepted_at as last_at from {rows}) as results "
        "group by 1, 2) as latest on latest.object = rejected.object "
        "and latest.key = rejected.key where latest.last_at > rejected.rejected_at)"
    )
    accepted_on = "cast(accepted_at as date)"
    rejected_on = "cast(rejected_at as date)"
    size = f"length({connection.json_text('payload')})"
    found = connection.fetch_all(
        f"{SENDER} count payloads\nselect object, day, sum(number), sum(size) from ("
        f"select object, {accepted_on} as day, 1 as number, {size} as size "
        f"from {rows} where {accepted_on} < ? and {is_replaced} union all "
        f"select object, {rejected_on} as day, 1 as number, length(message) as size "
        f"from {rejects} where {rejected_on} < ? and {is_closed}) as old group by 1, 2",
        [first, first],
    )
    for name, days in _by_name(found):
        # Rejects first: whether one is open depends on the accepted rows.
        yield Removal(
            PAYLOADS,
            name,
            days,
            (
                Statement(
                    "ops",
                    "salesforce_rejects",
                    rejected_on,
                    f"object = ? and {is_closed}",
                    (name,),
                ),
                Statement(
                    "ops",
                    "salesforce_rows",
                    accepted_on,
                    f"object = ? and {is_replaced}",
                    (name,),
                ),
            ),
        )


def _archive(url: str, first: date) -> Iterator[Removal]:
    days: dict[str, dict[date, tuple[int, int]]] = {}
    urls: dict[str, dict[date, list[str]]] = {}
    for item in s3.list_objects(f"{url}/"):
        match = ARCHIVED.match(item.url.removeprefix(f"{url}/"))
        if not match:
            continue
        name, day = match[1], date.fromisoformat(match[2])
        if day < first:
            files, size = days.setdefault(name, {}).get(day, (0, 0))
            days[name][day] = files + 1, size + item.size
            urls.setdefault(name, {}).setdefault(day, []).append(item.url)
    for name, found in sorted(days.items()):
        yield Removal(ARCHIVE, name, found, urls=urls[name])


def _by_name(
    found: Iterable[tuple[str, date, int, int]],
) -> Iterator[tuple[str, dict[date, tuple[int, int]]]]:
    days: dict[str, dict[date, tuple[int, int]]] = {}
    for name, day, rows, size in found:
        days.setdefault(name, {})[day] = int(rows), int(size or 0)
    yield from sorted(days.items())


def _delete(connection: Connection, statement: Statement, days: list[date]) -> None:
    connection.execute(
        f"{SENDER} delete {statement.table}\n"
        f"delete from {connection.table(statement.schema, statement.table)} "
        f"where {statement.day} between ? and ? and {statement.condition}",
        [days[0], days[-1], *statement.parameters],
    )


def _record(
    connection: Connection, removal: Removal, days: list[date], run_id: str
) -> None:
    columns = ["kind", "name", "dt", "rows", "bytes", "run_id", "removed_at"]
    removed_at = now()
    connection.insert(
        connection.table("ops", TABLE),
        columns,
        [
            [removal.kind, removal.name, day, *removal.days[day], run_id, removed_at]
            for day in days
        ],
    )
