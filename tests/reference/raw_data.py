"""Reader of raw partitions in a local folder.

Reads `FOLDER/{orgs,metrics,app_logs,web_logs}/dt=YYYY-MM-DD/*`. Every line that is not
blank becomes a record or a reject.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import zstandard

from tests.reference.parsing import parse_line, physical_lines
from tests.reference.records import (
    SOURCES,
    Record,
    RecordLocation,
    Reject,
    RejectedError,
)


class UnreadableObjectError(Exception):
    """An object cannot be read at all; the message names it."""


@dataclass(frozen=True)
class RawObject:
    """The records and rejects of one object, each in line order."""

    key: str
    records: list[Record]
    rejects: list[Reject]


@dataclass(frozen=True)
class Partition:
    """One data date of one source, with its objects in key order."""

    source: str
    dt: date
    objects: list[RawObject]

    @property
    def lines(self) -> int:
        """The number of lines that are not blank: records plus rejects."""
        return self.rows_loaded + len(self.rejects)

    @property
    def rows_loaded(self) -> int:
        """The number of valid records."""
        return sum(len(raw_object.records) for raw_object in self.objects)

    @property
    def rejects(self) -> list[Reject]:
        """The rejects in the order of objects and lines."""
        return [reject for raw_object in self.objects for reject in raw_object.rejects]

    def is_loadable(self, max_reject_ratio: float) -> bool:
        """Return whether the share of rejects is at most `max_reject_ratio`."""
        return len(self.rejects) <= max_reject_ratio * self.lines


@dataclass(frozen=True)
class RawData:
    """The complete partitions by (source, dt), and the keys of the incomplete ones."""

    partitions: dict[tuple[str, date], Partition] = field(default_factory=dict)
    incomplete: list[tuple[str, date]] = field(default_factory=list)

    def records(self, source: str, *, until: date) -> Iterator[Record]:
        """Yield the source's records of the partitions up to `until`, in order."""
        for (name, dt), partition in sorted(self.partitions.items()):
            if name == source and dt <= until:
                for raw_object in partition.objects:
                    yield from raw_object.records


def read_raw_data(folder: Path, *, dates: Collection[date] | None = None) -> RawData:
    """Read the complete partitions in `folder`: all, or those of `dates`.

    A partition without `_SUCCESS` would not be loaded, so it is not read and only
    listed in `incomplete`. Raises UnreadableObjectError when an object is damaged.
    """
    raw = RawData()
    for source in SOURCES:
        for path in sorted((folder / source).glob("dt=*")):
            dt = date.fromisoformat(path.name.removeprefix("dt="))
            if dates is not None and dt not in dates:
                continue
            if (path / "_SUCCESS").exists():
                raw.partitions[source, dt] = _read_partition(path, source, dt)
            else:
                raw.incomplete.append((source, dt))
    return raw


def _read_partition(folder: Path, source: str, dt: date) -> Partition:
    objects = [
        _read_object(path, source, dt)
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if path.is_file() and not path.name.startswith(("_", "."))
    ]
    return Partition(source, dt, objects)


def _read_object(path: Path, source: str, dt: date) -> RawObject:
    key = f"{source}/dt={dt}/{path.name}"
    records: list[Record] = []
    rejects: list[Reject] = []
    for line_number, line in physical_lines(_decompress(path, key)):
        location = RecordLocation(dt, key, line_number)
        try:
            records.append(parse_line(source, line, location))
        except RejectedError as error:
            rejects.append(Reject(source, location, error.category, error.detail))
    return RawObject(key, records, rejects)


def _decompress(path: Path, key: str) -> bytes:
    content = path.read_bytes()
    try:
        if path.suffix == ".gz":
            return gzip.decompress(content)
        if path.suffix == ".zst":
            return _decompress_zstd(content)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise UnreadableObjectError(f"{key} cannot be decompressed: {error}") from error
    return content


def _decompress_zstd(content: bytes) -> bytes:
    """Decompress all frames.

    Raises EOFError for a truncated frame, which a zstandard stream reader ignores.
    """
    decompressed = b""
    while content:
        frame = zstandard.ZstdDecompressor().decompressobj()
        decompressed += frame.decompress(content)
        if not frame.eof:
            raise EOFError("the last zstd frame is truncated")
        content = frame.unused_data
    return decompressed
