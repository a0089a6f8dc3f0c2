"""CSV: fields in quotes may hold the delimiter, the quote twice, and ends of lines."""

import csv
from collections.abc import Iterable, Iterator

from tests.emulators.redshift.load.delimited import EXTRA, TOO_LONG, text_of
from tests.emulators.redshift.load.rejects import BadValue, Place
from tests.emulators.redshift.load.sink import Sink
from tests.emulators.redshift.load.streams import LONGEST_LINE, Block

csv.field_size_limit(LONGEST_LINE)


class _Lines:
    """The lines of one object as text; remembers those of the row being read."""

    def __init__(self, blocks: Iterable[Block], sink: Sink, url: str) -> None:
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
                if block.is_cut:
                    self._sink.reject(Place(self._url, number, line), TOO_LONG)
                    continue
                try:
                    text = text_of(line, self._sink.options.replacement)
                except BadValue as problem:
                    self._sink.reject(Place(self._url, number, line), problem)
                    continue
                if not self.raw:
                    self.first = number
                self.raw.append(line)
                yield text.removesuffix("\r") + "\n"

    def place(self) -> Place:
        """Return where the row stands that was read, and begin the next one."""
        place = Place(self._url, self.first, b"\n".join(self.raw))
        self.raw = []
        return place


def load(blocks: Iterable[Block], sink: Sink, url: str) -> int:
    """Load the rows of one object; return how many lines there were."""
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
            sink.reject(lines.place(), BadValue(1216, f"Invalid CSV: {error}"))
            rows = csv.reader(
                source,
                delimiter=options.delimiter,
                quotechar=options.quote,
                strict=True,
            )
            continue
        _row(fields, sink, lines.place())


def _row(fields: list[str], sink: Sink, place: Place) -> None:
    width, flags = len(sink.target.columns), sink.options.flags
    if not place.line.strip():
        if "ignoreblanklines" in flags:
            return
        fields = fields or [""]
    if len(fields) > width:
        sink.reject(place, BadValue(1202, EXTRA))
    elif len(fields) < width and "fillrecord" not in flags:
        sink.reject(place, BadValue(1214, "Delimiter not found"))
    else:
        sink.row([*fields, *[None] * (width - len(fields))], place)
