"""One day of one dataset as Parquet on S3, whole or not there.

From the warehouse to `{archive}/{env}/{version}/{dataset}/dt=D/`, with `_SUCCESS`
last: whoever reads only partitions with `_SUCCESS` never sees half a day.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import structlog

from loaders import cluster_storage, s3
from loaders.warehouse import Connection, identifier

log = structlog.get_logger()


@dataclass(frozen=True)
class Dataset:
    """What is archived: a relation, the column that holds its day, its row order."""

    name: str
    schema: str
    relation: str
    day_column: str
    order_by: tuple[str, ...]


@dataclass(frozen=True)
class ArchiveResult:
    """What was written: the partition's URL, its data objects, rows and bytes."""

    dataset: str
    dt: date
    url: str
    objects: tuple[s3.S3Object, ...]
    rows: int

    @property
    def bytes(self) -> int:
        """Size of all data objects together."""
        return sum(item.size for item in self.objects)


def partition_url(root: str, dataset: str, dt: date) -> str:
    """Return the partition's URL below `{archive}/{env}/{version}`."""
    return f"{root}/{dataset}/dt={dt.isoformat()}/"


def finished_days(root: str, dataset: str) -> set[date]:
    """Return the days of which a finished partition (`_SUCCESS`) lies on S3."""
    prefix = f"{root}/{dataset}/dt="
    return {
        date.fromisoformat(item.url.removeprefix(prefix)[:10])
        for item in s3.list_objects(prefix)
        if item.name == s3.SUCCESS
    }


def replace_partition(
    connection: Connection, dataset: Dataset, *, dt: date, root: str
) -> ArchiveResult:
    """Write the day anew: `_SUCCESS` goes first and comes back last."""
    writers: dict[str, Callable[..., int]] = {
        "duckdb": _write_spooled,
        "redshift": _unload,
    }
    url = partition_url(root, dataset.name, dt)
    before = list(s3.list_objects(url))
    s3.delete([item.url for item in before if item.name == s3.SUCCESS])
    s3.delete([item.url for item in before if item.name != s3.SUCCESS])
    rows = writers[connection.engine](connection, dataset, dt=dt, url=url)
    s3.write(url + s3.SUCCESS, b"")
    written = [item for item in s3.list_objects(url) if item.name != s3.SUCCESS]
    result = ArchiveResult(
        dataset=dataset.name, dt=dt, url=url, objects=tuple(written), rows=rows
    )
    log.info("archived", dataset=dataset.name, dt=str(dt), rows=rows, url=url)
    return result


def _query(connection: Connection, dataset: Dataset, dt: date) -> str:
    order = ", ".join(identifier(column) for column in dataset.order_by)
    return (
        f"select * from {connection.table(dataset.schema, dataset.relation)} "
        f"where {identifier(dataset.day_column)} = date '{dt.isoformat()}' "
        f"order by {order}"
    )


def _write_spooled(
    connection: Connection, dataset: Dataset, *, dt: date, url: str
) -> int:
    """Let the engine write Parquet beside it, then upload; no row passes Python."""
    with tempfile.TemporaryDirectory(prefix="nightshift-archive-") as folder:
        path = Path(folder) / "part-0000.parquet"
        count = connection.fetch_one(
            f"-- loaders.archive {dataset.name} {dt}\n"
            f"copy ({_query(connection, dataset, dt)}) to '{path}' "
            "(format parquet, compression zstd)"
        )
        s3.upload(path, url + path.name)
    return int(count[0]) if count else 0


def _unload(connection: Connection, dataset: Dataset, *, dt: date, url: str) -> int:
    """Let the cluster write one sorted file; a day is far below its 6 GB limit."""
    query = _query(connection, dataset, dt).replace("'", "''")
    connection.execute(
        f"-- loaders.archive {dataset.name} {dt}\n"
        f"unload ('{query}') to '{cluster_storage.quoted(url)}part-' "
        f"{cluster_storage.iam_role()} {cluster_storage.region_clause()} "
        "format as parquet parallel off allowoverwrite"
    )
    count = connection.fetch_one(
        "-- loaders.archive count\nselect pg_last_unload_count()"
    )
    return int(count[0]) if count else 0
