"""Download and unpack S3 objects to temporary files, which DuckDB then reads.

Objects are unpacked in chunks while they are downloaded. An object that cannot be read
(truncated, damaged, mostly invalid UTF-8) is reported here by its URL.
"""

import codecs
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import zstandard
from isal import isal_zlib

from loaders import s3
from loaders.errors import DataError
from loaders.raw.rules import (
    MAX_REJECT_CHARACTERS,
    MOSTLY_INVALID_UTF8,
    unreadable_message,
)

CHUNK_BYTES = 128 << 10  # fits the processor's cache, also when unpacked
THREADS = 2
BATCH_BYTES = 512 << 20
ASSUMED_COMPRESSION_RATIO = 8
INVALID_UTF8_MARK = b"\0"  # at the start of a line; the SQL rejects lines with NUL
GZIP_WBITS = 31  # zlib's code for a gzip header and the largest window
DECOMPRESSION_ERRORS = (
    cast("type[Exception]", isal_zlib.error),  # its stub declares an instance
    zlib.error,
    zstandard.ZstdError,
)


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
    that cannot be read.
    """
    planned = _plan(objects)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="spool") as pool:

        def start(number: int) -> list[Future[SpooledObject]]:
            return [
                pool.submit(_download, item, folder / f"{number}-{position}")
                for position, item in enumerate(planned[number])
            ]

        downloads = start(0) if planned else []
        for number in range(len(planned)):
            batch = [download.result() for download in downloads]
            if number + 1 < len(planned):
                downloads = start(number + 1)
            yield batch
            for spooled in batch:
                spooled.path.unlink()


def read_lines(item: s3.S3Object, numbers: Collection[int]) -> dict[int, str]:
    """Read some of an object's lines from S3; return their text by line number from 1.

    Invalid UTF-8 is replaced by U+FFFD, and long lines are cut to fit into
    `ops.load_rejects`.
    """
    wanted, lines, number, rest = set(numbers), {}, 0, b""
    with s3.open_object(item) as body:
        for chunk in _normalize_line_ends(_unpack(item, body)):
            *ended, rest = (rest + chunk).split(b"\n")
            for line in ended:
                number += 1
                if number in wanted:
                    lines[number] = _reject_text(line)
            if number >= max(wanted):
                return lines
    if rest and number + 1 in wanted:
        lines[number + 1] = _reject_text(rest)
    return lines


def _reject_text(line: bytes) -> str:
    text = line.decode("utf-8", "replace").replace("\0", "")
    return text[:MAX_REJECT_CHARACTERS]


def _plan(objects: Sequence[s3.S3Object]) -> list[list[s3.S3Object]]:
    """Group the objects into batches of about `BATCH_BYTES` when unpacked."""
    planned: list[list[s3.S3Object]] = []
    remaining_bytes = 0
    for item in objects:
        size = item.size * (ASSUMED_COMPRESSION_RATIO if _is_compressed(item) else 1)
        if not planned or size > remaining_bytes:
            planned.append([])
            remaining_bytes = BATCH_BYTES
        planned[-1].append(item)
        remaining_bytes -= size
    return planned


def _is_compressed(item: s3.S3Object) -> bool:
    return item.name.endswith((".gz", ".zst"))


def _download(item: s3.S3Object, path: Path) -> SpooledObject:
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, last_byte, is_utf8 = 0, b"\n", True
    with s3.open_object(item) as body, path.open("wb") as file:
        for chunk in _normalize_line_ends(_unpack(item, body)):
            lines += chunk.count(b"\n")
            last_byte = chunk[-1:] or last_byte
            file.write(chunk)
            if is_utf8:
                is_utf8 = _is_valid_utf8(decoder, chunk)
    is_utf8 = is_utf8 and _is_valid_utf8(decoder, b"", is_last=True)
    if not is_utf8:
        _mark_invalid_lines(item, path)
    return SpooledObject(item=item, path=path, lines=lines + (last_byte != b"\n"))


def _is_valid_utf8(
    decoder: codecs.IncrementalDecoder, chunk: bytes, *, is_last: bool = False
) -> bool:
    # Most chunks are ASCII, which is ten times as fast to check.
    if chunk.isascii() and not decoder.getstate()[0]:
        return True
    try:
        decoder.decode(chunk, is_last)
    except UnicodeDecodeError:
        return False
    return True


def _unpack(item: s3.S3Object, body: IO[bytes]) -> Iterator[bytes]:
    if item.name.endswith(".gz"):
        return _decompress(
            item, body, "gzip", lambda: isal_zlib.decompressobj(GZIP_WBITS)
        )
    if item.name.endswith(".zst"):
        return _decompress(
            item, body, "zstd", lambda: zstandard.ZstdDecompressor().decompressobj()
        )
    return iter(lambda: body.read(CHUNK_BYTES), b"")


def _normalize_line_ends(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """End every line with LF alone, the only line end that DuckDB is set to read.

    DuckDB would also split a line at any other CR. Such a CR becomes a vertical tab,
    which is also invalid in JSON.
    """
    trailing_cr = b""
    for chunk in chunks:
        chunk = trailing_cr + chunk
        trailing_cr = b""
        if b"\r" in chunk:
            if chunk.endswith(b"\r"):
                chunk, trailing_cr = chunk[:-1], b"\r"
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\v")
        if chunk:
            yield chunk


def _decompress(
    item: s3.S3Object,
    body: IO[bytes],
    compression: str,
    create_decompressor: Callable[[], Any],
) -> Iterator[bytes]:
    """Decompress all members (gzip) or frames (zstd); the last must be complete."""
    decompressor = create_decompressor()
    is_complete = False
    while packed := body.read(CHUNK_BYTES):
        while packed:
            if is_complete:
                decompressor, is_complete = create_decompressor(), False
            try:
                chunk = decompressor.decompress(packed)
            except DECOMPRESSION_ERRORS as error:
                raise DataError(
                    unreadable_message(
                        item.url, f"it is not valid {compression} ({error})"
                    )
                ) from None
            if chunk:
                yield chunk
            is_complete = decompressor.eof
            packed = decompressor.unused_data.lstrip(b"\0") if is_complete else b""
    if not is_complete:
        raise DataError(
            unreadable_message(item.url, f"its {compression} data is truncated")
        )


def _mark_invalid_lines(item: s3.S3Object, path: Path) -> None:
    """Put a NUL before each line that is not valid UTF-8, so that it is rejected.

    Raises `DataError` if more than half of the lines are not valid UTF-8.
    """
    marked = path.with_suffix(".marked")
    lines = invalid = 0
    with path.open("rb") as original, marked.open("wb") as file:
        for line in original:
            lines += 1
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                invalid += 1
                line = INVALID_UTF8_MARK + line.decode("utf-8", "replace").encode()
            file.write(line)
    if invalid * 2 > lines:
        raise DataError(unreadable_message(item.url, MOSTLY_INVALID_UTF8))
    marked.replace(path)
