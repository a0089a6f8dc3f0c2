"""Lines that COPY refuses, and objects that it cannot read because of them.

COPY refuses lines that are not UTF-8, too long, or contain its delimiter. It reports
their objects, and this process reads them there. A row over 4 MB fails the whole COPY;
the object is then copied without such lines, and COPY reads the copy.
"""

import gzip
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loaders import aws_errors, s3, warehouse
from loaders.errors import DataError
from loaders.ledger.rejects import REFUSED_BY_COPY
from loaders.raw import object_lines, rules
from loaders.raw.object_lines import LongLine
from loaders.raw.records import Record, RecordParser, Reject, is_blank
from loaders.raw.redshift import copy_objects, views
from loaders.raw.redshift.copy_objects import DELIMITER, Copy, CopyFailedError, Source
from loaders.raw.unpack import is_compressed

# Words of errors about gzip and zstd data. This process has read that data to its end,
# so it is valid, but may have members, frames or padding that the cluster cannot read.
PACKING_ERROR = "gzip|zlib|zstd|compress|inflate|corrupt"
COPY_ROW_BYTES = 4_000_000  # COPY's limit is 4 MB, whichever MB that is
SPLIT_BYTES = 64 << 20  # COPY may split plain objects from 128 MB on
REFUSED_BYTES = (b"\0", DELIMITER.encode())

IsRefused = Callable[[int, bytes | LongLine], bool]


@dataclass(frozen=True)
class RefusedLine:
    """A line that is not in COPY's table, and what it is by the text rules.

    The result is None for a blank line. Item and number are None if the line could not
    be found. `is_recognized` is whether this process can see why it is not there.
    """

    item: s3.S3Object | None
    line_number: int | None
    result: Record | Reject | None
    is_recognized: bool = False


def find(copies: Sequence[Copy], parser: RecordParser) -> dict[str, list[RefusedLine]]:
    """Return the lines that COPY refused by load id, read from their objects.

    Raises `DataError` if an object is no text.
    """
    found: dict[str, list[RefusedLine]] = defaultdict(list)
    for copy in copies:
        count = len(copy.errors) if copy.refused is None else copy.refused
        if count:
            found[copy.load.load_id] += _find(copy, count, parser)
    return found


def recover(
    failed: CopyFailedError, parser: RecordParser, *, folder_url: str
) -> tuple[dict[str, Source], list[RefusedLine]]:
    """Return what to read instead of the objects that COPY cannot read.

    Those have a row that is too long, or are packed in an unusual way. The keys are the
    objects' URLs. The second value are the lines that were left out. Raises an error
    that names the cause if there is no such object.
    """
    copy = failed.copy
    items = [source.item for source in copy.sources if not source.is_copy]
    if not isinstance(failed.error, DataError):
        _raise_s3_error(failed, items)
        raise failed.error
    _raise_too_many_errors(failed)
    lengths = object_lines.in_parallel(_longest_row, items)
    is_about_packing = re.search(PACKING_ERROR, str(failed.error), re.IGNORECASE)
    concerned = [
        item
        for item, length in zip(items, lengths, strict=True)
        if length > COPY_ROW_BYTES or (is_about_packing and is_compressed(item))
    ]
    if not concerned:
        raise failed.error
    sources: dict[str, Source] = {}
    refused: list[RefusedLine] = []
    for number, item in enumerate(concerned):
        url = f"{folder_url}/{copy.table}-{number}.gz"
        sources[item.url], lines = _copy_without_refused_lines(item, parser, url)
        refused += lines
    return sources, refused


def _find(copy: Copy, count: int, parser: RecordParser) -> list[RefusedLine]:
    """Return `count` refused lines of a COPY.

    They are the lines that cannot be in a text column. Only if their number differs,
    the line numbers that COPY reported decide.
    """
    names = Counter(views.file_name(source.url) for source in copy.sources)
    numbers: dict[str, set[int]] = defaultdict(set)
    for error in copy.errors:
        numbers[error.file_name].add(error.line_number)
    is_complete = len(copy.errors) >= count

    def read(source: Source) -> tuple[list[RefusedLine], list[RefusedLine]]:
        name = views.file_name(source.url)
        is_cut = views.is_cut(source.url)
        if is_complete and name not in numbers and not is_cut:
            return [], []
        has_numbers = names[name] == 1 and not is_cut and not _may_be_split(source)
        reported = numbers[name] if has_numbers else set[int]()
        lines = _read(
            source.item,
            parser,
            lambda number, line: number in reported or _is_refused(line),
        )
        return (
            [line for line in lines if line.is_recognized],
            [line for line in lines if line.line_number in reported],
        )

    read_lines = object_lines.in_parallel(read, copy.sources)
    recognized = [line for lines, _ in read_lines for line in lines]
    reported = [line for _, lines in read_lines for line in lines]
    is_recognized = len(recognized) == count or len(reported) != count
    found = (recognized if is_recognized else reported)[:count]
    messages = [error.message for error in copy.errors] or ["unknown cause"]
    unknown = Reject(f"{REFUSED_BY_COPY}: {messages[0]}", "")
    return [*found, *[RefusedLine(None, None, unknown)] * (count - len(found))]


def _may_be_split(source: Source) -> bool:
    """Return whether the line numbers of COPY may be those of a part of the object."""
    is_plain = not copy_objects.compression(source.url)
    return is_plain and source.item.size >= SPLIT_BYTES


def _is_refused(line: bytes | LongLine) -> bool:
    if isinstance(line, LongLine):
        return True
    return not _is_utf8(line) or any(refused in line for refused in REFUSED_BYTES)


def _is_utf8(line: bytes | LongLine) -> bool:
    if isinstance(line, LongLine):
        return line.is_utf8
    if line.isascii():
        return True
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(
    item: s3.S3Object,
    parser: RecordParser,
    is_refused: IsRefused,
    *,
    write: Callable[[bytes], object] = len,
) -> list[RefusedLine]:
    """Parse the refused lines of an object; pass every other line to `write`.

    A refused line is replaced by an empty one, so that line numbers stay the same.
    Raises `DataError` if most lines are not UTF-8.
    """
    refused = []
    lines = not_utf8 = 0
    for number, line in enumerate(object_lines.read(item), start=1):
        if not (line.is_blank if isinstance(line, LongLine) else is_blank(line)):
            lines += 1
            not_utf8 += not _is_utf8(line)
        if is_refused(number, line):
            result = object_lines.parse(parser, line)
            refused.append(RefusedLine(item, number, result, _is_refused(line)))
            line = b""
        if isinstance(line, bytes):
            write(line + b"\n")
    if rules.is_mostly_not_utf8(lines=lines, not_utf8=not_utf8):
        raise rules.unreadable(item.url, rules.MOSTLY_NOT_UTF8)
    return refused


def _longest_row(item: s3.S3Object) -> int:
    return max(
        (line.length for line in object_lines.read(item) if isinstance(line, LongLine)),
        default=0,
    )


def _copy_without_refused_lines(
    item: s3.S3Object, parser: RecordParser, url: str
) -> tuple[Source, list[RefusedLine]]:
    with tempfile.TemporaryDirectory(prefix="nightshift-copy-") as folder:
        path = Path(folder) / "object.gz"
        lines = 0

        def write(line: bytes) -> None:
            nonlocal lines
            lines += 1
            file.write(line)

        with gzip.open(path, "wb", compresslevel=1) as file:
            refused = _read(
                item, parser, lambda _, line: _is_refused(line), write=write
            )
        s3.upload(path, url)
        size = path.stat().st_size
    return Source(item, url, size=size, lines=lines), refused


def _raise_s3_error(failed: CopyFailedError, items: Sequence[s3.S3Object]) -> None:
    """Raise the error of the object that S3 did not let the cluster read, if any.

    COPY does not name the object, so each is opened with this process's own rights.
    """
    url = failed.copy.load.partition.url
    error = aws_errors.classify_message(url, str(failed.error))
    if error is not None:
        object_lines.in_parallel(_open, items)
        raise error from failed.error


def _open(item: s3.S3Object) -> None:
    with s3.open_object(item):
        return


def _raise_too_many_errors(failed: CopyFailedError) -> None:
    """Raise `DataError` if COPY failed because it refused too many lines."""
    copy = failed.copy
    if "load_error" not in str(failed.error):  # the view that the message points to
        return
    with warehouse.session() as other:
        count, name, message = views.read_failure(other, copy.table)
    if count < copy_objects.MAXERROR:
        return
    for source in copy.sources:
        if views.file_name(source.url) == name:
            _require_text(source.item)
    raise DataError(
        f"COPY refused {count:,} lines of {copy.load.partition.url}, as many as it "
        f"tolerates. Most are in {name}: {message}. No line of the partition was "
        f"loaded; existing data is unchanged. Ask the producer to re-deliver it."
    ) from failed.error


def _require_text(item: s3.S3Object) -> None:
    lines = not_utf8 = 0
    for line in object_lines.read(item):
        lines += 1
        not_utf8 += not _is_utf8(line)
    if rules.is_mostly_not_utf8(lines=lines, not_utf8=not_utf8):
        raise rules.unreadable(item.url, rules.MOSTLY_NOT_UTF8)
