"""Load raw partitions into DuckDB: download, parse, insert, count."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from loaders.errors import DataError
from loaders.ledger import now
from loaders.ledger.loads import Load, ObjectCount
from loaders.raw import duckdb_records, parsed_records, rules, spool
from loaders.warehouse import Connection, duckdb
from loaders.warehouse.declared_tables import Table


def load_objects(
    connection: Connection, table: Table, *, loads: Sequence[Load], run_id: str
) -> dict[str, list[ObjectCount]]:
    """Insert the rows and rejects of all loads; return counts per object by load id.

    Parses as many objects per statement as fit in memory. Raises `DataError` naming an
    object that cannot be read.
    """
    counts: dict[str, list[ObjectCount]] = {load.load_id: [] for load in loads}
    objects = [item for load in loads for item in load.partition.objects]
    loads_by_url = {item.url: load for load in loads for item in load.partition.objects}
    with tempfile.TemporaryDirectory(prefix="nightshift-spool-") as folder:
        for batch in spool.batches(objects, Path(folder)):
            for count in _load_batch(
                connection, table, batch=batch, loads_by_url=loads_by_url, run_id=run_id
            ):
                counts[loads_by_url[count.item.url].load_id].append(count)
    return counts


def _load_batch(
    connection: Connection,
    table: Table,
    *,
    batch: list[spool.SpooledObject],
    loads_by_url: Mapping[str, Load],
    run_id: str,
) -> list[ObjectCount]:
    _parse(connection, table, batch)
    objects = [(spooled.item, loads_by_url[spooled.item.url]) for spooled in batch]
    with parsed_records.objects_table(connection, objects):
        parsed_records.insert_rows(connection, table)
        _insert_rejects(connection, source=table.source, run_id=run_id)
    return _count_records(connection, batch)


def _parse(
    connection: Connection, table: Table, batch: list[spool.SpooledObject]
) -> None:
    try:
        for statement in duckdb_records.parse_statements(
            table, [spooled.path for spooled in batch]
        ):
            connection.execute(statement)
    except duckdb.Error as error:
        urls = {str(spooled.path): spooled.item.url for spooled in batch}
        named = [url for path, url in urls.items() if path in str(error)]
        cause = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            rules.unreadable_message(" or ".join(named or urls.values()), cause)
        ) from error


def _insert_rejects(connection: Connection, *, source: str, run_id: str) -> None:
    connection.execute(
        f"-- loaders.raw.duckdb_load insert rejects {source}\n"
        f"insert into {connection.table('ops', 'load_rejects')} "
        "(source, dt, object_key, line_number, reason, line, load_id, run_id,"
        " rejected_at) "
        "with first_lines as (select object_number, min(rowid) as first_rowid "
        "from parsed group by 1) "
        "select ?, objects.dt, objects.object_key, "
        "parsed.rowid - first_lines.first_rowid + 1, parsed.reason, parsed.line, "
        "objects.load_id, ?, cast(? as timestamp) "
        "from parsed "
        "inner join first_lines on parsed.object_number = first_lines.object_number "
        "inner join objects on parsed.object_number = objects.object_number "
        "where parsed.reason != ''",
        [source, run_id, now()],
    )


def _count_records(
    connection: Connection, batch: list[spool.SpooledObject]
) -> list[ObjectCount]:
    """Count records per object; `DataError` if DuckDB read another number of lines."""
    counts_by_number = {
        number: (lines, blank, rejects)
        for number, lines, blank, rejects in connection.fetch_all(
            "-- loaders.raw.duckdb_load count records\n"
            "select object_number, count(*), count(*) filter (where reason = ''), "
            "count(*) filter (where reason != '') from parsed group by 1"
        )
    }
    counts = []
    for number, spooled in enumerate(batch):
        lines, blank, rejects = counts_by_number.get(number, (0, 0, 0))
        if lines != spooled.lines:
            raise DataError(
                f"{spooled.item.url} has {spooled.lines} lines, but DuckDB read "
                f"{lines}. No line of its partition was loaded. Report this object "
                f"as a bug."
            )
        counts.append(
            ObjectCount(
                item=spooled.item,
                lines=lines - blank,
                rows=lines - blank - rejects,
                rejects=rejects,
            )
        )
    return counts
