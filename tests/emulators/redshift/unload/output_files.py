"""The files of an UNLOAD: written to disk, then uploaded to S3 when complete."""

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
from tests.emulators.redshift.load.storage import S3Object, Storage, split_url
from tests.emulators.redshift.unload.unload_options import UnloadOptions

EXTENSIONS = {"gzip": ".gz", "zstd": ".zst", "bzip2": ".bz2", "": ""}
NOT_EMPTY = (
    "Specified unload destination on S3 is not empty. Consider using a different bucket"
    " / prefix, manually removing the target files in S3, or using the ALLOWOVERWRITE"
    " option."
)
OPENERS: dict[str, Callable[[Path], IO[bytes]]] = {
    # OutputFile.close closes each of them.
    "gzip": lambda path: gzip.GzipFile(path, "wb", compresslevel=6),
    "zstd": lambda path: zstandard.open(path, "wb"),
    "bzip2": lambda path: bz2.BZ2File(path, "wb"),
    "": lambda path: path.open("wb"),
}


@dataclass
class OutputFile:
    """One file being written, its S3 key and the number of its rows."""

    path: Path
    key: str
    write: Callable[[object], object]
    close: Callable[[], object]
    rows: int = 0


class Outputs:
    """Writes one file at a time per slice and partition, and uploads complete ones.

    `schema` is the schema of Parquet files, `header` the first line of text files,
    `written` the uploaded objects with their numbers of rows.
    """

    def __init__(self, storage: Storage, options: UnloadOptions) -> None:
        self._storage = storage
        self._options = options
        self._bucket, self._prefix = split_url(options.url)
        if options.partition_by and not self._prefix.endswith("/"):
            self._prefix += "/"
        self._folder = tempfile.TemporaryDirectory(prefix="redshift-unload-")
        self._open: dict[tuple[str, int], OutputFile] = {}
        self._next_numbers: dict[tuple[str, int], int] = {}
        self.schema: pa.Schema | None = None
        self.header = b""
        self.written: list[tuple[S3Object, int]] = []

    def prepare(self) -> None:
        """Check that the destination is empty, or empty it with CLEANPATH."""
        existing = self._storage.list_prefix(self._bucket, self._prefix)
        if "cleanpath" in self._options.flags:
            self._storage.delete(existing)
        elif existing and "allowoverwrite" not in self._options.flags:
            raise RedshiftError(NOT_EMPTY)

    def write(
        self, data: object, rows: int, *, partition: str = "", slice_number: int
    ) -> None:
        """Write rows, as bytes or an Arrow table, for a slice and partition."""
        key = (partition, slice_number)
        file = self._open.get(key) or self._open_file(partition, slice_number)
        file.write(data)
        file.rows += rows
        if file.path.stat().st_size >= self._options.max_file_bytes:
            self._upload(self._open.pop(key))

    def close(self) -> None:
        """Upload the open files and the manifest."""
        if not self._next_numbers and self._options.format != PARQUET:
            self._open_file("", 0)
        for file in self._open.values():
            self._upload(file)
        self._open = {}
        if "manifest" in self._options.flags:
            self._write_manifest()

    def clean(self) -> None:
        """Delete the files on disk."""
        for file in self._open.values():
            with contextlib.suppress(OSError, ValueError, pa.ArrowException):
                file.close()
        self._folder.cleanup()

    def _open_file(self, partition: str, slice_number: int) -> OutputFile:
        number = self._next_numbers.get((partition, slice_number), 0)
        self._next_numbers[partition, slice_number] = number + 1
        path = Path(self._folder.name) / f"{len(self._next_numbers)}-{number}"
        key = self._prefix + partition + self._file_name(slice_number, number)
        if self._options.format == PARQUET:
            writer = pq.ParquetWriter(path, self.schema, compression="snappy")
            file = OutputFile(path, key, writer.write, writer.close)
        else:
            stream = OPENERS[self._options.compression](path)
            file = OutputFile(path, key, stream.write, stream.close)
            if self.header:
                file.write(self.header)
        self._open[partition, slice_number] = file
        return file

    def _file_name(self, slice_number: int, number: int) -> str:
        name = f"{slice_number:04}_part_{number:02}"
        if not self._options.is_parallel:
            name = f"{number:03}"
        if self._options.extension is not None:
            return f"{name}.{self._options.extension}"
        if self._options.format == PARQUET:
            return f"{name}.parquet"
        return name + EXTENSIONS[self._options.compression]

    def _upload(self, file: OutputFile) -> None:
        file.close()
        size = file.path.stat().st_size
        self._storage.upload(str(file.path), self._bucket, file.key)
        file.path.unlink()
        self.written.append((S3Object(self._bucket, file.key, size), file.rows))

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
