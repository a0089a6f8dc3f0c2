"""Objects of a partition as plain files beside the embedded engine.

From S3, unpacked in chunks while they arrive; they live as long as the load does. What
is unreadable (truncated, not what its name says, not text) is found here, by name.
"""

import codecs
import zlib
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import zstandard
from isal import isal_zlib

from loaders import s3
from loaders.errors import DataError
from loaders.raw.rules import KEPT_CHARACTERS

CHUNK_BYTES = 128 << 10  # unpacked, still within the processor's cache
THREADS = 2
BATCH_BYTES = 512 << 20
UNPACKED_PER_PACKED = 8
NOT_TEXT = b"\0"
GZIP_WINDOW = 31


@dataclass(frozen=True)
class SpooledObject:
    """One object on disk: `lines` counts line ends, blank lines included."""

    item: s3.S3Object
    path: Path
    lines: int


def batches(
    objects: tuple[s3.S3Object, ...], folder: Path
) -> Iterator[list[SpooledObject]]:
    """Yield the objects in order, some files at a time, fetching the next ahead.

    A batch's files are removed when the next one is asked for. Raises `DataError`
    naming an object that cannot be read.
    """
    planned = _plan(objects)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="spool") as pool:
        fetched = [
            [
                pool.submit(_fetch, item, folder / f"{number}-{place}")
                for place, item in enumerate(batch)
            ]
            for number, batch in enumerate(planned[:1])
        ]
        for number in range(len(planned)):
            ready = [future.result() for future in fetched.pop()]
            if number + 1 < len(planned):
                fetched.append(
                    [
                        pool.submit(_fetch, item, folder / f"{number + 1}-{place}")
                        for place, item in enumerate(planned[number + 1])
                    ]
                )
            yield ready
            for spooled in ready:
                spooled.path.unlink()


def lines(item: s3.S3Object, numbers: Collection[int]) -> dict[int, str]:
    """Return the text of a few of an object's lines, by their numbers from 1.

    Bytes that are no text are replaced. For lines that a warehouse refused and
    does not show.
    """
    wanted, found, number, held = set(numbers), {}, 0, b""
    with s3.reading(item) as body:
        for chunk in _with_one_line_end(_unpacked(item, body)):
            *ended, held = (held + chunk).split(b"\n")
            for line in ended:
                number += 1
                if number in wanted:
                    found[number] = _shown(line)
            if number >= max(wanted):
                return found
    if held and number + 1 in wanted:
        found[number + 1] = _shown(held)
    return found


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace").replace("\0", "")[:KEPT_CHARACTERS]


def _plan(objects: tuple[s3.S3Object, ...]) -> list[list[s3.S3Object]]:
    planned: list[list[s3.S3Object]] = []
    room = 0
    for item in objects:
        size = item.size * (UNPACKED_PER_PACKED if _is_packed(item) else 1)
        if not planned or size > room:
            planned.append([])
            room = BATCH_BYTES
        planned[-1].append(item)
        room -= size
    return planned


def _is_packed(item: s3.S3Object) -> bool:
    return item.name.endswith((".gz", ".zst"))


def _fetch(item: s3.S3Object, path: Path) -> SpooledObject:
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines, last, is_text = 0, b"\n", True
    with s3.reading(item) as body, path.open("wb") as file:
        for chunk in _with_one_line_end(_unpacked(item, body)):
            lines += chunk.count(b"\n")
            last = chunk[-1:] or last
            file.write(chunk)
            if is_text:
                is_text = _decodes(decoder, chunk)
    is_text = is_text and _decodes(decoder, b"", is_last=True)
    if not is_text:
        _mark_lines_that_are_not_text(item, path)
    return SpooledObject(item=item, path=path, lines=lines + (last != b"\n"))


def _decodes(
    decoder: codecs.IncrementalDecoder, chunk: bytes, *, is_last: bool = False
) -> bool:
    if chunk.isascii() and not decoder.getstate()[0]:
        return True  # ten times as fast, and most chunks are
    try:
        decoder.decode(chunk, is_last)
    except UnicodeDecodeError:
        return False
    return True


def _unpacked(item: s3.S3Object, body: IO[bytes]) -> Iterator[bytes]:
    if item.name.endswith(".gz"):
        return _frames(item, body, "gzip", lambda: isal_zlib.decompressobj(GZIP_WINDOW))
    if item.name.endswith(".zst"):
        return _frames(
            item,
            body,
            "zstd",
            lambda: zstandard.ZstdDecompressor().decompressobj(),
        )
    return iter(lambda: body.read(CHUNK_BYTES), b"")


def _with_one_line_end(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """End every line with LF alone, which is all that the engine's reader knows.

    A CR that ends no line would be read as a line end: a vertical tab stands in for
    it, which JSON refuses just the same.
    """
    held = b""
    for chunk in chunks:
        chunk = held + chunk
        held = b""
        if b"\r" in chunk:
            if chunk.endswith(b"\r"):
                chunk, held = chunk[:-1], b"\r"
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\v")
        if chunk:
            yield chunk


def _frames(
    item: s3.S3Object,
    body: IO[bytes],
    name: str,
    opened: Callable[[], Any],
) -> Iterator[bytes]:
    """Unpack frames one after another; each must be whole."""
    frame = opened()
    is_whole = False
    while packed := body.read(CHUNK_BYTES):
        while packed:
            if is_whole:
                frame, is_whole = opened(), False
            try:
                chunk = frame.decompress(packed)
            except (isal_zlib.error, zlib.error, zstandard.ZstdError) as error:
                raise DataError(unreadable(item, f"is not {name} ({error})")) from None
            if chunk:
                yield chunk
            is_whole = frame.eof
            packed = frame.unused_data.lstrip(b"\0") if is_whole else b""
    if not is_whole:
        raise DataError(unreadable(item, f"ends in the middle of its {name} data"))


def _mark_lines_that_are_not_text(item: s3.S3Object, path: Path) -> None:
    """Put a NUL before each line that is not UTF-8, so that it is rejected as such.

    Only a broken object comes here. One with more broken lines than whole ones is
    not text at all.
    """
    marked = path.with_suffix(".marked")
    lines = broken = 0
    with path.open("rb") as given, marked.open("wb") as file:
        for line in given:
            lines += 1
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                broken += 1
                line = NOT_TEXT + line.decode("utf-8", "replace").encode()
            file.write(line)
    if broken * 2 > lines:
        raise DataError(unreadable(item, "is not text"))
    marked.replace(path)


def unreadable(item: s3.S3Object, what: str) -> str:
    """Say that an object cannot be read, and what to do."""
    return (
        f"{item.url} {what}. Have this object delivered again; nothing of its "
        f"partition was loaded and earlier content is as it was."
    )
