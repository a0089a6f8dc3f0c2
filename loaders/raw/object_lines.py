"""Stream the lines of S3 objects, and find lines in them.

Redshift reads the objects itself. This process reads them only to find rejected lines,
or when COPY fails.
"""

import codecs
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

from loaders import s3
from loaders.raw.records import (
    BYTE_ORDER_MARK,
    Record,
    RecordParser,
    Reject,
    reject_text,
)
from loaders.raw.rules import MAX_LINE_BYTES, NOT_UTF8, TOO_LONG
from loaders.raw.spool import require_utf8
from loaders.raw.unpack import read_chunks

THREADS = 8
BLANKS = b" \t\r"

Key = TypeVar("Key", bytes, str)
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True)
class LongLine:
    """A line over `MAX_LINE_BYTES`: its start, its length and whether it is UTF-8.

    The start has one byte more than a line may have.
    """

    start: bytes
    length: int = 0
    is_utf8: bool = True
    is_blank: bool = True


class _LongLineReader:
    """Reads the rest of a long line in bounded memory."""

    def __init__(self, start: bytes) -> None:
        self.line = LongLine(b"")
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.add(start)

    def add(self, part: bytes, *, is_last: bool = False) -> None:
        line = self.line
        if len(line.start) <= MAX_LINE_BYTES:
            line.start = (line.start + part)[: MAX_LINE_BYTES + 1]
        line.length += len(part)
        self.line.is_blank = self.line.is_blank and not part.strip(BLANKS)
        try:
            if self.line.is_utf8:
                self._decoder.decode(part, is_last)
        except UnicodeDecodeError:
            self.line.is_utf8 = False

    def finish(self) -> LongLine:
        self.add(b"", is_last=True)
        return self.line


def read(item: s3.S3Object) -> Iterator[bytes | LongLine]:
    """Yield an object's lines without their LF, in bounded memory.

    Raises `DataError` if the object cannot be read to its end.
    """
    pending, long_line = b"", None
    for chunk in require_utf8(item, read_chunks(item)):
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            if long_line is not None:
                long_line.add(line)
                yield long_line.finish()
            else:
                yield _line(pending + line)
            pending, long_line = b"", None
        if long_line is not None:
            long_line.add(rest)
        elif len(pending) + len(rest) > MAX_LINE_BYTES:
            long_line, pending = _LongLineReader(pending + rest), b""
        else:
            pending += rest
    if long_line is not None:
        yield long_line.finish()
    elif pending:
        yield _line(pending)


def _line(line: bytes) -> bytes | LongLine:
    return line if len(line) <= MAX_LINE_BYTES else _LongLineReader(line).finish()


def parse(parser: RecordParser, line: bytes | LongLine) -> Record | Reject | None:
    """Parse a line that may be long; None if it is blank."""
    if isinstance(line, bytes):
        return parser.parse(line)
    if line.is_blank:
        return None
    return Reject(
        TOO_LONG if line.is_utf8 else NOT_UTF8,
        reject_text(line.start.removeprefix(BYTE_ORDER_MARK)),
    )


def count(item: s3.S3Object) -> int:
    """Return the number of an object's lines, blank ones included."""
    return sum(1 for _ in read(item))


def digest(line: bytes | LongLine) -> bytes:
    """Return a hash of a line that is the same before and after COPY."""
    content = line.start if isinstance(line, LongLine) else line
    content = content.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r")
    return blake2b(content, digest_size=16).digest()


def ledger_text(line: bytes | LongLine) -> str:
    """Return a line's text as `ops.load_rejects` has it."""
    content = line.start if isinstance(line, LongLine) else line
    return reject_text(content.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r"))


def locate(
    items: Sequence[s3.S3Object],
    wanted: Counter[Key],
    *,
    key: Callable[[bytes | LongLine], Key],
) -> dict[Key, list[tuple[s3.S3Object, int]]]:
    """Return the objects and line numbers of lines by their key.

    `key` is `digest`, or `ledger_text` to find rejects after their load. `wanted` has
    the number of lines of each key. Streams the objects until all are found; lines that
    are not found are absent.
    """
    remaining = Counter(wanted)
    lock = threading.Lock()
    found: dict[Key, list[tuple[int, int]]] = {}

    def search(position: int) -> None:
        if not remaining:
            return
        for number, line in enumerate(read(items[position]), start=1):
            line_key = key(line)
            if line_key in wanted:
                with lock:
                    if remaining[line_key]:
                        found.setdefault(line_key, []).append((position, number))
                        remaining[line_key] -= 1
                        if not remaining[line_key]:
                            del remaining[line_key]
            if not remaining:
                return

    in_parallel(search, range(len(items)))
    return {
        line_key: [(items[position], number) for position, number in sorted(places)]
        for line_key, places in found.items()
    }


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Run `work` on every item in a few threads; raise the first error at once."""
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")
    try:
        futures = [threads.submit(work, item) for item in items]
        return [future.result() for future in futures]
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
