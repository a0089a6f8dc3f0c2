"""COPY of CSV. Quoted fields may contain delimiters, doubled quotes and line ends."""

import csv
from collections.abc import Iterable, Iterator

from tests.emulators.redshift.load.delimited_format import EXTRA, decode_line
from tests.emulators.redshift.load.rejects import BadValue, RowLocation
from tests.emulators.redshift.load.sink import Sink
from tests.emulators.redshift.load.streams import MAX_LINE_BYTES, LineBlock

csv.field_size_limit(MAX_LINE_BYTES)


class _Lines:
    """Iterates over the lines of one object as text.

    `raw` holds the lines of the row being read, `first` the number of its first line.
    """

    def __init__(self, blocks: Iterable[LineBlock], sink: Sink, url: str) -> None:
        self._blocks = blocks
        self._sink = sink
        self._url = url
        self.count = 0
        self.first = 1
        self.raw: list[bytes] = []

    def __iter__(self) -> Iterator[str]:
        for block in self._blocks:
            for number, line in enumerate(block.lines, start=block.first):
                self.count = number
                if number <= self._sink.options.ignoreheader:
                    continue
                try:
                    text = decode_line(line, self._sink.options.replacement)
                except BadValue as problem:
                    self._sink.reject(RowLocation(self._url, number, line), problem)
                    continue
                if not self.raw:
                    self.first = number
                self.raw.append(line)
                yield text.removesuffix("\r") + "\n"

    def finish_row(self) -> RowLocation:
        """Return the location of the row just read and begin the next row."""
        location = RowLocation(self._url, self.first, b"\n".join(self.raw))
        self.raw = []
        return location


def load(blocks: Iterable[LineBlock], sink: Sink, url: str) -> int:
    """Load the rows of one object; return its number of lines."""
    options = sink.options
    lines = _Lines(blocks, sink, url)
    source = iter(lines)
    rows = csv.reader(
        source, delimiter=options.delimiter, quotechar=options.quote, strict=True
    )
    while True:
        try:
            fields = next(rows)
        except StopIteration:
            return lines.count
        except csv.Error as error:
            sink.reject(lines.finish_row(), BadValue(1216, f"Invalid CSV: {error}"))
            rows = csv.reader(
                source,
                delimiter=options.delimiter,
                quotechar=options.quote,
                strict=True,
            )
            continue
        _load_row(fields, sink, lines.finish_row())


def _load_row(fields: list[str], sink: Sink, location: RowLocation) -> None:
    width, flags = len(sink.target.columns), sink.options.flags
    if not location.line.strip():
        if "ignoreblanklines" in flags:
            return
        fields = fields or [""]
    if len(fields) > width:
        sink.reject(location, BadValue(1202, EXTRA))
    elif len(fields) < width and "fillrecord" not in flags:
        sink.reject(location, BadValue(1214, "Delimiter not found"))
    else:
        sink.add_row([*fields, *[None] * (width - len(fields))], location)
