"""Load raw partitions into Redshift: COPY, parse, insert, count.

Each object is copied by its own manifest into its own temporary table of one text
column: COPY reports neither the object of a row nor the reason why a value cannot be
converted. SQL parses and validates the lines in the transaction of the load. Only
lines that COPY rejects are read by this process.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from loaders import s3
from loaders.errors import DataError
from loaders.ledger import now
from loaders.ledger.loads import Load, ObjectCount
from loaders.raw import parsed_records, redshift_copy, redshift_records, rules
from loaders.raw.redshift_copy import CopyReject
from loaders.warehouse import Connection
from loaders.warehouse.declared_tables import Table

BATCH_OBJECTS = 64


def load_objects(
    connection: Connection, table: Table, *, loads: Sequence[Load], run_id: str
) -> dict[str, list[ObjectCount]]:
    """Insert the rows and rejects of all loads; return counts per object by load id.

    Copies `BATCH_OBJECTS` objects at a time. Raises `DataError` naming an object that
    cannot be read, or a partition that changed during the load.
    """
    counts: dict[str, list[ObjectCount]] = {load.load_id: [] for load in loads}
    objects = [(item, load) for load in loads for item in load.partition.objects]
    items = [item for item, _ in objects]
    with redshift_copy.manifests(items, folder=loads[0].load_id) as manifests:
        _create_rejects_table(connection)
        for start in range(0, len(objects), BATCH_OBJECTS):
            batch = objects[start : start + BATCH_OBJECTS]
            batch_counts = _load_batch(
                connection, table, batch=batch, manifests=manifests
            )
            for (_, load), count in zip(batch, batch_counts, strict=True):
                counts[load.load_id].append(count)
    for load in loads:
        _require_unchanged(load.partition)
    _insert_rejects(connection, source=table.source, run_id=run_id)
    connection.execute("-- loaders.raw.redshift_load drop rejects\ndrop table rejects")
    return counts


def _load_batch(
    connection: Connection,
    table: Table,
    *,
    batch: Sequence[tuple[s3.S3Object, Load]],
    manifests: Mapping[str, str],
) -> list[ObjectCount]:
    copied_tables = [f"copied_{number}" for number in range(len(batch))]
    copy_rejects = [
        redshift_copy.copy_object(
            connection, item, number=number, manifest=manifests[item.url]
        )
        for number, (item, _) in enumerate(batch)
    ]
    for statement in redshift_records.parse_statements(table, copied_tables):
        connection.execute(statement)
    with parsed_records.objects_table(connection, batch):
        parsed_records.insert_rows(connection, table)
        _collect_rejects(connection, batch, copy_rejects)
    counts = _count_records(connection, [item for item, _ in batch], copy_rejects)
    for name in (*copied_tables, *redshift_records.temporary_tables(table)):
        connection.execute(
            f"-- loaders.raw.redshift_load drop {name}\ndrop table {name}"
        )
    return counts


def _create_rejects_table(connection: Connection) -> None:
    """Create the temporary table that collects rejects until the end of the load.

    Concurrent loads block each other once they write to `ops.load_rejects`, so the load
    writes to it last.
    """
    connection.execute(
        "-- loaders.raw.redshift_load create rejects\n"
        "create temp table rejects (load_id varchar(64), dt date, "
        "object_key varchar(2048), line_number bigint, reason varchar(1024), "
        "line varchar(65535))"
    )


def _collect_rejects(
    connection: Connection,
    batch: Sequence[tuple[s3.S3Object, Load]],
    copy_rejects: Sequence[Sequence[CopyReject]],
) -> None:
    columns = ["load_id", "dt", "object_key", "line_number", "reason", "line"]
    connection.execute(
        "-- loaders.raw.redshift_load collect rejects\n"
        f"insert into rejects ({', '.join(columns)}) "
        "select objects.load_id, objects.dt, objects.object_key, "
        "cast(null as bigint), parsed.reason, parsed.line "
        "from parsed "
        "inner join objects on parsed.object_number = objects.object_number "
        "where parsed.reason != ''"
    )
    rows = [
        (
            load.load_id,
            load.partition.dt,
            item.key,
            reject.line_number,
            reject.reason,
            reject.line,
        )
        for (item, load), rejects in zip(batch, copy_rejects, strict=True)
        for reject in rejects
    ]
    connection.insert("rejects", columns, rows)


def _insert_rejects(connection: Connection, *, source: str, run_id: str) -> None:
    connection.execute(
        f"-- loaders.raw.redshift_load insert rejects {source}\n"
        f"insert into {connection.table('ops', 'load_rejects')} "
        "(source, dt, object_key, line_number, reason, line, load_id, run_id,"
        " rejected_at) "
        "select ?, dt, object_key, line_number, reason, line, load_id, ?, "
        "cast(? as timestamp) from rejects",
        [source, run_id, now()],
    )


def _count_records(
    connection: Connection,
    items: Sequence[s3.S3Object],
    copy_rejects: Sequence[Sequence[CopyReject]],
) -> list[ObjectCount]:
    """Count records per object; `DataError` if most lines are not valid UTF-8."""
    counts_by_number = {
        number: (int(rows), int(rejects))
        for number, rows, rejects in connection.fetch_all(
            "-- loaders.raw.redshift_load count records\nselect object_number, "
            "sum(case when reason is null then 1 else 0 end), "
            "sum(case when reason != '' then 1 else 0 end) from parsed group by 1"
        )
    }
    counts = []
    for number, item in enumerate(items):
        rows, rejects = counts_by_number.get(number, (0, 0))
        lines = rows + rejects + len(copy_rejects[number])
        reasons = Counter(reject.reason for reject in copy_rejects[number])
        if reasons[rules.INVALID_UTF8] * 2 > lines:
            raise DataError(
                rules.unreadable_message(item.url, rules.MOSTLY_INVALID_UTF8)
            )
        counts.append(
            ObjectCount(item=item, lines=lines, rows=rows, rejects=lines - rows)
        )
    return counts


def _require_unchanged(partition: s3.Partition) -> None:
    """Raise `DataError` if the partition has changed: COPY does not compare ETags."""
    if s3.relist(partition).fingerprint != partition.fingerprint:
        raise DataError(
            f"{partition.url} changed while it was being loaded. "
            f"Run again to load the new content."
        )
