"""The archive: datasets of the warehouse as daily Parquet partitions on S3.

A partition is `{archive}/{env}/{version}/{dataset}/dt=D/`. `_SUCCESS` is written last,
so a reader that requires it never sees a partial partition.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import structlog

from loaders import s3
from loaders.ledger import ArchiveResult, now
from loaders.warehouse import Connection, identifier, literal, redshift_s3

UPLOAD_THREADS = 4

log = structlog.get_logger()


@dataclass(frozen=True)
class Dataset:
    """A relation to archive, its date column and the order of its rows."""

    name: str
    schema: str
    relation: str
    date_column: str
    order_by: tuple[str, ...]


def partition_url(root: str, dataset: str, dt: date) -> str:
    """Return the partition's URL below `{archive}/{env}/{version}`."""
    return f"{root}/{dataset}/dt={dt.isoformat()}/"


def complete_days(root: str, dataset: str) -> set[date]:
    """Return the dates whose partition on S3 is complete (has `_SUCCESS`)."""
    prefix = f"{root}/{dataset}/dt="
    days = (_day_of(item.url.removeprefix(prefix)) for item in s3.list_objects(prefix))
    return {day for day in days if day is not None}


def _day_of(name: str) -> date | None:
    """Return the day of `YYYY-MM-DD/_SUCCESS`; None for objects of any other name."""
    text, _, rest = name.partition("/")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if rest == s3.SUCCESS and day.isoformat() == text else None


def replace_partitions(
    connection: Connection, dataset: Dataset, *, days: Iterable[date], root: str
) -> Iterator[ArchiveResult]:
    """Replace the partitions of these days; yield each result once it is complete.

    The old `_SUCCESS` is deleted first and the new one is written last.
    """
    sorted_days = sorted(days)
    writers: dict[str, Callable[..., Iterator[ArchiveResult]]] = {
        "duckdb": _write_and_upload,
        "redshift": _unload,
    }
    if not sorted_days:
        return
    old_urls = _list_urls(root, dataset.name, sorted_days)
    for result in writers[connection.engine](
        connection, dataset, old_urls=old_urls, root=root
    ):
        log.info(
            "partition archived",
            dataset=dataset.name,
            dt=str(result.dt),
            rows=result.rows,
            url=result.url,
        )
        yield result


def _list_urls(root: str, dataset: str, days: list[date]) -> dict[date, list[str]]:
    """Return the URLs of the objects in each day's partition, by day."""
    urls_by_day: dict[date, list[str]] = {day: [] for day in days}
    days_by_folder = {partition_url(root, dataset, day): day for day in days}
    first_folder, last_folder = min(days_by_folder), max(days_by_folder)
    for item in s3.list_objects(f"{root}/{dataset}/dt=", after=first_folder[:-1]):
        folder = f"{item.url.rpartition('/')[0]}/"
        if folder in days_by_folder:
            urls_by_day[days_by_folder[folder]].append(item.url)
        elif folder > last_folder:
            break
    return urls_by_day


def _delete(urls: list[str]) -> None:
    """Delete the objects of a partition, `_SUCCESS` first."""
    s3.delete([url for url in urls if url.endswith(f"/{s3.SUCCESS}")])
    s3.delete([url for url in urls if not url.endswith(f"/{s3.SUCCESS}")])


def _query(connection: Connection, dataset: Dataset, dt: date) -> str:
    order = ", ".join(identifier(column) for column in dataset.order_by)
    return (
        f"select * from {connection.table(dataset.schema, dataset.relation)} "
        f"where {identifier(dataset.date_column)} = date '{dt.isoformat()}' "
        f"order by {order}"
    )


def _write_and_upload(
    connection: Connection,
    dataset: Dataset,
    *,
    old_urls: dict[date, list[str]],
    root: str,
) -> Iterator[ArchiveResult]:
    """Write each day with DuckDB to a Parquet file, and upload the files in threads.

    No rows pass through Python.
    """
    with (
        tempfile.TemporaryDirectory(prefix="nightshift-archive-") as folder,
        ThreadPoolExecutor(UPLOAD_THREADS, thread_name_prefix="archive") as pool,
    ):
        uploads: deque[Future[ArchiveResult]] = deque()
        for dt, urls in old_urls.items():
            started_at = now()
            path = Path(folder) / f"{dt}.parquet"
            count = connection.fetch_one(
                f"-- loaders.archive copy {dataset.name} {dt}\n"
                f"copy ({_query(connection, dataset, dt)}) to {literal(str(path))} "
                "(format parquet, compression zstd)"
            )
            result = ArchiveResult(
                dataset=dataset.name,
                dt=dt,
                url=partition_url(root, dataset.name, dt),
                files=1,
                bytes=path.stat().st_size,
                rows=int(count[0]) if count else 0,
                started_at=started_at,
            )
            uploads.append(pool.submit(_upload, path, result, urls))
            if len(uploads) > UPLOAD_THREADS:
                yield uploads.popleft().result()
        for future in uploads:
            yield future.result()


def _upload(path: Path, result: ArchiveResult, old_urls: list[str]) -> ArchiveResult:
    _delete(old_urls)
    s3.upload(path, f"{result.url}part-0000.parquet")
    s3.write(result.url + s3.SUCCESS, b"")
    path.unlink()
    return replace(result, finished_at=now())


def _unload(
    connection: Connection,
    dataset: Dataset,
    *,
    old_urls: dict[date, list[str]],
    root: str,
) -> Iterator[ArchiveResult]:
    """Unload one sorted file per day; a day is far below UNLOAD's 6 GB file limit."""
    for dt, urls in old_urls.items():
        started_at = now()
        _delete(urls)
        url = partition_url(root, dataset.name, dt)
        query = _query(connection, dataset, dt).replace("'", "''")
        with redshift_s3.classified_s3_errors(url, "PutObject"):
            connection.execute(
                f"-- loaders.archive unload {dataset.name} {dt}\n"
                f"unload ('{query}') to '{redshift_s3.escape_url(url)}part-' "
                f"{redshift_s3.iam_role()} {redshift_s3.region_clause()} "
                "format as parquet parallel off allowoverwrite"
            )
        count = connection.fetch_one(
            "-- loaders.archive count unloaded rows\nselect pg_last_unload_count()"
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
            started_at=started_at,
        )
