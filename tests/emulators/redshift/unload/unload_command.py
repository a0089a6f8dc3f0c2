"""Execute UNLOAD: write the rows of a query to files on S3."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.emulators.redshift import history, long_names
from tests.emulators.redshift.dialect import planner
from tests.emulators.redshift.dialect.plan import Plan
from tests.emulators.redshift.errors import RedshiftError, not_emulated
from tests.emulators.redshift.load.copy_options import JSON, PARQUET
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.load.storage import Storage
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.type_oids import NUMERIC, SUPER, VARBYTE
from tests.emulators.redshift.unload import parquet_writer, text_writer
from tests.emulators.redshift.unload.output_files import Outputs
from tests.emulators.redshift.unload.unload_options import UnloadOptions, parse_unload

INSERT = "insert into pg_internal.unload values %s"
TIMESTAMPS = (1114, 1184)
# For a NUMERIC without a precision in PostgreSQL. In Redshift it always has one.
DEFAULT_NUMERIC = "numeric(38,10)"


@dataclass(frozen=True)
class Field:
    """One column of the query: its name, type oid and type modifier."""

    name: str
    oid: int
    modifier: int


def run(plan: Plan, job: Job) -> int:
    """Execute an UNLOAD and return the number of rows.

    Raises RedshiftError if it fails.
    """
    options = parse_unload(plan.nodes)
    sql = planner.translate_query(options.query, job.catalog, {})
    fields = [
        Field(name, job.cluster.result_type_oids.get(oid, oid), modifier)
        for name, oid, modifier in job.backend.describe(sql)
    ]
    _check_partitions(options, fields)
    storage = Storage(job.cluster, options.role or "", options.region)
    outputs = Outputs(storage, options)
    try:
        outputs.prepare()
        rows = _stream_rows(job, _output_query(sql, fields, options), options)
        if options.format == PARQUET:
            count = parquet_writer.write(rows, fields, options, outputs)
        else:
            count = text_writer.write(rows, fields, options, outputs)
        outputs.close()
    finally:
        outputs.clean()
    _record_files(job, options, outputs)
    message = f"UNLOAD completed, {count} record(s) unloaded successfully."
    job.client.write(wire.pack_info(message))
    return count


def _check_partitions(options: UnloadOptions, fields: list[Field]) -> None:
    names = [field.name for field in fields]
    unknown = [name for name in options.partition_by if name not in names]
    if unknown:
        raise RedshiftError(
            f'Partition column "{unknown[0]}" is not in the query', "42703"
        )
    if not options.has_partition_columns and set(names) <= set(options.partition_by):
        raise RedshiftError(
            "UNLOAD cannot partition by all columns: no column would remain", "22023"
        )
    if options.partition_by and options.format == JSON:
        raise not_emulated("UNLOAD of JSON with PARTITION BY")


def _output_query(sql: str, fields: list[Field], options: UnloadOptions) -> str:
    """Return the query with its columns cast to their output form."""
    values = []
    for index, field in enumerate(fields):
        value = f"c{index}"
        if field.oid == NUMERIC and field.modifier < 0:
            value += f"::{DEFAULT_NUMERIC}"
        elif options.format == JSON and field.oid in TIMESTAMPS:
            value += "::text"
        elif field.oid == VARBYTE:
            value = f"to_hex({value})"
        elif field.oid == SUPER:
            value += "::json" if options.format == JSON else "::json::text"
        name = long_names.shorten(field.name).replace('"', '""')
        values.append(f'{value} as "{name}"' if options.format == JSON else value)
    columns = ", ".join(f"c{index}" for index in range(len(fields)))
    query = f"select {', '.join(values)} from ({sql}\n) as unloaded ({columns})"
    if options.format == JSON:
        return f"select row_to_json(output) from ({query}) as output"
    return query


def _stream_rows(job: Job, sql: str, options: UnloadOptions) -> Iterator[bytes]:
    """Yield the rows in PostgreSQL's COPY format, CSV for Parquet and else text."""
    copy_format = (
        "format csv, force_quote *" if options.format == PARQUET else "format text"
    )
    backend = job.backend
    command = f"copy ({sql}) to stdout with ({copy_format})"
    backend.send(wire.pack_message(b"Q", wire.pack_text(command)))
    failure: RedshiftError | None = None
    is_done = False
    try:
        while not is_done:
            kind, body = backend.read_message()
            if kind == b"d":
                yield body
            elif kind == b"E":
                failure = backend.read_error(body)
            is_done = kind == b"Z"
    finally:
        if not is_done:
            _cancel_copy(job)
    if failure is not None:
        raise failure


def _cancel_copy(job: Job) -> None:
    """Cancel PostgreSQL's COPY after a failure."""
    job.backend.cancel()
    while job.backend.read_message()[0] != b"Z":
        pass


def _record_files(job: Job, options: UnloadOptions, outputs: Outputs) -> None:
    ended_at = history.utc_now()
    job.cluster.history.write_rows(
        INSERT,
        [
            (
                job.started.query_id,
                job.user,
                job.backend.pid,
                item.url,
                rows,
                item.size,
                options.format,
                job.started.started_at,
                ended_at,
            )
            for item, rows in outputs.written
        ],
    )
