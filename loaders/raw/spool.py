"""Download S3 objects to temporary files of lines, which DuckDB then reads.

The files contain the lines of `loaders.raw.lines`. Free disk space is checked before
and while a file is written.
"""

import codecs
import errno
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from loaders import interruption, s3
from loaders.errors import ConfigError
from loaders.raw.lines import read_blocks
from loaders.raw.records import is_blank
from loaders.raw.rules import MOSTLY_NOT_UTF8, is_mostly_not_utf8, unreadable
from loaders.raw.unpack import GIB, is_compressed, read_chunks

THREADS = 2
BATCH_BYTES = 512 << 20
ASSUMED_COMPRESSION_RATIO = 8
DISK_RESERVE_BYTES = GIB  # stays free for the warehouse and the log
DISK_CHECK_BYTES = 64 << 20
WIDE_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # begins with the mark of UTF-16
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True)
class SpooledObject:
    """One object in a local file; `lines` counts its lines, including blank ones."""

    item: s3.S3Object
    path: Path
    lines: int


def batches(
    objects: Sequence[s3.S3Object], folder: Path
) -> Iterator[list[SpooledObject]]:
    """Download the objects to `folder` and yield them in order, in batches.

    The next batch is downloaded while the caller processes one. A batch's files are
    deleted when the caller asks for the next batch. Raises `DataError` naming an object
    that cannot be read, and `ConfigError` if the disk is full.
    """
    planned = _plan(objects)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="spool") as pool:

        def start(number: int) -> list[Future[SpooledObject]]:
            return [
                pool.submit(_download, item, folder / f"{number}-{position}")
                for position, item in enumerate(planned[number])
            ]

        downloads = start(0) if planned else []
        try:
            for number in range(len(planned)):
                batch = [download.result() for download in downloads]
                if number + 1 < len(planned):
                    downloads = start(number + 1)
                yield batch
                for spooled in batch:
                    spooled.path.unlink()
        finally:
            # After an error, downloads that wait are dropped.
            for download in downloads:
                download.cancel()


def require_utf8(item: s3.S3Object, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks; raise `DataError` if they begin with a mark of UTF-16 or 32."""
    is_first = True
    for chunk in chunks:
        if is_first:
            is_first = False
            for mark, encoding in WIDE_ENCODINGS.items():
                if chunk.startswith(mark):
                    cause = f"it is in {encoding}, not in UTF-8"
                    raise unreadable(item.url, cause)
        yield chunk


def _plan(objects: Sequence[s3.S3Object]) -> list[list[s3.S3Object]]:
    """Group the objects into batches of about `BATCH_BYTES` when unpacked."""
    planned: list[list[s3.S3Object]] = []
    remaining_bytes = 0
    for item in objects:
        size = item.size * (ASSUMED_COMPRESSION_RATIO if is_compressed(item) else 1)
        if not planned or size > remaining_bytes:
            planned.append([])
            remaining_bytes = BATCH_BYTES
        planned[-1].append(item)
        remaining_bytes -= size
    return planned


def _download(item: s3.S3Object, path: Path) -> SpooledObject:
    """Write the object's lines to `path`."""
    lines = not_utf8 = unchecked_bytes = 0
    _require_disk_space(item, path, size=item.size)
    try:
        with path.open("wb") as file:
            for block in read_blocks(require_utf8(item, read_chunks(item))):
                interruption.check()
                file.write(block.text)
                lines += block.text.count(b"\n")
                not_utf8 += block.not_utf8
                unchecked_bytes += len(block.text)
                if unchecked_bytes > DISK_CHECK_BYTES:
                    _require_disk_space(item, path)
                    unchecked_bytes = 0
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _disk_full(item, path) from error
        raise
    if not_utf8:
        _require_text(item, path, not_utf8=not_utf8)
    return SpooledObject(item=item, path=path, lines=lines)


def _require_text(item: s3.S3Object, path: Path, *, not_utf8: int) -> None:
    with path.open("rb") as file:
        lines = sum(not is_blank(line.rstrip(b"\n")) for line in file)
    if is_mostly_not_utf8(lines=lines, not_utf8=not_utf8):
        raise unreadable(item.url, MOSTLY_NOT_UTF8)


def _require_disk_space(item: s3.S3Object, path: Path, *, size: int = 0) -> None:
    """Raise `ConfigError` unless `size` bytes and a reserve are free."""
    if shutil.disk_usage(path.parent).free < size + DISK_RESERVE_BYTES:
        raise _disk_full(item, path)


def _disk_full(item: s3.S3Object, path: Path) -> ConfigError:
    folder = path.parent.parent
    free = shutil.disk_usage(folder).free / GIB
    return ConfigError(
        f"The disk of {folder} is too full to unpack {item.url} ({item.size:,} bytes "
        f"packed): {free:.1f} GiB are free, of which {DISK_RESERVE_BYTES / GIB:.0f} "
        f"stay free. Free some space, or set TMPDIR to a folder on a larger disk."
    )
