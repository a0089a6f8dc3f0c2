"""Decompress objects and split them into blocks of lines, in bounded memory."""

import bz2
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import zstandard
from isal import isal_zlib

from tests.emulators.redshift.errors import RedshiftError

PLAIN_CHUNK = 1024 * 1024
# A compressed chunk can expand a thousandfold.
COMPRESSED_CHUNK = 64 * 1024
MAX_LINE_BYTES = 4 * 1024 * 1024
GZIP_WINDOW = 31


class Decompressor(Protocol):
    """The common interface of the compression libraries' decompressors."""

    @property
    def eof(self) -> bool:
        """Whether the compressed stream has ended."""

    @property
    def unused_data(self) -> bytes:
        """The data after the end of the stream."""

    def decompress(self, data: bytes) -> bytes:
        """Decompress more data."""


DECOMPRESSORS: dict[str, Callable[[], Decompressor]] = {
    "gzip": lambda: isal_zlib.decompressobj(GZIP_WINDOW),
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    "bzip2": bz2.BZ2Decompressor,
}


@dataclass(frozen=True)
class LineBlock:
    """Consecutive lines without their line ends.

    `first` is the number of the first line, from 1. `data` is the text with line ends.
    """

    first: int
    lines: list[bytes]
    data: bytes


def chunk_size(compression: str) -> int:
    """Return the size of the chunks in which objects are read, in bytes."""
    return COMPRESSED_CHUNK if compression else PLAIN_CHUNK


def decompress(chunks: Iterator[bytes], url: str, compression: str) -> Iterator[bytes]:
    """Yield an object's content; raise RedshiftError if it is damaged."""
    if not compression:
        yield from chunks
        return
    create = DECOMPRESSORS[compression]
    try:
        yield from _decompress_streams(chunks, create)
    except (isal_zlib.error, zstandard.ZstdError, OSError, EOFError) as error:
        raise RedshiftError(
            f"The {compression} data of {url} cannot be read: {error}"
        ) from error


def _decompress_streams(
    chunks: Iterable[bytes], create: Callable[[], Decompressor]
) -> Iterator[bytes]:
    """Decompress one or more concatenated streams."""
    decompressor: Decompressor | None = None
    is_empty = True
    for chunk in chunks:
        rest, is_empty = chunk, False
        while rest:
            decompressor = decompressor or create()
            out = decompressor.decompress(rest)
            if out:
                yield out
            if not decompressor.eof:
                break
            rest, decompressor = decompressor.unused_data.lstrip(b"\0"), None
    if decompressor is not None or is_empty:
        raise EOFError("unexpected end of data")


def split_lines(chunks: Iterable[bytes]) -> Iterator[LineBlock]:
    """Yield blocks of complete lines; the last line may lack its line end.

    Raises RedshiftError for a line of more than MAX_LINE_BYTES, as Redshift does
    whatever MAXERROR is.
    """
    pending = b""
    number = 1
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if end:
            data = pending + chunk[:end]
            lines = data[:-1].split(b"\n")
            _check_lengths(lines)
            yield LineBlock(number, lines, data)
            number += len(lines)
            pending = chunk[end:]
        else:
            pending += chunk
        _check_lengths([pending])
    if pending:
        yield LineBlock(number, [pending], pending + b"\n")


def _check_lengths(lines: list[bytes]) -> None:
    if max(map(len, lines)) > MAX_LINE_BYTES:
        raise RedshiftError(
            "Input row exceeds the maximum row size of 4 MB",
            detail="the row is longer than 4194304 bytes",
        )
