"""COPY of a partition's lines into a cluster, and what becomes of each of them.

Each object is copied by a manifest of its own into a temporary table of one text
column, because COPY tells neither which object a row came from nor why a value did not
fit. Lines are judged there by SQL, in the transaction of the load; no byte of a good
object passes through here.
"""

from collections import Counter
from collections.abc import Iterator

from loaders import cluster_lines, cluster_storage, s3, spool
from loaders.cluster_storage import Refused
from loaders.errors import DataError
from loaders.ledger import now
from loaders.load_ledger import ObjectCount
from loaders.raw_tables import Table
from loaders.warehouse import Connection, identifier

BATCH_OBJECTS = 16


def copy_lines(
    connection: Connection,
    table: Table,
    *,
    partition: s3.Partition,
    load_id: str,
    run_id: str,
) -> list[ObjectCount]:
    """Copy all objects, insert the good lines and the rejects; count by object.

    Raises `DataError` naming an object that cannot be read or that changed meanwhile.
    """
    manifests = cluster_storage.write_manifests(partition, load_id)
    try:
        _create_rejected(connection)
        counts: list[ObjectCount] = []
        for batch in _batches(partition.objects):
            counts += _copy_batch(
                connection, table, batch=batch, partition=partition, manifests=manifests
            )
    finally:
        s3.delete(manifests.values())
    _require_unchanged(partition)
    _insert_rejects(connection, partition, load_id=load_id, run_id=run_id)
    connection.execute("-- loaders.copy drop\ndrop table rejected")
    return counts


def _batches(objects: tuple[s3.S3Object, ...]) -> Iterator[list[s3.S3Object]]:
    for start in range(0, len(objects), BATCH_OBJECTS):
        yield list(objects[start : start + BATCH_OBJECTS])


def _copy_batch(
    connection: Connection,
    table: Table,
    *,
    batch: list[s3.S3Object],
    partition: s3.Partition,
    manifests: dict[str, str],
) -> list[ObjectCount]:
    copied = [f"copied_{number}" for number in range(len(batch))]
    refused = {}
    for number, item in enumerate(batch):
        refused[number] = cluster_storage.copy_object(
            connection, item, number=number, manifest=manifests[item.url]
        )
    for statement in cluster_lines.parse_statements(table, copied):
        connection.execute(statement)
    connection.execute(
        "-- loaders.copy objects\n"
        "create temp table objects (object_number integer, object_key varchar(2048))"
    )
    connection.insert(
        "objects",
        ["object_number", "object_key"],
        [(number, item.key) for number, item in enumerate(batch)],
    )
    _insert_rows(connection, table, partition)
    _keep_rejects(connection, batch, refused)
    counts = _count(connection, batch, refused)
    for name in (*copied, *cluster_lines.temporary_tables(table), "objects"):
        connection.execute(f"-- loaders.copy drop\ndrop table {name}")
    return counts


def _insert_rows(connection: Connection, table: Table, partition: s3.Partition) -> None:
    bookkeeping = {
        "dt": "cast(? as date)",
        "object_key": "objects.object_key",
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
        "inner join objects on parsed.object_number = objects.object_number "
        "where parsed.reason is null",
        [given[name] for name in columns if name in given],
    )


def _create_rejected(connection: Connection) -> None:
    """Keep rejects aside till the end: who writes a ledger waits for its writers."""
    connection.execute(
        "-- loaders.copy rejected\n"
        "create temp table rejected (object_key varchar(2048), line_number bigint, "
        "reason varchar(1024), line varchar(65535))"
    )


def _keep_rejects(
    connection: Connection,
    batch: list[s3.S3Object],
    refused: dict[int, list[Refused]],
) -> None:
    connection.execute(
        "-- loaders.copy rejected lines\n"
        "insert into rejected (object_key, line_number, reason, line) "
        "select objects.object_key, cast(null as bigint), parsed.reason, parsed.line "
        "from parsed "
        "inner join objects on parsed.object_number = objects.object_number "
        "where parsed.reason != ''"
    )
    rows = [
        (batch[number].key, line.line_number, line.reason, line.line)
        for number, lines in refused.items()
        for line in lines
    ]
    connection.insert("rejected", ["object_key", "line_number", "reason", "line"], rows)


def _insert_rejects(
    connection: Connection, partition: s3.Partition, *, load_id: str, run_id: str
) -> None:
    connection.execute(
        f"-- loaders.copy rejects {partition.source} {partition.dt}\n"
        f"insert into {connection.table('ops', 'load_rejects')} "
        "(source, dt, object_key, line_number, reason, line, load_id, run_id,"
        " rejected_at) "
        "select ?, cast(? as date), object_key, line_number, reason, line, ?, ?, "
        "cast(? as timestamp) from rejected",
        [partition.source, partition.dt, load_id, run_id, now()],
    )


def _count(
    connection: Connection,
    batch: list[s3.S3Object],
    refused: dict[int, list[Refused]],
) -> list[ObjectCount]:
    found = {
        number: (int(rows), int(rejects))
        for number, rows, rejects in connection.fetch_all(
            "-- loaders.copy count\nselect object_number, "
            "sum(case when reason is null then 1 else 0 end), "
            "sum(case when reason != '' then 1 else 0 end) from parsed group by 1"
        )
    }
    counts = []
    for number, item in enumerate(batch):
        rows, judged = found.get(number, (0, 0))
        lines = rows + judged + len(refused[number])
        reasons = Counter(line.reason for line in refused[number])
        if reasons[cluster_lines.NOT_TEXT] * 2 > lines:
            raise DataError(spool.unreadable(item, "is not text"))
        counts.append(
            ObjectCount(item=item, lines=lines, rows=rows, rejects=lines - rows)
        )
    return counts


def _require_unchanged(partition: s3.Partition) -> None:
    """Hold what was copied against what was listed: COPY looks at no ETag."""
    if s3.relist(partition).fingerprint != partition.fingerprint:
        raise DataError(
            f"{partition.url} changed while it was being loaded. "
            f"Run again: the new content is loaded then."
        )
