"""The raw partitions of a folder, read whole.

What: `read_world` reads `DIR/{orgs,metrics,app_logs,web_logs}/dt=YYYY-MM-DD/*`.
From: section 2 of the contract: which objects are data, how they are compressed,
what becomes of each line. Keeps the account: lines = rows + rejects.
Changes: when a compression or a source is added.
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
from tests.reference.records import SOURCES, Place, Reject, RejectedError, Row


class UnreadableObjectError(Exception):
    """An object that cannot be read at all; the message names it."""


@dataclass(frozen=True)
class RawObject:
    """One object's account, and what its lines became, in their order."""

    key: str
    lines: int
    rows: list[Row]
    rejects: list[Reject]


@dataclass(frozen=True)
class Partition:
    """One day of one source: its objects in the order of their keys."""

    source: str
    dt: date
    objects: list[RawObject]

    @property
    def lines(self) -> int:
        """Lines read, blank ones aside: rows loaded plus rejects."""
        return sum(item.lines for item in self.objects)

    @property
    def rows_loaded(self) -> int:
        """Lines that became rows."""
        return sum(len(item.rows) for item in self.objects)

    @property
    def rejects(self) -> list[Reject]:
        """Lines that became no rows, by object and line."""
        return [reject for item in self.objects for reject in item.rejects]

    def is_loadable(self, max_reject_ratio: float) -> bool:
        """Whether the rejects stay within that share of the lines."""
        return len(self.rejects) <= max_reject_ratio * self.lines


@dataclass(frozen=True)
class RawWorld:
    """All complete partitions read, by (source, dt); which ones were incomplete."""

    partitions: dict[tuple[str, date], Partition] = field(default_factory=dict)
    incomplete: list[tuple[str, date]] = field(default_factory=list)

    def rows(self, source: str, *, until: date) -> Iterator[Row]:
        """Yield the source's rows of the partitions up to `until`, in their order."""
        for (name, dt), partition in sorted(self.partitions.items()):
            if name == source and dt <= until:
                for item in partition.objects:
                    yield from item.rows


def read_world(folder: Path, *, dates: Collection[date] | None = None) -> RawWorld:
    """Read the complete partitions in `folder`, of `dates` only when given.

    A partition without `_SUCCESS` is not read, only named in `incomplete`: no load
    would take it. Raises UnreadableObjectError when an object is damaged.
    """
    world = RawWorld()
    for source in SOURCES:
        for path in sorted((folder / source).glob("dt=*")):
            dt = date.fromisoformat(path.name.removeprefix("dt="))
            if dates is not None and dt not in dates:
                continue
            if (path / "_SUCCESS").exists():
                world.partitions[source, dt] = _read_partition(path, source, dt)
            else:
                world.incomplete.append((source, dt))
    return world


def _read_partition(path: Path, source: str, dt: date) -> Partition:
    objects = [
        _read_object(item, source, dt)
        for item in sorted(path.iterdir(), key=lambda item: item.name)
        if item.is_file() and not item.name.startswith(("_", "."))
    ]
    return Partition(source, dt, objects)


def _read_object(path: Path, source: str, dt: date) -> RawObject:
    key = f"{source}/dt={dt}/{path.name}"
    rows: list[Row] = []
    rejects: list[Reject] = []
    for number, line in physical_lines(_content(path, key)):
        place = Place(dt, key, number)
        try:
            rows.append(parse_line(source, line, place))
        except RejectedError as error:
            rejects.append(Reject(source, place, error.category, error.detail))
    return RawObject(key, len(rows) + len(rejects), rows, rejects)


def _content(path: Path, key: str) -> bytes:
    content = path.read_bytes()
    try:
        if path.suffix == ".gz":
            return gzip.decompress(content)
        if path.suffix == ".zst":
            return _unzstd(content)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise UnreadableObjectError(f"{key}: {error}") from error
    return content


def _unzstd(content: bytes) -> bytes:
    """Decompress all frames; unlike a stream reader, notice one that is cut off."""
    text = b""
    while content:
        frame = zstandard.ZstdDecompressor().decompressobj()
        text += frame.decompress(content)
        if not frame.eof:
            raise EOFError("the last zstd frame is cut off")
        content = frame.unused_data
    return text
