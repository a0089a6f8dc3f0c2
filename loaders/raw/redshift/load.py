"""Load raw partitions into Redshift with a fixed number of statements.

COPY reads all objects of a partition into temporary tables of one text column, and SQL
parses the ordinary lines of all partitions together. The other lines are fetched and
parsed by `records`. A row does not keep its object: rejects are found in the objects
afterwards, and the lines of each object are counted by COPY.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

from loaders.ledger import now
from loaders.ledger.loads import Load, LoadCounts
from loaders.raw.records import Record, RecordParser
from loaders.raw.redshift import (
    copy_objects,
    object_counts,
    parse_sql,
    refused_lines,
    rejects,
    views,
)
from loaders.raw.redshift.copy_objects import Copy, CopyFailedError, Source
from loaders.raw.redshift.refused_lines import RefusedLine
from loaders.raw.redshift.rejects import PartitionResult
from loaders.raw.unknown_keys import MAX_COUNTED, MAX_KEY, UnknownKeys
from loaders.warehouse import Connection, bulk_rows, identifier
from loaders.warehouse.declared_tables import Table


def load_objects(
    connection: Connection,
    table: Table,
    *,
    loads: Sequence[Load],
    run_id: str,
    delete_rows: Callable[[], None],
    max_reject_ratio: float,
    unknown_keys: UnknownKeys,
) -> dict[str, LoadCounts]:
    """Replace the rows of all loads' dates, insert the rejects; return counts by load.

    `delete_rows` deletes the rows of the dates. May roll the open transaction back and
    start it again before that. Raises `DataError` naming an object that
    cannot be read, a partition that changed during the load, or one with more than
    `max_reject_ratio` of its lines rejected.
    """
    parser = RecordParser(table)
    with copy_objects.folder(loads[0].load_id) as folder_url:
        copies, refused, replaced = _copy(connection, loads, parser, folder_url)
        delete_rows()
        if copies:
            tables = [copy.table for copy in copies]
            for statement in parse_sql.parse_statements(table, tables):
                connection.execute(statement)
            _insert_ordinary_rows(connection, table)
            _count_unknown_keys(connection, table, unknown_keys)
        results = _count_lines(
            connection, table, loads, refused, has_lines=bool(copies)
        )
        records = rejects.parse_lines(
            _unparsed_lines(connection, table)
            if _has_unparsed_lines(results, refused)
            else (),
            refused,
            results,
            parser=parser,
            max_reject_ratio=max_reject_ratio,
        )
        columns = _columns(table)
        loaded_at = now()
        bulk_rows.insert(
            connection,
            connection.table(table.schema, table.name),
            columns,
            (
                _row(
                    columns,
                    record.values,
                    dt=dt,
                    extra=record.extra,
                    loaded_at=loaded_at,
                )
                for dt, record in _counted(records, unknown_keys)
            ),
        )
        for result in results.values():
            rejects.locate(result)
        _insert_rejects(connection, list(results.values()), run_id=run_id)
        objects = object_counts.read_objects(connection, copies, replaced)
        for load in loads:
            object_counts.require_unchanged(load.partition, objects)
        _drop(connection, copies)
    return {
        result.load.load_id: object_counts.load_counts(result, objects)
        for result in results.values()
    }


def _copy(
    connection: Connection, loads: Sequence[Load], parser: RecordParser, folder_url: str
) -> tuple[list[Copy], dict[str, list[RefusedLine]], dict[str, Source]]:
    """Copy all partitions; return also the lines that are not in COPY's tables.

    An object with a row that is too long for COPY is replaced by a copy, and the
    transaction starts again, because the failed COPY has ended it.
    """
    replaced: dict[str, Source] = {}
    left_out: dict[str, list[RefusedLine]] = defaultdict(list)
    while True:
        try:
            copies = [
                copy
                for load in loads
                for copy in copy_objects.copy_partition(
                    connection, load, folder_url=folder_url, replaced=replaced
                )
            ]
        except CopyFailedError as failed:
            sources, lines = refused_lines.recover(
                failed, parser, folder_url=folder_url
            )
            replaced |= sources
            left_out[failed.copy.load.load_id] += lines
            connection.execute("-- loaders.raw.redshift.load roll back\nrollback")
            connection.execute("-- loaders.raw.redshift.load begin\nbegin")
        else:
            break
    views.read_errors(connection, copies)
    for load_id, lines in refused_lines.find(copies, parser).items():
        left_out[load_id] += lines
    return copies, left_out, replaced


def _columns(table: Table) -> list[str]:
    """Return the columns that a load fills."""
    return [
        column.name
        for column in table.columns
        if not column.is_bookkeeping or column.name in ("dt", "loaded_at")
    ]


def _row(
    columns: Sequence[str], values: dict[str, object], **others: object
) -> list[object]:
    return [{**values, **others}[name] for name in columns]


def _insert_ordinary_rows(connection: Connection, table: Table) -> None:
    columns = _columns(table)
    values = [
        "cast(? as timestamp)" if name == "loaded_at" else identifier(name)
        for name in columns
    ]
    connection.execute(
        f"-- loaders.raw.redshift.load insert {table.name}\n"
        f"insert into {connection.table(table.schema, table.name)} "
        f"({', '.join(identifier(name) for name in columns)}) "
        f"select {', '.join(values)} from parsed "
        f"where {parse_sql.is_parsed(table)}",
        [now()] if "loaded_at" in columns else [],
    )


def _count_unknown_keys(
    connection: Connection, table: Table, unknown_keys: UnknownKeys
) -> None:
    """Add the unknown keys of the ordinary rows."""
    if not any(column.name == "extra" for column in table.columns):
        return
    for key, records, json_type, dt in connection.fetch_all(
        f"-- loaders.raw.redshift.load count unknown keys {table.name}\n"
        f"select left(cast(unknown_key as varchar(65535)), {MAX_KEY}), count(*), "
        "coalesce(min(nullif(json_typeof(unknown_value), 'null')), ''), min(dt) "
        "from (select dt, extra from parsed where extra is not null "
        f"and {parse_sql.is_parsed(table)}) as records, "
        "unpivot records.extra as unknown_value at unknown_key "
        f"group by 1 order by 2 desc, 1 limit {MAX_COUNTED}"
    ):
        unknown_keys.add_counted(key, int(records), json_type, dt)


def _counted(
    records: Iterable[tuple[date, Record]], unknown_keys: UnknownKeys
) -> Iterator[tuple[date, Record]]:
    for dt, record in records:
        unknown_keys.add(record.extra, dt)
        yield dt, record


def _count_lines(
    connection: Connection,
    table: Table,
    loads: Sequence[Load],
    refused: dict[str, list[RefusedLine]],
    *,
    has_lines: bool,
) -> dict[date, PartitionResult]:
    """Return the copied lines, blank ones included, and the ordinary rows by date."""
    query = (
        "-- loaders.raw.redshift.load count lines\n"
        "select dt, sum(copied), sum(loaded) from ("
        "select dt, count(*) as copied, 0 as loaded from parsed group by 1 "
        "union all "
        "select dt, 0 as copied, count(*) as loaded "
        f"from {connection.table(table.schema, table.name)} "
        f"where dt in ({', '.join('?' for _ in loads)}) group by 1"
        ") as counts group by 1"
    )
    days = [load.partition.dt for load in loads]
    counts = {
        dt: (int(lines), int(rows))
        for dt, lines, rows in (connection.fetch_all(query, days) if has_lines else ())
    }
    results = {}
    for load in loads:
        copied, rows = counts.get(load.partition.dt, (0, 0))
        results[load.partition.dt] = PartitionResult(
            load, max_lines=copied + len(refused.get(load.load_id, ())), rows=rows
        )
    return results


def _has_unparsed_lines(
    results: dict[date, PartitionResult], refused: dict[str, list[RefusedLine]]
) -> bool:
    return any(
        result.max_lines - result.rows > len(refused.get(result.load.load_id, ()))
        for result in results.values()
    )


def _unparsed_lines(connection: Connection, table: Table) -> Iterator[tuple[date, str]]:
    for batch in connection.stream(
        "-- loaders.raw.redshift.load read unparsed lines\n"
        "select dt, line from parsed "
        f"where not ({parse_sql.is_parsed(table)}) "
        f"and not ({parse_sql.IS_BLANK})"
    ):
        yield from ((dt, line) for dt, line in batch)


def _insert_rejects(
    connection: Connection, results: Sequence[PartitionResult], *, run_id: str
) -> None:
    columns = ["source", "dt", "object_key", "line_number", "reason", "line"]
    columns += ["load_id", "run_id", "rejected_at"]
    rejected_at = now()
    bulk_rows.insert(
        connection,
        connection.table("ops", "load_rejects"),
        columns,
        (
            (
                *(result.load.partition.source, result.load.partition.dt),
                *(reject.item.key if reject.item else None, reject.line_number),
                *(reject.reject.reason, reject.reject.line),
                *(result.load.load_id, run_id, rejected_at),
            )
            for result in results
            for reject in result.rejects
        ),
    )


def _drop(connection: Connection, copies: Sequence[Copy]) -> None:
    if not copies:
        return
    tables = [copy.table for copy in copies]
    names = ", ".join([*tables, *parse_sql.TEMPORARY_TABLES])
    connection.execute(
        f"-- loaders.raw.redshift.load drop temporary tables\ndrop table {names}"
    )
