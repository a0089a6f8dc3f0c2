"""Split the content of an object into lines that DuckDB's CSV reader can take.

An ordinary line stays as it is, without the CRs before its LF. A line that the reader
cannot take (invalid UTF-8, NUL, CR, a byte order mark, too long) becomes a marked line:
a NUL and a JSON text, which `read_marked_line` converts back. Memory is bounded, also
for a line of any length.
"""

import codecs
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from loaders.raw.records import BYTE_ORDER_MARK, Reject, is_blank, reject_text
from loaders.raw.rules import (
    MAX_LINE_BYTES,
    MAX_REJECT_CHARACTERS,
    NOT_UTF8,
    TOO_LONG,
)

MARK = "\0"
DELIMITER = "\x1f\x1e\x1f\x1e"  # of DuckDB's reader; a line that contains it is marked
# If every window of this size contains an LF, no line is too long.
WINDOW_BYTES = MAX_LINE_BYTES // 2
KEPT_BYTES = 4 * MAX_REJECT_CHARACTERS  # of a line that is too long


@dataclass(frozen=True)
class LineBlock:
    """Whole lines, each ended by LF, and how many of them are not UTF-8."""

    text: bytes
    not_utf8: int = 0


def read_blocks(chunks: Iterator[bytes]) -> Iterator[LineBlock]:
    """Yield the lines of the content in `chunks`, ordinary or marked."""
    rest, long_line = b"", None
    for chunk in chunks:
        if long_line is not None:
            end, has_ended, chunk = chunk.partition(b"\n")
            long_line.append(end)
            if not has_ended:
                continue
            yield long_line.block()
            long_line = None
        whole, line_end, tail = chunk.rpartition(b"\n")
        if line_end:
            yield _block(rest + whole + line_end)
            rest = tail
        else:
            rest += chunk
        if len(rest) > MAX_LINE_BYTES:
            long_line, rest = _LongLine(rest), b""
    if long_line is not None:
        yield long_line.block()
    elif rest:
        yield _block(rest + b"\n")


def read_marked_line(line: str) -> bytes | Reject:
    """Return a marked line's original bytes, or the reject if it is one."""
    content = json.loads(line.removeprefix(MARK))
    return content.encode() if isinstance(content, str) else Reject(**content)


def _block(lines: bytes) -> LineBlock:
    """Return the block of whole lines; most blocks need no look at single lines."""
    is_ascii = lines.isascii()
    is_clean = (
        (is_ascii or _is_utf8(lines))
        and b"\0" not in lines
        # A search for one byte is faster than for four.
        and (b"\x1f" not in lines or DELIMITER.encode() not in lines)
        and (is_ascii or not _has_byte_order_mark(lines))
        and all(
            lines.find(b"\n", start, start + WINDOW_BYTES) >= 0
            for start in range(0, len(lines) - WINDOW_BYTES, WINDOW_BYTES)
        )
    )
    if is_clean:
        text = lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines
        if b"\r" not in text:
            return LineBlock(text)
    return _block_of_single_lines(lines)


def _block_of_single_lines(lines: bytes) -> LineBlock:
    texts, not_utf8 = [], 0
    for line in lines.split(b"\n")[:-1]:
        content = line.rstrip(b"\r")
        if is_blank(line):
            texts.append(b"")
        elif not _is_utf8(content):
            not_utf8 += 1
            texts.append(_mark(Reject(NOT_UTF8, reject_text(content))))
        elif len(line) > MAX_LINE_BYTES:
            texts.append(_mark(Reject(TOO_LONG, reject_text(content))))
        elif (
            b"\0" in content
            or b"\r" in content
            or DELIMITER.encode() in content
            or content.startswith(BYTE_ORDER_MARK)
        ):
            texts.append(_mark(content.decode()))
        else:
            texts.append(content)
    return LineBlock(b"".join(text + b"\n" for text in texts), not_utf8)


def _has_byte_order_mark(lines: bytes) -> bool:
    """Return whether a line begins with a byte order mark."""
    return lines.startswith(BYTE_ORDER_MARK) or b"\n" + BYTE_ORDER_MARK in lines


def _mark(content: str | Reject) -> bytes:
    # JSON escapes every character that the reader cannot take.
    value = content if isinstance(content, str) else asdict(content)
    return (MARK + json.dumps(value)).encode()


def _is_utf8(text: bytes) -> bool:
    if text.isascii():  # ten times as fast as decoding
        return True
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class _LongLine:
    """A line that is too long to be kept: its start, and what its bytes are."""

    def __init__(self, start: bytes) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._start = b""
        self._is_utf8 = True
        self._is_blank = True
        self.append(start.removeprefix(BYTE_ORDER_MARK))

    def append(self, part: bytes) -> None:
        self._start += part[: KEPT_BYTES - len(self._start)]
        self._is_blank = self._is_blank and not part.strip(b" \t\r")
        self._decode(part)

    def block(self) -> LineBlock:
        self._decode(b"", is_last=True)
        if self._is_blank:
            return LineBlock(b"\n")
        reason = TOO_LONG if self._is_utf8 else NOT_UTF8
        text = _mark(Reject(reason, reject_text(self._start)))
        return LineBlock(text + b"\n", not_utf8=int(not self._is_utf8))

    def _decode(self, part: bytes, *, is_last: bool = False) -> None:
        if self._is_utf8:
            try:
                self._decoder.decode(part, is_last)
            except UnicodeDecodeError:
                self._is_utf8 = False
