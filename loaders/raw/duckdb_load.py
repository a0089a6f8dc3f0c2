"""Loading raw partitions into DuckDB: spool, parse, insert, count."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from loaders.errors import DataError
from loaders.ledger import now
from loaders.ledger.loads import Load, ObjectCount
from loaders.raw import duckdb_records, parsed_records, spool
from loaders.warehouse import Connection, duckdb
from loaders.warehouse.declared_tables import Table


def load_objects(
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
            with parsed_records.named_objects(connection, named):
                parsed_records.insert_rows(connection, table)
                _insert_rejects(connection, source=table.source, run_id=run_id)
            for count in _count(connection, batch):
                counts[load_of[count.item.url].load_id].append(count)
    return counts


def _parse(
    connection: Connection, table: Table, batch: list[spool.SpooledObject]
) -> None:
    statement = duckdb_records.parse_statement(table, [item.path for item in batch])
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


def _insert_rejects(connection: Connection, *, source: str, run_id: str) -> None:
    connection.execute(
        f"-- loaders.raw.load rejects {source}\n"
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
            "-- loaders.raw.load count\n"
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
