"""Upload and load test partitions on either warehouse, and read what a load wrote."""

import gzip
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import zstandard

from loaders import s3, warehouse
from loaders.config import settings
from loaders.raw import load as raw_load
from loaders.warehouse.declared_tables import raw_tables

DATA_DATE = date(2026, 11, 24)
WAREHOUSES = ("duckdb", "redshift")
COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "part-0.json": lambda content: content,
    "part-1.json.gz": gzip.compress,
    "part-2.json.zst": zstandard.compress,
}


def upload_partition(
    source: str, objects: dict[str, bytes], data_date: date = DATA_DATE
) -> None:
    """Upload a complete partition to S3."""
    url = s3.partition_url(settings.load().required_raw_url(), source, data_date)
    for name, content in objects.items():
        s3.write(url + name, content)
    s3.write(url + s3.SUCCESS, b"")


def load_partition(
    source: str, *, max_reject_ratio: float = 1.0
) -> raw_load.LoadResult:
    """Load the partition of `DATA_DATE` as a run would."""
    (result,) = load_partitions(source, [DATA_DATE], max_reject_ratio=max_reject_ratio)
    return result


def load_partitions(
    source: str, data_dates: list[date], *, max_reject_ratio: float = 1.0
) -> list[raw_load.LoadResult]:
    """Load several partitions in one transaction as a backfill would."""
    url = settings.load().required_raw_url()
    warehouse.run_in_transaction(warehouse.ensure_tables)
    with warehouse.transaction() as connection:
        return raw_load.replace_partitions(
            connection,
            raw_tables()[source],
            partitions=[s3.list_partition(url, source, day) for day in data_dates],
            max_reject_ratio=max_reject_ratio,
            run_id="test",
        )


def read_rows(schema: str, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """Return a table's rows, sorted, with JSON texts parsed."""
    with warehouse.session() as connection:
        names = ", ".join(warehouse.identifier(name) for name in columns)
        rows = connection.fetch_all(
            f"-- tests.redshift.loading read {table}\n"
            f"select {names} from {connection.table(schema, table)}"
        )
    return sorted(
        (tuple(_parse_json(value) for value in row) for row in rows), key=repr
    )


def _parse_json(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def read_load(source: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows that loads of the source wrote, without load ids and times."""
    table = raw_tables()[source]
    raw = [column.name for column in table.columns]
    raw = [name for name in raw if name not in ("loaded_at", "object_key")]
    rejects = ["source", "dt", "object_key", "line_number", "reason", "line", "run_id"]
    loads = ["source", "dt", "fingerprint", "objects", "lines", "rows_loaded"]
    loads += ["rejects", "bytes", "run_id", "status"]
    objects = ["source", "dt", "object_key", "size_bytes", "etag", "lines", "rejects"]
    return {
        "raw": read_rows("staging", table.name, raw),
        "rejects": read_rows("ops", "load_rejects", rejects),
        "loads": read_rows("ops", "loads", loads),
        "objects": read_rows("ops", "load_objects", objects),
    }


def compressed_objects(lines: list[str]) -> dict[str, bytes]:
    """Spread the lines over one plain, one gzip and one zstd object."""
    share = -(-len(lines) // len(COMPRESSORS))
    return {
        name: compress(
            "".join(
                f"{line}\n" for line in lines[index * share : (index + 1) * share]
            ).encode()
        )
        for index, (name, compress) in enumerate(COMPRESSORS.items())
    }
