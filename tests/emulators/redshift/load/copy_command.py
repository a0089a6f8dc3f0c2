"""Execute COPY: load objects from S3 into a table, in the session's transaction.

Rows are streamed to PostgreSQL. Rejects and the load's record are written in separate
transactions, so that they remain after a failed COPY.
"""

from tests.emulators.redshift import history
from tests.emulators.redshift.dialect.plan import Plan
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load import (
    csv_format,
    delimited_format,
    json_format,
    parquet_format,
)
from tests.emulators.redshift.load.copy_options import (
    CSV,
    DELIMITED,
    JSON,
    PARQUET,
    CopyOptions,
    parse_copy,
)
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.load.read_ahead import read_ahead
from tests.emulators.redshift.load.sink import Sink
from tests.emulators.redshift.load.storage import S3Object, Storage
from tests.emulators.redshift.load.streams import (
    chunk_size,
    decompress,
    split_lines,
)
from tests.emulators.redshift.load.target import find_target
from tests.emulators.redshift.protocol import wire

INSERT_LOAD = "insert into pg_internal.load values %s"
# Redshift splits files of 128 MB and more. This is less, so that tests meet splits.
SPLIT_BYTES = 1024 * 1024
INSERT_FILE = "insert into pg_internal.load_file values %s"


def run(plan: Plan, job: Job) -> int:
    """Execute a COPY and return the number of rows loaded.

    Raises RedshiftError if it fails.
    """
    options = parse_copy(plan.nodes)
    target = find_target(job, options)
    storage = Storage(job.cluster, options.role or "", options.region)
    items = storage.list_source(
        options.source,
        is_manifest="manifest" in options.flags,
        needs_length=options.format == PARQUET,
    )
    sink = Sink(job, target, options)
    files: list[tuple[object, ...]] = []
    message = ""
    try:
        _load(storage, items, sink, files)
    except RedshiftError as error:
        message = error.message
        raise
    finally:
        sink.rejects.write()
        job.cluster.history.write_rows(INSERT_FILE, files)
        job.cluster.history.write_rows(
            INSERT_LOAD, [_load_record(sink, job, items, message)]
        )
    completed = f"Load into table '{target.name}' completed"
    job.client.write(
        wire.pack_info(f"{completed}, {sink.rows} record(s) loaded successfully.")
    )
    if sink.rejects.count:
        job.client.write(
            wire.pack_info(
                f"{completed}, {sink.rejects.count} record(s) could not be loaded."
                " Check 'sys_load_error_detail' for details."
            )
        )
    return sink.rows


def _load(
    storage: Storage,
    items: list[S3Object],
    sink: Sink,
    files: list[tuple[object, ...]],
) -> None:
    """Load all objects and append the record of each to `files`."""
    options = sink.options
    extract = (
        json_format.create_value_extractor(storage, sink)
        if options.format == JSON
        else None
    )
    sink.open()
    try:
        size = chunk_size(options.compression)
        for opened in read_ahead(storage, items, size):
            item = opened.item
            rejects_before = sink.rejects.count
            if options.format == PARQUET:
                lines = parquet_format.load(storage, item, sink)
            else:
                blocks = split_lines(
                    decompress(opened.chunks(), item.url, options.compression)
                )
                if extract is not None:
                    lines = json_format.load(blocks, sink, item.url, extract=extract)
                elif options.format == CSV:
                    lines = csv_format.load(blocks, sink, item.url)
                else:
                    lines = delimited_format.load(blocks, sink, item.url)
            sink.flush()
            rejected = sink.rejects.count - rejects_before
            splits = _count_splits(item, options)
            files += sink.file_records(opened, lines, rejected, splits=splits)
        if "noload" in options.flags:
            sink.abort()
        else:
            sink.close()
    except BaseException:
        sink.abort()
        raise


def _count_splits(item: S3Object, options: CopyOptions) -> int:
    """Return into how many parts the cluster splits an object to read it."""
    is_splittable = options.format == DELIMITED and not options.compression
    return 1 + item.size // SPLIT_BYTES if is_splittable else 1


def _load_record(
    sink: Sink, job: Job, items: list[S3Object], message: str
) -> tuple[object, ...]:
    """Return the row of pg_internal.load for a COPY."""
    return (
        job.started.query_id,
        job.user,
        job.backend.pid,
        sink.target.oid,
        sink.target.name,
        "failed" if message else "completed",
        job.started.started_at,
        history.utc_now(),
        sink.options.source,
        sink.options.format,
        len(items),
        0 if message else sink.rows,
        sum(item.size for item in items),
        sink.rejects.count,
        message,
    )
