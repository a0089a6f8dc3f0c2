"""One partition of raw objects into its staging table, exactly once.

From S3 into `staging.raw_*`, in one transaction with its rejects and its ledger rows:
a reader sees the old partition or the new one. A line that cannot become a row goes to
`ops.load_rejects`; lines read = rows loaded + lines rejected, for every object.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import duckdb
import structlog

from loaders import cluster_copy, embedded_lines, load_ledger, s3, spool
from loaders.errors import DataError
from loaders.ledger import now
from loaders.load_ledger import LoadResult, ObjectCount
from loaders.raw_tables import Table
from loaders.warehouse import Connection, identifier

SPOOL_MEMORY = "600MB"

log = structlog.get_logger()


def replace_partition(
    connection: Connection,
    table: Table,
    *,
    partition: s3.Partition,
    max_reject_ratio: float,
    run_id: str,
) -> LoadResult:
    """Load a complete partition in place of what the table holds of its day.

    `connection` is an open transaction; nothing is kept unless it commits. Raises
    `DataError` when the partition is incomplete, an object cannot be read, or more
    than `max_reject_ratio` of its lines are rejected.
    """
    partition.require_complete()
    copiers: dict[str, Callable[..., list[ObjectCount]]] = {
        "duckdb": _copy_spooled,
        "redshift": cluster_copy.copy_lines,
    }
    started_at, load_id = now(), uuid4().hex
    target = connection.table(table.schema, table.name)
    connection.execute(
        f"-- loaders.copy {table.name} {partition.dt}\n"
        f"delete from {target} where dt = ?",
        [partition.dt],
    )
    counts = copiers[connection.engine](
        connection, table, partition=partition, load_id=load_id, run_id=run_id
    )
    result = LoadResult(
        source=partition.source,
        dt=partition.dt.isoformat(),
        fingerprint=partition.fingerprint,
        objects=tuple(counts),
    )
    load_ledger.refuse_too_many_rejects(
        connection, result, ratio=max_reject_ratio, load_id=load_id
    )
    load_ledger.record(
        connection, result, load_id=load_id, run_id=run_id, started_at=started_at
    )
    log.info(
        "partition loaded",
        source=result.source,
        dt=result.dt,
        objects=len(result.objects),
        lines=result.lines,
        rows=result.rows,
        rejects=result.rejects,
    )
    return result


def _copy_spooled(
    connection: Connection,
    table: Table,
    *,
    partition: s3.Partition,
    load_id: str,
    run_id: str,
) -> list[ObjectCount]:
    connection.execute(f"set memory_limit = '{SPOOL_MEMORY}'")
    counts: list[ObjectCount] = []
    with tempfile.TemporaryDirectory(prefix="nightshift-spool-") as folder:
        for batch in spool.batches(partition.objects, Path(folder)):
            names = {str(spooled.path): spooled.item for spooled in batch}
            _parse(connection, table, batch)
            connection.execute(
                "create or replace temp table spooled (object_path varchar, "
                "object_key varchar)"
            )
            connection.insert(
                "spooled",
                ["object_path", "object_key"],
                [(path, item.key) for path, item in names.items()],
            )
            _insert_rows(connection, table, partition)
            _insert_rejects(connection, partition, load_id=load_id, run_id=run_id)
            counts += _count(connection, batch)
    return counts


def _parse(
    connection: Connection, table: Table, batch: list[spool.SpooledObject]
) -> None:
    statement = embedded_lines.parse_statement(table, [item.path for item in batch])
    try:
        connection.execute(statement)
    except duckdb.Error as error:
        urls = {str(spooled.path): spooled.item.url for spooled in batch}
        named = [url for path, url in urls.items() if path in str(error)]
        raise DataError(
            f"{' or '.join(named or urls.values())} cannot be read: "
            f"{str(error).splitlines()[0]} Have it delivered again; nothing of its "
            f"partition was loaded and earlier content is as it was."
        ) from error


def _insert_rows(connection: Connection, table: Table, partition: s3.Partition) -> None:
    bookkeeping = {
        "dt": "cast(? as date)",
        "object_key": "spooled.object_key",
        "loaded_at": "cast(? as timestamp)",
    }
    columns = [
        column.name
        for column in table.columns
        if not column.is_bookkeeping or column.name in bookkeeping
    ]
    values = [bookkeeping.get(name, f"parsed.{identifier(name)}") for name in columns]
    given = {"dt": partition.dt, "loaded_at": now()}
    connection.execute(
        f"-- loaders.copy insert {table.name} {partition.dt}\n"
        f"insert into {connection.table(table.schema, table.name)} "
        f"({', '.join(identifier(name) for name in columns)}) "
        f"select {', '.join(values)} from parsed "
        "inner join spooled on parsed.object_path = spooled.object_path "
        "where parsed.reason is null",
        [given[name] for name in columns if name in given],
    )


def _insert_rejects(
    connection: Connection, partition: s3.Partition, *, load_id: str, run_id: str
) -> None:
    connection.execute(
        f"-- loaders.copy rejects {partition.source} {partition.dt}\n"
        f"insert into {connection.table('ops', 'load_rejects')} "
        "(source, dt, object_key, line_number, reason, line, load_id, run_id,"
        " rejected_at) "
        "with firsts as (select object_path, min(rowid) as first_rowid "
        "from parsed group by 1) "
        "select ?, cast(? as date), spooled.object_key, "
        "parsed.rowid - firsts.first_rowid + 1, parsed.reason, parsed.line, ?, ?, "
        "cast(? as timestamp) "
        "from parsed "
        "inner join firsts on parsed.object_path = firsts.object_path "
        "inner join spooled on parsed.object_path = spooled.object_path "
        "where parsed.reason != ''",
        [partition.source, partition.dt, load_id, run_id, now()],
    )


def _count(
    connection: Connection, batch: list[spool.SpooledObject]
) -> list[ObjectCount]:
    """Count per object, and hold the engine's lines against the spool's own count."""
    found = {
        path: (physical, blank, rejects)
        for path, physical, blank, rejects in connection.fetch_all(
            "-- loaders.copy count\n"
            "select object_path, count(*), count(*) filter (where reason = ''), "
            "count(*) filter (where reason != '') from parsed group by 1"
        )
    }
    counts = []
    for spooled in batch:
        physical, blank, rejects = found.get(str(spooled.path), (0, 0, 0))
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
