"""Load raw partitions into Redshift with a fixed number of statements.

COPY reads all objects of a partition into temporary tables of one text column, and SQL
parses the ordinary lines of all partitions together. The other lines are fetched and
parsed by `records`. A row does not keep its object: rejects are found in the objects
afterwards, and the lines of each object are counted by COPY.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date

from loaders import s3
from loaders.errors import DataError
from loaders.ledger import now
from loaders.ledger.loads import Load, LoadCounts, ObjectCount
from loaders.raw import (
    object_lines,
    redshift_copy,
    redshift_records,
    redshift_refused,
    redshift_rejects,
)
from loaders.raw.records import RecordParser
from loaders.raw.redshift_copy import Copy, CopyFailedError, Source
from loaders.raw.redshift_refused import RefusedLine
from loaders.raw.redshift_rejects import PartitionResult
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
) -> dict[str, LoadCounts]:
    """Replace the rows of all loads' dates, insert the rejects; return counts by load.

    `delete_rows` deletes the rows of the dates. May roll the open transaction back and
    start it again before that. Raises `DataError` naming an object that
    cannot be read, a partition that changed during the load, or one with more than
    `max_reject_ratio` of its lines rejected.
    """
    parser = RecordParser(table)
    with redshift_copy.folder(loads[0].load_id) as folder_url:
        copies, refused, replaced = _copy(connection, loads, parser, folder_url)
        delete_rows()
        if copies:
            tables = [copy.table for copy in copies]
            for statement in redshift_records.parse_statements(table, tables):
                connection.execute(statement)
            _insert_ordinary_rows(connection, table)
        results = _count_lines(
            connection, table, loads, refused, has_lines=bool(copies)
        )
        records = redshift_rejects.parse_lines(
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
                for dt, record in records
            ),
        )
        for result in results.values():
            redshift_rejects.locate(result)
            _require_unchanged(result.load.partition)
        _insert_rejects(connection, list(results.values()), run_id=run_id)
        scanned = _count_object_lines(connection, copies)
        _drop(connection, copies)
    return {
        result.load.load_id: _counts(result, scanned, replaced)
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
                for copy in redshift_copy.copy_partition(
                    connection, load, folder_url=folder_url, replaced=replaced
                )
            ]
        except CopyFailedError as failed:
            sources, lines = redshift_refused.recover(
                failed, parser, folder_url=folder_url
            )
            replaced |= sources
            left_out[failed.copy.load.load_id] += lines
            connection.execute("-- loaders.raw.redshift_load roll back\nrollback")
            connection.execute("-- loaders.raw.redshift_load begin\nbegin")
        else:
            break
    redshift_copy.read_errors(connection, copies)
    for load_id, lines in redshift_refused.find(copies, parser).items():
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
        f"-- loaders.raw.redshift_load insert {table.name}\n"
        f"insert into {connection.table(table.schema, table.name)} "
        f"({', '.join(identifier(name) for name in columns)}) "
        f"select {', '.join(values)} from parsed "
        f"where {redshift_records.is_parsed(table)}",
        [now()] if "loaded_at" in columns else [],
    )


def _count_lines(
    connection: Connection,
    table: Table,
    loads: Sequence[Load],
    refused: dict[str, list[RefusedLine]],
    *,
    has_lines: bool,
) -> dict[date, PartitionResult]:
    query = (
        "-- loaders.raw.redshift_load count lines\n"
        f"select dt, sum(case when {redshift_records.IS_BLANK} then 0 else 1 end), "
        f"sum(case when {redshift_records.is_parsed(table)} then 1 else 0 end) "
        "from parsed group by 1"
    )
    counts = {
        dt: (int(lines), int(rows))
        for dt, lines, rows in (connection.fetch_all(query) if has_lines else ())
    }
    results = {}
    for load in loads:
        lines, rows = counts.get(load.partition.dt, (0, 0))
        lines += len(refused.get(load.load_id, ()))
        results[load.partition.dt] = PartitionResult(load, lines=lines, rows=rows)
    return results


def _has_unparsed_lines(
    results: dict[date, PartitionResult], refused: dict[str, list[RefusedLine]]
) -> bool:
    return any(
        result.lines - result.rows > len(refused.get(result.load.load_id, ()))
        for result in results.values()
    )


def _unparsed_lines(connection: Connection, table: Table) -> Iterator[tuple[date, str]]:
    for batch in connection.stream(
        "-- loaders.raw.redshift_load read unparsed lines\n"
        "select dt, line from parsed "
        f"where not ({redshift_records.is_parsed(table)}) "
        f"and not ({redshift_records.IS_BLANK})"
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


def _counts(
    result: PartitionResult, scanned: dict[str, int], replaced: dict[str, Source]
) -> LoadCounts:
    """Return a partition's counts; rows per object only if no line is blank."""
    objects = result.load.partition.objects
    rejects: dict[str, int] = defaultdict(int)
    for reject in result.rejects:
        if reject.item is not None:
            rejects[reject.item.url] += 1
    lines: dict[str, int | None] = {
        item.url: replaced[item.url].lines
        if item.url in replaced
        else scanned.get(item.url, None if item.size else 0)
        for item in objects
    }
    has_no_blank_lines = result.is_located and result.lines == sum(
        count or 0 for count in lines.values()
    )
    return LoadCounts(
        lines=result.lines,
        rows=result.rows,
        rejects=len(result.rejects),
        objects=tuple(
            ObjectCount(
                item=item,
                lines=(count := lines[item.url]),
                rows=count - rejects[item.url]
                if has_no_blank_lines and count is not None
                else None,
                rejects=rejects[item.url] if result.is_located else None,
            )
            for item in objects
        ),
    )


def _count_object_lines(
    connection: Connection, copies: Sequence[Copy]
) -> dict[str, int]:
    """Return the lines of the objects that COPY read, by URL."""
    counts = redshift_copy.count_lines(connection, copies)
    sources = redshift_copy.indistinct_sources(copies)
    lines = object_lines.in_parallel(
        object_lines.count, [source.item for source in sources]
    )
    return counts | {
        source.item.url: count for source, count in zip(sources, lines, strict=True)
    }


def _drop(connection: Connection, copies: Sequence[Copy]) -> None:
    if not copies:
        return
    tables = [copy.table for copy in copies]
    names = ", ".join([*tables, *redshift_records.TEMPORARY_TABLES])
    connection.execute(
        f"-- loaders.raw.redshift_load drop temporary tables\ndrop table {names}"
    )


def _require_unchanged(partition: s3.Partition) -> None:
    """Raise `DataError` if the partition has changed: COPY does not compare ETags."""
    if s3.relist(partition).fingerprint != partition.fingerprint:
        raise DataError(
            f"{partition.url} changed while it was being loaded. "
            f"Run again to load the new content."
        )
