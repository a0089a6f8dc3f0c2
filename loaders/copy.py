"""Partitions of raw objects into their staging table, exactly once.

From S3 into `staging.raw_*`, in one transaction with rejects and ledger rows: a reader
sees the old partitions or the new ones. A line that cannot become a row goes to
`ops.load_rejects`; lines read = rows loaded + lines rejected, for every object.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import structlog

from loaders import (
    cluster_copy,
    embedded,
    embedded_lines,
    load_ledger,
    parsed_lines,
    s3,
    spool,
)
from loaders.errors import DataError
from loaders.ledger import now
from loaders.load_ledger import Load, LoadResult, ObjectCount
from loaders.raw_tables import Table
from loaders.warehouse import Connection

LIMITS = {"memory_limit": "'600MB'"}  # what a load may take of the memory

log = structlog.get_logger()


def replace_partitions(
    connection: Connection,
    table: Table,
    *,
    partitions: Iterable[s3.Partition],
    max_reject_ratio: float,
    run_id: str,
) -> list[LoadResult]:
    """Load complete partitions in place of what the table holds of their days.

    `connection` is an open transaction; nothing is kept unless it commits. Raises
    `DataError` when one of the partitions is incomplete, has an object that cannot be
    read, or more than `max_reject_ratio` of its lines are rejected.
    """
    copiers: dict[str, Callable[..., dict[str, list[ObjectCount]]]] = {
        "duckdb": _copy_spooled,
        "redshift": cluster_copy.copy_lines,
    }
    started_at = now()
    loads = [Load(partition) for partition in partitions]
    for load in loads:
        load.partition.require_complete()
    connection.execute(
        f"-- loaders.copy {table.name}\n"
        f"delete from {connection.table(table.schema, table.name)} "
        f"where dt in ({', '.join('?' for _ in loads)})",
        [load.partition.dt for load in loads],
    )
    counts = copiers[connection.engine](connection, table, loads=loads, run_id=run_id)
    results = [
        LoadResult(
            load_id=load.load_id,
            source=load.partition.source,
            dt=load.partition.dt.isoformat(),
            fingerprint=load.partition.fingerprint,
            objects=tuple(counts[load.load_id]),
        )
        for load in loads
    ]
    for result in results:
        load_ledger.refuse_too_many_rejects(connection, result, ratio=max_reject_ratio)
    load_ledger.record(connection, results, run_id=run_id, started_at=started_at)
    for result in results:
        log.info("partition loaded", **result.summary)
    return results


def _copy_spooled(
    connection: Connection, table: Table, *, loads: Sequence[Load], run_id: str
) -> dict[str, list[ObjectCount]]:
    """Take the objects of all loads in as few statements as fit in memory."""
    counts: dict[str, list[ObjectCount]] = {load.load_id: [] for load in loads}
    objects = tuple(item for load in loads for item in load.partition.objects)
    load_of = {item.url: load for load in loads for item in load.partition.objects}
    with tempfile.TemporaryDirectory(prefix="nightshift-spool-") as folder:
        for batch in spool.batches(objects, Path(folder)):
            _parse(connection, table, batch)
            named = [(spooled.item, load_of[spooled.item.url]) for spooled in batch]
            with parsed_lines.named_objects(connection, named):
                parsed_lines.insert_rows(connection, table)
                _insert_rejects(connection, source=table.source, run_id=run_id)
            for count in _count(connection, batch):
                counts[load_of[count.item.url].load_id].append(count)
    return counts


def _parse(
    connection: Connection, table: Table, batch: list[spool.SpooledObject]
) -> None:
    statement = embedded_lines.parse_statement(table, [item.path for item in batch])
    try:
        connection.execute(statement)
    except embedded.Error as error:
        urls = {str(spooled.path): spooled.item.url for spooled in batch}
        named = [url for path, url in urls.items() if path in str(error)]
        raise DataError(
            f"{' or '.join(named or urls.values())} cannot be read: "
            f"{str(error).splitlines()[0]} Have it delivered again; nothing of its "
            f"partition was loaded and earlier content is as it was."
        ) from error


def _insert_rejects(connection: Connection, *, source: str, run_id: str) -> None:
    connection.execute(
        f"-- loaders.copy rejects {source}\n"
        f"insert into {connection.table('ops', 'load_rejects')} "
        "(source, dt, object_key, line_number, reason, line, load_id, run_id,"
        " rejected_at) "
        "with firsts as (select object_number, min(rowid) as first_rowid "
        "from parsed group by 1) "
        "select ?, objects.dt, objects.object_key, "
        "parsed.rowid - firsts.first_rowid + 1, parsed.reason, parsed.line, "
        "objects.load_id, ?, cast(? as timestamp) "
        "from parsed "
        "inner join firsts on parsed.object_number = firsts.object_number "
        "inner join objects on parsed.object_number = objects.object_number "
        "where parsed.reason != ''",
        [source, run_id, now()],
    )


def _count(
    connection: Connection, batch: list[spool.SpooledObject]
) -> list[ObjectCount]:
    """Count per object, and hold the engine's lines against the spool's own count."""
    found = {
        number: (physical, blank, rejects)
        for number, physical, blank, rejects in connection.fetch_all(
            "-- loaders.copy count\n"
            "select object_number, count(*), count(*) filter (where reason = ''), "
            "count(*) filter (where reason != '') from parsed group by 1"
        )
    }
    counts = []
    for number, spooled in enumerate(batch):
        physical, blank, rejects = found.get(number, (0, 0, 0))
        if physical != spooled.lines:
            raise DataError(
                f"{spooled.item.url} has {spooled.lines} lines, but the warehouse "
                f"read {physical}. Nothing was loaded; report this object."
            )
        counts.append(
            ObjectCount(
                item=spooled.item,
                lines=physical - blank,
                rows=physical - blank - rejects,
                rejects=rejects,
            )
        )
    return counts
