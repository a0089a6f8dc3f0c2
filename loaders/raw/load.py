"""Partitions of raw objects into their staging table, exactly once.

From S3 into `staging.raw_*`, in one transaction with rejects and ledger rows: a reader
sees the old partitions or the new ones. A line that cannot become a row goes to
`ops.load_rejects`; lines read = rows loaded + lines rejected, for every object.
"""

from collections.abc import Callable, Iterable

import structlog

from loaders import s3
from loaders.ledger import loads as load_ledger
from loaders.ledger import now
from loaders.ledger.loads import Load, LoadResult, ObjectCount
from loaders.raw import duckdb_load, redshift_load
from loaders.warehouse import Connection
from loaders.warehouse.declared_tables import Table

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
        "duckdb": duckdb_load.load_objects,
        "redshift": redshift_load.load_objects,
    }
    started_at = now()
    loads = [Load(partition) for partition in partitions]
    for load in loads:
        load.partition.require_complete()
    connection.execute(
        f"-- loaders.raw.load {table.name}\n"
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
