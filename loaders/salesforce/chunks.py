"""CSV files for bulk jobs, written row by row and cut by their real size in bytes.

Rows come in order of key; each file has a header of field names, LF line ends and
UTF-8 without a mark at its start. An emptied field is `#N/A`, a field to leave alone
is an empty cell, everything else is quoted where CSV asks for it.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loaders.salesforce.mapping import Mapping
from loaders.salesforce.rendering import NULL_MARKER
from loaders.salesforce.staging_db import Row

FINGERPRINT_BYTES = 16


@dataclass(frozen=True)
class ChunkFile:
    """One CSV on disk: rows without the header, bytes with it, hash of its content.

    `first` and `last` are the folded keys that it begins and ends with.
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
    """Write rows to `chunk-NNNN.csv` files below both limits, yielding each when done.

    A single row larger than `max_bytes` still gets a file of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in mapping.fields]
    writer: _ChunkWriter | None = None
    count = 0
    try:
        for row in rows:
            line = _line(_cells(row, mapping.external_id, names))
            if writer and not writer.takes(line, max_bytes, max_rows):
                yield writer.finish()
                writer = None
            if writer is None:
                count += 1
                path = folder / f"chunk-{count:04d}.csv"
                writer = _ChunkWriter(path, _line(names), row.folded)
            writer.add(line, row.folded)
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


class _Line:
    """Takes what csv.writer writes: one call a row."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


_sink = _Line()
_writer = csv.writer(_sink, lineterminator="\n")


def _line(cells: list[str]) -> bytes:
    text = ",".join(cells)
    if '"' in text or "\n" in text or text.count(",") >= len(cells):
        _writer.writerow(cells)
        return _sink.text.encode("utf-8")
    return f"{text}\n".encode()


class _ChunkWriter:
    """One CSV file being written."""

    def __init__(self, path: Path, header: bytes, first: str) -> None:
        self.path = path
        self.file: IO[bytes] = path.open("wb")
        self.file.write(header)
        self.bytes = len(header)
        self.hash = hashlib.blake2b(header, digest_size=FINGERPRINT_BYTES)
        self.rows = 0
        self.first = self.last = first

    def takes(self, line: bytes, max_bytes: int, max_rows: int) -> bool:
        """Say whether a line still fits."""
        return self.bytes + len(line) <= max_bytes and self.rows < max_rows

    def add(self, line: bytes, folded: str) -> None:
        """Write a row."""
        self.file.write(line)
        self.bytes += len(line)
        self.hash.update(line)
        self.rows += 1
        self.last = folded

    def finish(self) -> ChunkFile:
        """Close the file and say what is in it."""
        self.file.close()
        return ChunkFile(
            path=self.path,
            rows=self.rows,
            bytes=self.bytes,
            fingerprint=self.hash.hexdigest(),
            first=self.first,
            last=self.last,
        )
