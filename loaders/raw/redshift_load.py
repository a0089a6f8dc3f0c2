"""COPY of raw partitions' lines into a cluster, and what becomes of each of them.

Each object is copied by a manifest of its own into a temporary table of one text
column, because COPY tells neither which object a row came from nor why a value did not
fit. Lines are judged there by SQL, in the transaction of the load; no byte of a good
object passes through here.
"""

from collections import Counter
from collections.abc import Sequence

from loaders import s3
from loaders.errors import DataError
from loaders.ledger import now
from loaders.ledger.loads import Load, ObjectCount
from loaders.raw import parsed_records, redshift_copy, redshift_records, rules, spool
from loaders.raw.redshift_copy import Refused
from loaders.warehouse import Connection
from loaders.warehouse.declared_tables import Table

BATCH_OBJECTS = 64


def load_objects(
    connection: Connection, table: Table, *, loads: Sequence[Load], run_id: str
) -> dict[str, list[ObjectCount]]:
    """Copy the loads' objects, insert good lines and rejects; count by load and object.

    Raises `DataError` naming an object that cannot be read or that changed meanwhile.
    """
    counts: dict[str, list[ObjectCount]] = {load.load_id: [] for load in loads}
    objects = [(item, load) for load in loads for item in load.partition.objects]
    items = [item for item, _ in objects]
    with redshift_copy.manifests(items, folder=loads[0].load_id) as manifests:
        _create_rejected(connection)
        for start in range(0, len(objects), BATCH_OBJECTS):
            batch = objects[start : start + BATCH_OBJECTS]
            counted = _copy_batch(connection, table, batch=batch, manifests=manifests)
            for (_, load), count in zip(batch, counted, strict=True):
                counts[load.load_id].append(count)
    for load in loads:
        _require_unchanged(load.partition)
    _insert_rejects(connection, source=table.source, run_id=run_id)
    connection.execute("-- loaders.raw.load drop\ndrop table rejected")
    return counts


def _copy_batch(
    connection: Connection,
    table: Table,
    *,
    batch: list[tuple[s3.S3Object, Load]],
    manifests: dict[str, str],
) -> list[ObjectCount]:
    items = [item for item, _ in batch]
    copied = [f"copied_{number}" for number in range(len(batch))]
    refused = {
        number: redshift_copy.copy_object(
            connection, item, number=number, manifest=manifests[item.url]
        )
        for number, item in enumerate(items)
    }
    for statement in redshift_records.parse_statements(table, copied):
        connection.execute(statement)
    with parsed_records.named_objects(connection, batch):
        parsed_records.insert_rows(connection, table)
        _keep_rejects(connection, batch, refused)
    counts = _count(connection, items, refused)
    for name in (*copied, *redshift_records.temporary_tables(table)):
        connection.execute(f"-- loaders.raw.load drop\ndrop table {name}")
    return counts


def _create_rejected(connection: Connection) -> None:
    """Keep rejects aside till the end: who writes a ledger waits for its writers."""
    connection.execute(
        "-- loaders.raw.load rejected\n"
        "create temp table rejected (load_id varchar(64), dt date, "
        "object_key varchar(2048), line_number bigint, reason varchar(1024), "
        "line varchar(65535))"
    )


def _keep_rejects(
    connection: Connection,
    batch: list[tuple[s3.S3Object, Load]],
    refused: dict[int, list[Refused]],
) -> None:
    columns = ["load_id", "dt", "object_key", "line_number", "reason", "line"]
    connection.execute(
        "-- loaders.raw.load rejected lines\n"
        f"insert into rejected ({', '.join(columns)}) "
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
            line.line_number,
            line.reason,
            line.line,
        )
        for number, (item, load) in enumerate(batch)
        for line in refused[number]
    ]
    connection.insert("rejected", columns, rows)


def _insert_rejects(connection: Connection, *, source: str, run_id: str) -> None:
    connection.execute(
        f"-- loaders.raw.load rejects {source}\n"
        f"insert into {connection.table('ops', 'load_rejects')} "
        "(source, dt, object_key, line_number, reason, line, load_id, run_id,"
        " rejected_at) "
        "select ?, dt, object_key, line_number, reason, line, load_id, ?, "
        "cast(? as timestamp) from rejected",
        [source, run_id, now()],
    )


def _count(
    connection: Connection,
    items: list[s3.S3Object],
    refused: dict[int, list[Refused]],
) -> list[ObjectCount]:
    found = {
        number: (int(rows), int(rejects))
        for number, rows, rejects in connection.fetch_all(
            "-- loaders.raw.load count\nselect object_number, "
            "sum(case when reason is null then 1 else 0 end), "
            "sum(case when reason != '' then 1 else 0 end) from parsed group by 1"
        )
    }
    counts = []
    for number, item in enumerate(items):
        rows, judged = found.get(number, (0, 0))
        lines = rows + judged + len(refused[number])
        reasons = Counter(line.reason for line in refused[number])
        if reasons[rules.INVALID_UTF8] * 2 > lines:
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
