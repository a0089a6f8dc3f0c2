"""The files that an UNLOAD writes: on disk first, then whole objects on S3."""

import bz2
import contextlib
import gzip
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load.copy_options import PARQUET
from tests.emulators.redshift.load.objects import S3Object, Storage, split_url
from tests.emulators.redshift.unload.unload_options import UnloadOptions

ENDINGS = {"gzip": ".gz", "zstd": ".zst", "bzip2": ".bz2", "": ""}
NOT_EMPTY = (
    "Specified unload destination on S3 is not empty. Consider using a different bucket"
    " / prefix, manually removing the target files in S3, or using the ALLOWOVERWRITE"
    " option."
)
OPENERS: dict[str, Callable[[Path], IO[bytes]]] = {
    # Its part closes each.
    "gzip": lambda path: gzip.GzipFile(path, "wb", compresslevel=6),
    "zstd": lambda path: zstandard.open(path, "wb"),
    "bzip2": lambda path: bz2.BZ2File(path, "wb"),
    "": lambda path: path.open("wb"),
}


@dataclass
class Part:
    """One file being written; `close` ends it, `path` is where it is."""

    path: Path
    key: str
    write: Callable[[object], object]
    close: Callable[[], object]
    rows: int = 0


class Outputs:
    """Writes parts, by slice and partition, and puts each on S3 when it is whole.

    `schema` is that of a Parquet file, `header` the first line of a text file.
    """

    def __init__(self, storage: Storage, options: UnloadOptions) -> None:
        self._storage = storage
        self._options = options
        self._bucket, self._prefix = split_url(options.url)
        if options.partition_by and not self._prefix.endswith("/"):
            self._prefix += "/"
        self._folder = tempfile.TemporaryDirectory(prefix="redshift-unload-")
        self._open: dict[tuple[str, int], Part] = {}
        self._numbers: dict[tuple[str, int], int] = {}
        self.schema: pa.Schema | None = None
        self.header = b""
        self.written: list[tuple[S3Object, int]] = []

    def prepare(self) -> None:
        """Look whether the destination is free, or make it so."""
        found = self._storage.under(self._bucket, self._prefix)
        if "cleanpath" in self._options.flags:
            self._storage.delete(found)
        elif found and "allowoverwrite" not in self._options.flags:
            raise RedshiftError(NOT_EMPTY)

    def write(self, data: object, rows: int, *, partition: str = "", slot: int) -> None:
        """Write rows to a slice's file of a partition: bytes, or an Arrow table."""
        part = self._open.get((partition, slot)) or self._new(partition, slot)
        part.write(data)
        part.rows += rows
        if part.path.stat().st_size >= self._options.largest_file:
            self._finish(self._open.pop((partition, slot)))

    def close(self) -> None:
        """Put the rest on S3, and the manifest."""
        if not self._numbers and self._options.format != PARQUET:
            self._new("", 0)
        for part in self._open.values():
            self._finish(part)
        self._open = {}
        if "manifest" in self._options.flags:
            self._write_manifest()

    def clean(self) -> None:
        """Take the files on disk away."""
        for part in self._open.values():
            with contextlib.suppress(OSError, ValueError, pa.ArrowException):
                part.close()
        self._folder.cleanup()

    def _new(self, partition: str, slot: int) -> Part:
        number = self._numbers.get((partition, slot), 0)
        self._numbers[partition, slot] = number + 1
        path = Path(self._folder.name) / f"{len(self._numbers)}-{number}"
        key = self._prefix + partition + self._name(slot, number)
        if self._options.format == PARQUET:
            writer = pq.ParquetWriter(path, self.schema, compression="snappy")
            part = Part(path, key, writer.write, writer.close)
        else:
            file = OPENERS[self._options.compression](path)
            part = Part(path, key, file.write, file.close)
            if self.header:
                part.write(self.header)
        self._open[partition, slot] = part
        return part

    def _name(self, slot: int, number: int) -> str:
        name = f"{slot:04}_part_{number:02}"
        if not self._options.is_parallel:
            name = f"{number:03}"
        if self._options.extension is not None:
            return f"{name}.{self._options.extension}"
        ending = ENDINGS[self._options.compression]
        return name + (".parquet" if self._options.format == PARQUET else ending)

    def _finish(self, part: Part) -> None:
        part.close()
        size = part.path.stat().st_size
        self._storage.upload(str(part.path), self._bucket, part.key)
        part.path.unlink()
        self.written.append((S3Object(self._bucket, part.key, size), part.rows))

    def _write_manifest(self) -> None:
        entries = []
        for item, rows in self.written:
            meta: dict[str, int] = {"content_length": item.size}
            if self._options.is_verbose:
                meta["record_count"] = rows
            entries.append({"url": item.url, "meta": meta})
        manifest: dict[str, object] = {"entries": entries}
        if self._options.is_verbose:
            manifest["meta"] = {
                "content_length": sum(item.size for item, _ in self.written),
                "record_count": sum(rows for _, rows in self.written),
            }
        body = json.dumps(manifest, indent=2).encode()
        self._storage.put(self._bucket, f"{self._prefix}manifest", body)
