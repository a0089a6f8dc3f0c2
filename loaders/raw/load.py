"""Load partitions of raw objects from S3 into their staging table.

Rows, rejects and ledger rows are written in one transaction, so a reader sees either
the old partitions or the new ones. A record that fails validation goes to
`ops.load_rejects`. For every object, lines read = rows loaded + records rejected.
Lines of erased subjects are left out again and counted as erased.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import structlog

from loaders import s3
from loaders.ledger import loads as load_ledger
from loaders.ledger import now
from loaders.ledger.loads import Load, LoadCounts, LoadResult
from loaders.raw import duckdb_load, erased_lines
from loaders.raw.redshift import load as redshift_load
from loaders.raw.unknown_keys import UnknownKeys
from loaders.warehouse import Connection, create_tables
from loaders.warehouse.declared_tables import Table

LOAD_SETTINGS = {"memory_limit": "'600MB'"}  # DuckDB settings during a load

log = structlog.get_logger()


def replace_partitions(
    connection: Connection,
    table: Table,
    *,
    partitions: Iterable[s3.Partition],
    max_reject_ratio: float,
    run_id: str,
    unknown_keys: UnknownKeys | None = None,
) -> list[LoadResult]:
    """Replace the table's rows of the partitions' dates with their current content.

    Adds the keys for which the table has no column to `unknown_keys`.

    `connection` is an open transaction in which nothing has been changed yet; the
    caller commits it. Raises `ConfigError` when a column has another type than its
    declaration, and `DataError` when a partition is incomplete, contains an object that
    cannot be read, or has more than `max_reject_ratio` of its records rejected.
    """
    load_functions: dict[str, Callable[..., dict[str, LoadCounts]]] = {
        "duckdb": duckdb_load.load_objects,
        "redshift": partial(
            redshift_load.load_objects, max_reject_ratio=max_reject_ratio
        ),
    }
    create_tables.require_declared_types(connection, table)
    started_at = now()
    loads = [Load(partition) for partition in partitions]
    for load in loads:
        load.partition.require_complete()

    def delete_rows() -> None:
        connection.execute(
            f"-- loaders.raw.load delete {table.name}\n"
            f"delete from {connection.table(table.schema, table.name)} "
            f"where dt in ({', '.join('?' for _ in loads)})",
            [load.partition.dt for load in loads],
        )

    load_objects = load_functions[connection.engine]
    counts = load_objects(
        connection,
        table,
        loads=loads,
        run_id=run_id,
        delete_rows=delete_rows,
        unknown_keys=UnknownKeys() if unknown_keys is None else unknown_keys,
    )
    results = [
        LoadResult(
            load_id=load.load_id,
            source=load.partition.source,
            dt=load.partition.dt.isoformat(),
            fingerprint=load.partition.fingerprint,
            bytes=load.partition.size,
            counts=counts[load.load_id],
        )
        for load in loads
    ]
    for result in results:
        load_ledger.check_reject_ratio(connection, result, ratio=max_reject_ratio)
    counts = erased_lines.drop(connection, table, loads, counts)
    results = [replace(result, counts=counts[result.load_id]) for result in results]
    load_ledger.record(connection, results, run_id=run_id, started_at=started_at)
    for result in results:
        log.info("partition loaded", **result.log_fields)
    return results
