"""Read and unpack an S3 object as chunks of bytes, in bounded memory."""

import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

import zstandard
from isal import isal_zlib

from loaders import s3
from loaders.config import settings
from loaders.raw.rules import unreadable

CHUNK_BYTES = 128 << 10  # fits the processor's cache, also when unpacked
# A packed slice unpacks to about 16 MB (gzip) or 64 MB (zstd) at most.
GZIP_SLICE_BYTES = 16 << 10
ZSTD_SLICE_BYTES = 2 << 10
GZIP_WBITS = 31  # zlib's code for a gzip header and the largest window
DECOMPRESSION_ERRORS = (
    cast("type[Exception]", isal_zlib.error),  # its stub declares an instance
    zlib.error,
    zstandard.ZstdError,
)
GIB = 1 << 30


def is_compressed(item: s3.S3Object) -> bool:
    """Return whether the object's name says that it is compressed."""
    return item.name.endswith((".gz", ".zst"))


def read_chunks(item: s3.S3Object) -> Iterator[bytes]:
    """Yield the object's unpacked content in chunks of 128 kB or more.

    Raises `DataError` naming an object that is damaged or truncated, or that unpacks to
    more than `NIGHTSHIFT_MAX_UNPACKED_GIB`.
    """
    with s3.open_object(item) as body:
        pending: list[bytes] = []
        size = 0
        for chunk in _unpack(item, body):
            pending.append(chunk)
            size += len(chunk)
            if size >= CHUNK_BYTES:
                yield b"".join(pending)
                pending, size = [], 0
        if size:
            yield b"".join(pending)


def _unpack(item: s3.S3Object, body: IO[bytes]) -> Iterator[bytes]:
    if item.name.endswith(".gz"):
        chunks = _decompress(
            item,
            _slices(body, GZIP_SLICE_BYTES),
            compression="gzip",
            create_decompressor=lambda: isal_zlib.decompressobj(GZIP_WBITS),
        )
        return _limited(item, chunks)
    if item.name.endswith(".zst"):
        chunks = _decompress(
            item,
            _slices(body, ZSTD_SLICE_BYTES),
            compression="zstd",
            create_decompressor=lambda: zstandard.ZstdDecompressor().decompressobj(),
        )
        return _limited(item, chunks)
    return iter(lambda: body.read(CHUNK_BYTES), b"")


def _slices(body: IO[bytes], size: int) -> Iterator[bytes]:
    while packed := body.read(CHUNK_BYTES):
        for start in range(0, len(packed), size):
            yield packed[start : start + size]


def _decompress(
    item: s3.S3Object,
    slices: Iterator[bytes],
    *,
    compression: str,
    create_decompressor: Callable[[], Any],
) -> Iterator[bytes]:
    """Decompress all members (gzip) or frames (zstd); NULs may follow each of them.

    An object without any bytes is empty; otherwise the last member must be complete.
    """
    decompressor = create_decompressor()
    is_started = is_complete = False
    for packed in slices:
        if is_complete:
            packed = packed.lstrip(b"\0")
        while packed:
            if is_complete:
                decompressor, is_complete = create_decompressor(), False
            is_started = True
            try:
                chunk = decompressor.decompress(packed)
            except DECOMPRESSION_ERRORS as error:
                raise unreadable(
                    item.url, f"it is not valid {compression} ({error})"
                ) from None
            if chunk:
                yield chunk
            is_complete = decompressor.eof
            packed = decompressor.unused_data.lstrip(b"\0") if is_complete else b""
    if is_started and not is_complete:
        raise unreadable(item.url, f"its {compression} data is truncated")


def _limited(item: s3.S3Object, chunks: Iterator[bytes]) -> Iterator[bytes]:
    limit = settings.load().max_unpacked_gib
    unpacked = 0
    for chunk in chunks:
        unpacked += len(chunk)
        if unpacked > limit * GIB:
            raise unreadable(
                item.url,
                f"it unpacks to more than {limit:g} GiB. If its size is right, "
                f"raise NIGHTSHIFT_MAX_UNPACKED_GIB",
            )
        yield chunk
