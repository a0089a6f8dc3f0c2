"""Load raw partitions into DuckDB: download, parse, insert, count.

SQL parses the ordinary lines of a batch of objects. The others are parsed by `records`
and read back from a file.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from loaders import s3
from loaders.errors import DataError
from loaders.ledger import now
from loaders.ledger.loads import Load, LoadCounts, ObjectCount
from loaders.raw import duckdb_records, rules, spool
from loaders.raw.duckdb_records import BLANK, UNPARSED
from loaders.raw.lines import MARK, read_marked_line
from loaders.raw.records import Record, RecordParser, Reject
from loaders.raw.strict_json import dumps
from loaders.raw.unknown_keys import UnknownKeys
from loaders.warehouse import Connection, identifier, literal
from loaders.warehouse.declared_tables import Table

FETCHED_LINES = 2_000
# Of the file of unusual records: JSON escapes make a line up to six times as long.
MAX_RECORD_BYTES = 16 * rules.MAX_LINE_BYTES
OBJECT_COLUMNS = {
    "object_number": "integer",
    "object_key": "varchar(2048)",
    "dt": "date",
    "load_id": "varchar(64)",
}


def load_objects(
    connection: Connection,
    table: Table,
    *,
    loads: Sequence[Load],
    run_id: str,
    delete_rows: Callable[[], None],
    unknown_keys: UnknownKeys,
) -> dict[str, LoadCounts]:
    """Replace the rows of all loads' dates, insert the rejects; return counts by load.

    `delete_rows` deletes the rows of the dates. Parses as many objects per statement as
    fit in memory. Raises `DataError` naming an object that cannot be read.
    """
    delete_rows()
    counts: dict[str, list[ObjectCount]] = {load.load_id: [] for load in loads}
    objects = [item for load in loads for item in load.partition.objects]
    loads_by_url = {item.url: load for load in loads for item in load.partition.objects}
    with tempfile.TemporaryDirectory(prefix="nightshift-spool-") as folder:
        for batch in spool.batches(objects, Path(folder)):
            for count in _load_batch(
                connection,
                table,
                batch=batch,
                loads_by_url=loads_by_url,
                run_id=run_id,
                unknown_keys=unknown_keys,
            ):
                counts[loads_by_url[count.item.url].load_id].append(count)
    return {
        load_id: LoadCounts.of_objects(objects) for load_id, objects in counts.items()
    }


def _load_batch(
    connection: Connection,
    table: Table,
    *,
    batch: list[spool.SpooledObject],
    loads_by_url: Mapping[str, Load],
    run_id: str,
    unknown_keys: UnknownKeys,
) -> list[ObjectCount]:
    _parse(connection, table, batch)
    objects = [(spooled.item, loads_by_url[spooled.item.url]) for spooled in batch]
    _parse_unusual_lines(
        connection,
        table,
        batch[0].path.with_suffix(".unusual"),
        days=[load.partition.dt for _, load in objects],
        unknown_keys=unknown_keys,
    )
    with _objects_table(connection, objects):
        _insert_rows(connection, table)
        _insert_rows(connection, table, parsed="unusual")
        _insert_rejects(connection, source=table.source, run_id=run_id)
    return _count_records(connection, batch)


def _parse(
    connection: Connection, table: Table, batch: list[spool.SpooledObject]
) -> None:
    paths = [spooled.path for spooled in batch]
    try:
        connection.execute(duckdb_records.parse_statement(table, paths))
    except DataError as error:
        urls = {str(spooled.path): spooled.item.url for spooled in batch}
        named = [url for path, url in urls.items() if path in str(error)]
        cause = str(error.__cause__ or error).splitlines()[0].rstrip(".")
        raise DataError(
            rules.unreadable_message(" or ".join(named or urls.values()), cause)
        ) from error


def _parse_unusual_lines(
    connection: Connection,
    table: Table,
    path: Path,
    *,
    days: Sequence[date],
    unknown_keys: UnknownKeys,
) -> None:
    """Parse the lines that SQL left over into the temporary table `unusual`.

    It has the columns of `parsed`, and line_number. `path` is a working file. `days`
    has each object's date. Only these lines have unknown keys.
    """
    unparsed = connection.stream(
        "-- loaders.raw.duckdb_load read unparsed lines\n"
        "with first_lines as (select object_number, min(rowid) as first_rowid "
        "from parsed group by 1) "
        "select parsed.object_number, parsed.rowid - first_lines.first_rowid + 1, "
        "parsed.line from parsed inner join first_lines "
        "on parsed.object_number = first_lines.object_number "
        f"where parsed.reason = '{UNPARSED}'",
        size=FETCHED_LINES,
    )
    with path.open("w", encoding="utf-8") as file:
        for lines in unparsed:
            file.writelines(_unusual_records(table, lines, days, unknown_keys))
    types = {"object_number": "integer", "line_number": "bigint"}
    types |= {
        column.name: column.data_type
        for column in table.columns
        if not column.is_bookkeeping
    }
    types |= {"reason": "varchar", "line": "varchar"}
    columns = ", ".join(
        f"{literal(name)}: {literal(kind)}" for name, kind in types.items()
    )
    connection.execute(
        "-- loaders.raw.duckdb_load create unusual\n"
        "create or replace temp table unusual as "
        f"select * from read_json({literal(str(path))}, format = 'newline_delimited', "
        f"columns = {{{columns}}}, maximum_object_size = {MAX_RECORD_BYTES})"
    )
    path.unlink()


def _unusual_records(
    table: Table,
    lines: Sequence[tuple[int, int, str]],
    days: Sequence[date],
    unknown_keys: UnknownKeys,
) -> Iterator[str]:
    parser = RecordParser(table)
    for object_number, line_number, line in lines:
        content = read_marked_line(line) if line.startswith(MARK) else line.encode()
        result = parser.parse(content) if isinstance(content, bytes) else content
        position = {"object_number": object_number, "line_number": line_number}
        values: dict[str, object] = {}
        if isinstance(result, Reject):
            values = {"reason": result.reason, "line": result.line}
        elif result is None:
            values = {"reason": BLANK}
        else:
            values = _written_values(result)
            unknown_keys.add(result.extra, days[object_number])
        yield dumps(position | values) + "\n"


def _written_values(record: Record) -> dict[str, object]:
    """Return the record's values as JSON has them."""
    values = {
        name: value.isoformat(sep=" ") if isinstance(value, datetime) else value
        for name, value in record.values.items()
        if value is not None
    }
    return values if record.extra is None else values | {"extra": record.extra}


@contextmanager
def _objects_table(
    connection: Connection, batch: Sequence[tuple[s3.S3Object, Load]]
) -> Iterator[None]:
    """Provide the temporary table `objects`, numbered by position in `batch`."""
    columns = ", ".join(f"{name} {kind}" for name, kind in OBJECT_COLUMNS.items())
    connection.execute(
        "-- loaders.raw.duckdb_load create objects\n"
        f"create temp table objects ({columns})"
    )
    connection.insert(
        "objects",
        list(OBJECT_COLUMNS),
        [
            (number, item.key, load.partition.dt, load.load_id)
            for number, (item, load) in enumerate(batch)
        ],
    )
    yield
    connection.execute("-- loaders.raw.duckdb_load drop objects\ndrop table objects")


def _insert_rows(
    connection: Connection, table: Table, *, parsed: str = "parsed"
) -> None:
    """Insert the valid records of `parsed` into the source's staging table.

    The temporary table `objects` has the bookkeeping values of each object.
    """
    bookkeeping = {
        "dt": "objects.dt",
        "loaded_at": "cast(? as timestamp)",
    }
    columns = [
        column.name
        for column in table.columns
        if not column.is_bookkeeping or column.name in bookkeeping
    ]
    values = [bookkeeping.get(name, f"{parsed}.{identifier(name)}") for name in columns]
    connection.execute(
        f"-- loaders.raw.duckdb_load insert {table.name}\n"
        f"insert into {connection.table(table.schema, table.name)} "
        f"({', '.join(identifier(name) for name in columns)}) "
        f"select {', '.join(values)} from {parsed} "
        f"inner join objects on {parsed}.object_number = objects.object_number "
        f"where {parsed}.reason is null",
        [now()] if "loaded_at" in columns else [],
    )


def _insert_rejects(connection: Connection, *, source: str, run_id: str) -> None:
    connection.execute(
        f"-- loaders.raw.duckdb_load insert rejects {source}\n"
        f"insert into {connection.table('ops', 'load_rejects')} "
        "(source, dt, object_key, line_number, reason, line, load_id, run_id,"
        " rejected_at) "
        "select ?, objects.dt, objects.object_key, unusual.line_number, "
        "unusual.reason, unusual.line, objects.load_id, ?, cast(? as timestamp) "
        "from unusual "
        "inner join objects on unusual.object_number = objects.object_number "
        f"where unusual.reason != '{BLANK}'",
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
            "select object_number, count(*) filter (where not is_unusual), "
            f"count(*) filter (where reason = '{BLANK}'), "
            f"count(*) filter (where reason not in ('{BLANK}', '{UNPARSED}')) "
            "from (select object_number, reason, false as is_unusual from parsed "
            "union all select object_number, reason, true from unusual) as lines "
            "group by 1"
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
                lines=lines,
                rows=lines - blank - rejects,
                rejects=rejects,
            )
        )
    return counts
