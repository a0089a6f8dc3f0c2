"""CSV files for bulk jobs, written row by row and split by their size in bytes.

Rows are in key order. Each file has a header of field names, LF line endings and UTF-8
without a byte order mark. `#N/A` clears a field and an empty cell leaves it unchanged;
all other values are quoted where CSV requires it.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loaders.private_files import make_folder
from loaders.salesforce.mapping import Mapping
from loaders.salesforce.rendering import NULL_MARKER
from loaders.salesforce.staging_db import Row

FINGERPRINT_BYTES = 16


@dataclass(frozen=True)
class ChunkFile:
    """One CSV file on disk.

    `rows` excludes the header, `bytes` includes it. `first` and `last` are the
    `folded_key` of the first and the last row. `fingerprint` is a hash of the content.
    """

    path: Path
    rows: int
    bytes: int
    fingerprint: str
    first: str
    last: str


def write(
    rows: Iterable[Row],
    mapping: Mapping,
    *,
    folder: Path,
    max_bytes: int,
    max_rows: int,
) -> Iterator[ChunkFile]:
    """Write rows to `chunk-NNNN.csv` files within both limits; yield each when done.

    A single row larger than `max_bytes` still gets a file of its own.
    """
    make_folder(folder)
    names = [field.name for field in mapping.fields]
    writer: _ChunkWriter | None = None
    count = 0
    try:
        for row in rows:
            line = _csv_line(_cells(row, mapping.external_id, names))
            if writer and not writer.has_room_for(line, max_bytes, max_rows):
                yield writer.finish()
                writer = None
            if writer is None:
                count += 1
                path = folder / f"chunk-{count:04d}.csv"
                writer = _ChunkWriter(path, _csv_line(names), row.folded_key)
            writer.add(line, row.folded_key)
        if writer:
            yield writer.finish()
    finally:
        if writer:
            writer.file.close()


def _cells(row: Row, key_name: str, names: list[str]) -> list[str]:
    values = json.loads(row.payload)
    values[key_name] = row.key
    return [
        NULL_MARKER if (text := values.get(name, "")) is None else text
        for name in names
    ]


class _LastLine:
    """A file-like object that keeps the last line written by `csv.writer`."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


_last_line = _LastLine()
_csv_writer = csv.writer(_last_line, lineterminator="\n")


def _csv_line(cells: list[str]) -> bytes:
    text = ",".join(cells)
    # Joining is faster than csv.writer, but correct only if no cell needs quotes.
    if '"' in text or "\n" in text or text.count(",") >= len(cells):
        _csv_writer.writerow(cells)
        return _last_line.text.encode("utf-8")
    return f"{text}\n".encode()


class _ChunkWriter:
    """Writes one CSV file and keeps its size, row count and hash."""

    def __init__(self, path: Path, header: bytes, first: str) -> None:
        self.path = path
        self.file: IO[bytes] = path.open("wb")
        self.file.write(header)
        self.bytes = len(header)
        self.hash = hashlib.blake2b(header, digest_size=FINGERPRINT_BYTES)
        self.rows = 0
        self.first = self.last = first

    def has_room_for(self, line: bytes, max_bytes: int, max_rows: int) -> bool:
        """Return whether another line stays within both limits."""
        return self.bytes + len(line) <= max_bytes and self.rows < max_rows

    def add(self, line: bytes, folded_key: str) -> None:
        """Write one row."""
        self.file.write(line)
        self.bytes += len(line)
        self.hash.update(line)
        self.rows += 1
        self.last = folded_key

    def finish(self) -> ChunkFile:
        """Close the file and return its description."""
        self.file.close()
        return ChunkFile(
            path=self.path,
            rows=self.rows,
            bytes=self.bytes,
            fingerprint=self.hash.hexdigest(),
            first=self.first,
            last=self.last,
        )
