"""Partitions to deliver and load by one engine or the other, and what a load leaves."""

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

DAY = date(2026, 11, 24)
ENGINES = ("embedded", "cluster")
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "part-0.json": lambda content: content,
    "part-1.json.gz": gzip.compress,
    "part-2.json.zst": zstandard.compress,
}


def deliver(source: str, objects: dict[str, bytes], day: date = DAY) -> None:
    """Put a complete partition on S3."""
    url = s3.partition_url(settings.load().required_raw_url(), source, day)
    for name, content in objects.items():
        s3.write(url + name, content)
    s3.write(url + s3.SUCCESS, b"")


def load(source: str, *, ratio: float = 1.0) -> raw_load.LoadResult:
    """Load the day's partition as a night would."""
    (result,) = load_days(source, [DAY], ratio=ratio)
    return result


def load_days(
    source: str, days: list[date], *, ratio: float = 1.0
) -> list[raw_load.LoadResult]:
    """Load the partitions of some days together, as a backfill would."""
    url = settings.load().required_raw_url()
    with warehouse.transaction() as connection:
        warehouse.ensure_tables(connection)
        return raw_load.replace_partitions(
            connection,
            raw_tables()[source],
            partitions=[s3.list_partition(url, source, day) for day in days],
            max_reject_ratio=ratio,
            run_id="test",
        )


def rows(schema: str, table: str, columns: list[str]) -> list[tuple[Any, ...]]:
    """Return a table's rows in an order of their own; JSON as Python has it."""
    with warehouse.session() as connection:
        names = ", ".join(warehouse.identifier(name) for name in columns)
        found = connection.fetch_all(
            f"-- tests rows\nselect {names} from {connection.table(schema, table)}"
        )
    return sorted((tuple(_plain(value) for value in row) for row in found), key=repr)


def _plain(value: object) -> object:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def results(source: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that a load leaves behind, ids and times of the load aside."""
    table = raw_tables()[source]
    raw = [column.name for column in table.columns]
    raw = [name for name in raw if name != "loaded_at"]
    rejects = ["source", "dt", "object_key", "reason", "line", "run_id"]
    loads = ["source", "dt", "fingerprint", "objects", "lines", "rows_loaded"]
    objects = ["source", "dt", "object_key", "size_bytes", "etag", "lines"]
    return {
        "raw": rows("staging", table.name, raw),
        "rejects": rows("ops", "load_rejects", rejects),
        "loads": rows("ops", "loads", [*loads, "rejects", "bytes", "run_id", "status"]),
        "objects": rows("ops", "load_objects", [*objects, "rows_loaded", "rejects"]),
    }


def packed(lines: list[str]) -> dict[str, bytes]:
    """Spread lines over objects, each compressed in another way."""
    share = -(-len(lines) // len(PACKERS))
    return {
        name: pack(
            "".join(
                f"{line}\n" for line in lines[place * share : (place + 1) * share]
            ).encode()
        )
        for place, (name, pack) in enumerate(PACKERS.items())
    }
