"""An object's bytes, unpacked, and cut into blocks of lines. Memory is bounded."""

import bz2
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import zstandard
from isal import isal_zlib

from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.load.objects import S3Object, Storage

PLAIN_CHUNK = 1024 * 1024
# A packed chunk may become a thousand times as long.
PACKED_CHUNK = 64 * 1024
LONGEST_LINE = 4 * 1024 * 1024
GZIP_WINDOW = 31


class Unpacker(Protocol):
    """What the libraries for compressed data have in common."""

    @property
    def eof(self) -> bool:
        """Whether the packed stream is at its end."""

    @property
    def unused_data(self) -> bytes:
        """What came behind that end."""

    def decompress(self, data: bytes) -> bytes:
        """Unpack some more."""


UNPACKERS: dict[str, Callable[[], Unpacker]] = {
    "gzip": lambda: isal_zlib.decompressobj(GZIP_WINDOW),
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "bzip2": bz2.BZ2Decompressor,
}


@dataclass(frozen=True)
class Block:
    """Some lines without their ends, the number of the first, counted from 1.

    `data` has them with their ends. With `is_cut` it is the beginning of one line that
    is too long to be a row.
    """

    first: int
    lines: list[bytes]
    data: bytes
    is_cut: bool = False


def unpacked(storage: Storage, item: S3Object, compression: str) -> Iterator[bytes]:
    """Yield an object's content; RedshiftError names it when it is damaged."""
    if not compression:
        yield from storage.chunks(item, PLAIN_CHUNK)
        return
    make = UNPACKERS[compression]
    try:
        yield from _unpack(storage.chunks(item, PACKED_CHUNK), make)
    except (isal_zlib.error, zstandard.ZstdError, OSError, EOFError) as error:
        raise RedshiftError(
            f"The {compression} data of {item.url} cannot be read: {error}"
        ) from error


def _unpack(chunks: Iterable[bytes], make: Callable[[], Unpacker]) -> Iterator[bytes]:
    """Unpack streams that follow one another in one file."""
    unpacker: Unpacker | None = None
    for chunk in chunks:
        rest = chunk
        while rest:
            unpacker = unpacker or make()
            out = unpacker.decompress(rest)
            if out:
                yield out
            if not unpacker.eof:
                break
            rest, unpacker = unpacker.unused_data.lstrip(b"\0"), None
    if unpacker is not None:
        raise EOFError("it ends too early")


def blocks(chunks: Iterable[bytes]) -> Iterator[Block]:
    """Yield whole lines as they come; the last one needs no end."""
    pending = b""
    number = 1
    is_skipping = False
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if is_skipping:
            start = chunk.find(b"\n") + 1
            if not start:
                continue
            is_skipping, chunk, end = False, chunk[start:], end - start
        if end:
            data = pending + chunk[:end]
            lines = data[:-1].split(b"\n")
            yield Block(number, lines, data)
            number += len(lines)
            pending = chunk[end:]
        else:
            pending += chunk
        if len(pending) > LONGEST_LINE:
            yield Block(number, [pending], pending, is_cut=True)
            number, pending, is_skipping = number + 1, b"", True
    if pending:
        yield Block(number, [pending], pending + b"\n")
