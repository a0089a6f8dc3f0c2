"""COPY: from objects on S3 into a table, in the session's transaction.

Rows go to PostgreSQL as they are read. Rejects and the load itself are written down in
transactions of their own, so that they can be looked up after a failed COPY.
"""

from tests.emulators.redshift import history
from tests.emulators.redshift.dialect.plan import Plan
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load import comma, delimited, parquet, target
from tests.emulators.redshift.load import copy_options as options
from tests.emulators.redshift.load import json_format as jsons
from tests.emulators.redshift.load.copy_options import CSV, JSON, PARQUET, CopyOptions
from tests.emulators.redshift.load.job import Job
from tests.emulators.redshift.load.objects import S3Object, Storage
from tests.emulators.redshift.load.sink import Sink
from tests.emulators.redshift.load.streams import blocks, unpacked
from tests.emulators.redshift.protocol import wire

INSERT_LOAD = "insert into pg_internal.load values %s"
INSERT_FILE = "insert into pg_internal.load_file values %s"


def run(plan: Plan, job: Job) -> int:
    """Do a COPY; return the number of rows loaded, RedshiftError when it fails."""
    given = options.read(plan.nodes)
    found = target.find(job, given)
    storage = Storage(job.cluster, given.role or "", given.region)
    items = storage.find(
        given.source,
        is_manifest="manifest" in given.flags,
        needs_length=given.format == PARQUET,
    )
    sink = Sink(job, found, given)
    files: list[tuple[object, ...]] = []
    message = ""
    try:
        _load(storage, items, sink, files)
    except RedshiftError as error:
        message = error.message
        raise
    finally:
        sink.rejects.write()
        job.cluster.history.write(INSERT_FILE, files)
        job.cluster.history.write(INSERT_LOAD, [_summary(sink, job, items, message)])
    told = f"Load into table '{found.name}' completed, {sink.rows} record(s) loaded"
    job.client.write(wire.notice(f"{told} successfully."))
    if sink.rejects.count:
        skipped = f"{sink.rejects.count} record(s) could not be loaded."
        told = f"Load into table '{found.name}' completed, {skipped}"
        job.client.write(
            wire.notice(f"{told} Check 'sys_load_error_detail' for details.")
        )
    return sink.rows


def _load(
    storage: Storage,
    items: list[S3Object],
    sink: Sink,
    files: list[tuple[object, ...]],
) -> None:
    given = sink.options
    pick = jsons.picker(storage, sink) if given.format == JSON else None
    sink.open()
    try:
        for item in items:
            rejected = sink.rejects.count
            if given.format == PARQUET:
                lines = parquet.load(storage, item, sink)
            else:
                found = blocks(unpacked(storage, item, given.compression))
                if pick is not None:
                    lines = jsons.load(found, sink, item.url, pick=pick)
                elif given.format == CSV:
                    lines = comma.load(found, sink, item.url)
                else:
                    lines = delimited.load(found, sink, item.url)
            sink.flush()
            rejected = sink.rejects.count - rejected
            files.append(sink.file(item, lines, rejected))
        if "noload" in given.flags:
            sink.abandon()
        else:
            sink.close()
    except BaseException:
        sink.abandon()
        raise


def _summary(
    sink: Sink, job: Job, items: list[S3Object], message: str
) -> tuple[object, ...]:
    given: CopyOptions = sink.options
    return (
        job.started.query_id,
        job.user,
        job.backend.pid,
        sink.target.oid,
        sink.target.name,
        "failed" if message else "completed",
        job.started.at,
        history.now(),
        given.source,
        given.format,
        len(items),
        0 if message else sink.rows,
        sum(item.size for item in items),
        sink.rejects.count,
        message,
    )
