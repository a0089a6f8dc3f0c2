"""UNLOAD: the rows of a query into files on S3."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.emulators.redshift import history
from tests.emulators.redshift.dialect import planner as plans
from tests.emulators.redshift.dialect.plan import Plan
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load.copy_options import JSON, PARQUET
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.load.objects import Storage
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.unload import arrows, unload_options
from tests.emulators.redshift.unload import text_writer as texts
from tests.emulators.redshift.unload.output_files import Outputs
from tests.emulators.redshift.unload.unload_options import UnloadOptions

INSERT = "insert into pg_internal.unload values %s"
NUMERIC, SUPER_SHOWN = 1700, 4000
TIMES = (1114, 1184)
# A NUMERIC that PostgreSQL knows no precision of: Redshift always has one.
NUMERIC_HERE = "numeric(38,10)"


@dataclass(frozen=True)
class Field:
    """One column of the query: its name, its type's oid and modifier."""

    name: str
    oid: int
    modifier: int


def run(plan: Plan, job: Job) -> int:
    """Do an UNLOAD; return the number of rows, RedshiftError when it fails."""
    options = unload_options.read(plan.nodes)
    sql = plans.translate_query(options.query, job.catalog, {})
    fields = [
        Field(name, SUPER_SHOWN if oid == job.cluster.super_oid else oid, modifier)
        for name, oid, modifier in job.backend.describe(sql)
    ]
    _check_partitions(options, fields)
    storage = Storage(job.cluster, options.role or "", options.region)
    outputs = Outputs(storage, options)
    try:
        outputs.prepare()
        source = _rows(job, _selected(sql, fields, options), options)
        if options.format == PARQUET:
            count = arrows.write(source, fields, options, outputs)
        else:
            count = texts.write(source, fields, options, outputs)
        outputs.close()
    finally:
        outputs.clean()
    _note(job, options, outputs)
    job.client.write(wire.notice(f"UNLOAD completed, {count} record(s) unloaded"
                                 " successfully."))  # fmt: skip
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
            "UNLOAD cannot partition by all columns: none would be left", "22023"
        )
    if options.partition_by and options.format == JSON:
        raise RedshiftError(
            "UNLOAD of JSON with PARTITION BY is not in this stand-in", "0A000"
        )


def _selected(sql: str, fields: list[Field], options: UnloadOptions) -> str:
    """Write the query so that each column comes in the form that is written."""
    chosen = []
    for place, field in enumerate(fields):
        value = f"c{place}"
        if field.oid == NUMERIC and field.modifier < 0:
            value += f"::{NUMERIC_HERE}"
        elif options.format == JSON and field.oid in TIMES:
            value += "::text"
        elif field.oid == SUPER_SHOWN:
            value += "::json" if options.format == JSON else "::json::text"
        name = field.name.replace('"', '""')
        chosen.append(f'{value} as "{name}"' if options.format == JSON else value)
    given = ", ".join(f"c{place}" for place in range(len(fields)))
    query = f"select {', '.join(chosen)} from ({sql}\n) as unloaded ({given})"
    if options.format == JSON:
        return f"select row_to_json(shown) from ({query}) as shown"
    return query


def _rows(job: Job, sql: str, options: UnloadOptions) -> Iterator[bytes]:
    """Yield the rows, each as PostgreSQL's COPY writes it."""
    form = "format csv, force_quote *" if options.format == PARQUET else "format text"
    backend = job.backend
    command = f"copy ({sql}) to stdout with ({form})"
    backend.send(wire.message(b"Q", wire.text(command)))
    failure: RedshiftError | None = None
    is_done = False
    try:
        while not is_done:
            kind, body = backend.read()
            if kind == b"d":
                yield body
            elif kind == b"E":
                failure = backend.failure(body)
            is_done = kind == b"Z"
    finally:
        if not is_done:
            _stop(job)
    if failure is not None:
        raise failure


def _stop(job: Job) -> None:
    """End PostgreSQL's COPY when nobody wants its rows any more."""
    job.backend.cancel()
    while job.backend.read()[0] != b"Z":
        pass


def _note(job: Job, options: UnloadOptions, outputs: Outputs) -> None:
    ended_at = history.now()
    job.cluster.history.write(
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
                job.started.at,
                ended_at,
            )
            for item, rows in outputs.written
        ],
    )
