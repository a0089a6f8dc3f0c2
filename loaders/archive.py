"""One day of one dataset as Parquet on S3, whole or not there.

From the warehouse to `{archive}/{env}/{version}/{dataset}/dt=D/`, with `_SUCCESS`
last: whoever reads only partitions with `_SUCCESS` never sees half a day.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import structlog

from loaders import s3
from loaders.ledger import ArchiveResult
from loaders.warehouse import Connection, identifier, redshift_s3

SENDERS = 4

log = structlog.get_logger()


@dataclass(frozen=True)
class Dataset:
    """What is archived: a relation, the column that holds its day, its row order."""

    name: str
    schema: str
    relation: str
    day_column: str
    order_by: tuple[str, ...]


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


def replace_partitions(
    connection: Connection, dataset: Dataset, *, days: Iterable[date], root: str
) -> Iterator[ArchiveResult]:
    """Write the days anew and yield each once it is finished.

    A day's `_SUCCESS` goes first and comes back last.
    """
    wanted = sorted(days)
    writers: dict[str, Callable[..., Iterator[ArchiveResult]]] = {
        "duckdb": _write_spooled,
        "redshift": _unload,
    }
    if not wanted:
        return
    before = _objects(root, dataset.name, wanted)
    for result in writers[connection.engine](
        connection, dataset, before=before, root=root
    ):
        log.info(
            "archived",
            dataset=dataset.name,
            dt=str(result.dt),
            rows=result.rows,
            url=result.url,
        )
        yield result


def _objects(root: str, dataset: str, days: list[date]) -> dict[date, list[str]]:
    """Return the URLs of what lies in each day's partition now."""
    found: dict[date, list[str]] = {day: [] for day in days}
    urls = {partition_url(root, dataset, day): day for day in days}
    for item in s3.list_objects(f"{root}/{dataset}/dt=", after=min(urls)[:-1]):
        folder = f"{item.url.rpartition('/')[0]}/"
        if folder in urls:
            found[urls[folder]].append(item.url)
        elif folder > max(urls):
            break
    return found


def _clear(urls: list[str]) -> None:
    s3.delete([url for url in urls if url.endswith(f"/{s3.SUCCESS}")])
    s3.delete([url for url in urls if not url.endswith(f"/{s3.SUCCESS}")])


def _query(connection: Connection, dataset: Dataset, dt: date) -> str:
    order = ", ".join(identifier(column) for column in dataset.order_by)
    return (
        f"select * from {connection.table(dataset.schema, dataset.relation)} "
        f"where {identifier(dataset.day_column)} = date '{dt.isoformat()}' "
        f"order by {order}"
    )


def _write_spooled(
    connection: Connection,
    dataset: Dataset,
    *,
    before: dict[date, list[str]],
    root: str,
) -> Iterator[ArchiveResult]:
    """Let the engine write Parquet here, and send it off while it writes the next.

    No row passes through Python.
    """
    with (
        tempfile.TemporaryDirectory(prefix="nightshift-archive-") as folder,
        ThreadPoolExecutor(SENDERS, thread_name_prefix="archive") as pool,
    ):
        sent: deque[Future[ArchiveResult]] = deque()
        for dt, stale in before.items():
            path = Path(folder) / f"{dt}.parquet"
            count = connection.fetch_one(
                f"-- loaders.archive {dataset.name} {dt}\n"
                f"copy ({_query(connection, dataset, dt)}) to '{path}' "
                "(format parquet, compression zstd)"
            )
            result = ArchiveResult(
                dataset=dataset.name,
                dt=dt,
                url=partition_url(root, dataset.name, dt),
                files=1,
                bytes=path.stat().st_size,
                rows=int(count[0]) if count else 0,
            )
            sent.append(pool.submit(_send, path, result, stale))
            if len(sent) > SENDERS:
                yield sent.popleft().result()
        for future in sent:
            yield future.result()


def _send(path: Path, result: ArchiveResult, stale: list[str]) -> ArchiveResult:
    _clear(stale)
    s3.upload(path, f"{result.url}part-0000.parquet")
    s3.write(result.url + s3.SUCCESS, b"")
    path.unlink()
    return result


def _unload(
    connection: Connection,
    dataset: Dataset,
    *,
    before: dict[date, list[str]],
    root: str,
) -> Iterator[ArchiveResult]:
    """Let the cluster write one sorted file; a day is far below its 6 GB limit."""
    for dt, stale in before.items():
        _clear(stale)
        url = partition_url(root, dataset.name, dt)
        query = _query(connection, dataset, dt).replace("'", "''")
        connection.execute(
            f"-- loaders.archive {dataset.name} {dt}\n"
            f"unload ('{query}') to '{redshift_s3.quoted(url)}part-' "
            f"{redshift_s3.iam_role()} {redshift_s3.region_clause()} "
            "format as parquet parallel off allowoverwrite"
        )
        count = connection.fetch_one(
            "-- loaders.archive count\nselect pg_last_unload_count()"
        )
        written = list(s3.list_objects(url))
        s3.write(url + s3.SUCCESS, b"")
        yield ArchiveResult(
            dataset=dataset.name,
            dt=dt,
            url=url,
            files=len(written),
            bytes=sum(item.size for item in written),
            rows=int(count[0]) if count else 0,
        )
