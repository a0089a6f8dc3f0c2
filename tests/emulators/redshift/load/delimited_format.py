"""COPY of delimited text.

Lines of a single column are sent in blocks where possible, all others one by one.
"""

from collections.abc import Iterable, Iterator

from tests.emulators.redshift.load.rejects import BadValue, RowLocation
from tests.emulators.redshift.load.sink import Sink
from tests.emulators.redshift.load.streams import LineBlock

NO_DATA = "Input line contained no data"
NO_DELIMITER = "Delimiter not found"
EXTRA = "Extra column(s) found"


def load(blocks: Iterable[LineBlock], sink: Sink, url: str) -> int:
    """Load the lines of one object; return its number of lines."""
    reader = _Reader(sink, url)
    count = 0
    for block in blocks:
        count = block.first + len(block.lines) - 1
        if not reader.send_block(block):
            reader.read_lines(block)
    reader.finish()
    return count


class _Reader:
    """Reads the lines of one object."""

    def __init__(self, sink: Sink, url: str) -> None:
        options = sink.options
        self._sink = sink
        self._url = url
        self._flags = options.flags
        self._delimiter = options.delimiter
        self._header = options.ignoreheader
        self._replacement = options.replacement
        self._width = len(sink.target.columns)
        self._joined: tuple[int, bytes] | None = None
        column = sink.target.columns[0]
        self._limit = column.length if self._width == 1 else 0
        converting = {"escape", "removequotes", "blanksasnull", "trimblanks"}
        self._is_plain = (
            self._width == 1
            and column.kind == "varchar"
            and not converting & self._flags
        )
        specials = [self._delimiter.encode(), b"\r", b"\0"]
        null_as = options.null_as.encode()
        if null_as:
            specials.append(null_as)
        self._specials = specials

    def send_block(self, block: LineBlock) -> bool:
        """Send a block unchanged if none of its lines needs conversion.

        Returns whether it was sent.
        """
        data = block.data
        if (
            not self._is_plain
            or block.first <= self._header
            or any(special in data for special in self._specials)
            or b"" in block.lines
            or (self._limit and max(map(len, block.lines)) > self._limit)
            or not _is_utf8(data)
        ):
            return False
        if b"\\" in data:
            data = data.replace(b"\\", b"\\\\")
        if b"\t" in data:
            data = data.replace(b"\t", b"\\t")
        self._sink.add_lines(data, len(block.lines))
        return True

    def read_lines(self, block: LineBlock) -> None:
        """Read the lines of a block one by one."""
        for number, line in enumerate(block.lines, start=block.first):
            if number <= self._header:
                continue
            if self._joined is not None:
                number, line = self._joined[0], self._joined[1] + b"\n" + line
                self._joined = None
            if "escape" in self._flags and _is_continued(line):
                self._joined = (number, line)
                continue
            self._read_line(number, line.removesuffix(b"\r"))

    def finish(self) -> None:
        """Read the last line if it ended with an escaped line end."""
        if self._joined is not None:
            self._read_line(*self._joined)

    def _read_line(self, number: int, line: bytes) -> None:
        if not line:
            if "ignoreblanklines" not in self._flags:
                self._sink.reject(
                    RowLocation(self._url, number, line), BadValue(1211, NO_DATA)
                )
            return
        location = RowLocation(self._url, number, line)
        try:
            fields = self._split_fields(decode_line(line, self._replacement))
        except BadValue as problem:
            self._sink.reject(location, problem)
            return
        self._sink.add_row(fields, location)

    def _split_fields(self, text: str) -> list[str | None]:
        if self._flags & {"escape", "removequotes"}:
            fields = list(_split_escaped(text, self._delimiter, self._flags))
        else:
            fields = text.split(self._delimiter)
        if len(fields) > self._width:
            raise BadValue(1202, EXTRA)
        if len(fields) < self._width:
            if "fillrecord" not in self._flags:
                raise BadValue(1214, NO_DELIMITER)
            missing = self._width - len(fields)
            return [*fields, *[None] * missing]
        return [*fields]


def decode_line(line: bytes, replacement: str | None) -> str:
    """Decode a line as UTF-8; raise BadValue with its first invalid bytes."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        if replacement is not None:
            return line.decode(errors="replace").replace("\ufffd", replacement)
        sequence = line[error.start : error.end].hex()
        raise BadValue(
            1220,
            "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex"
            f" sequence: {sequence} (error 1)",
            error.start,
        ) from None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_continued(line: bytes) -> bool:
    """Whether the line end is escaped with a backslash."""
    return (len(line) - len(line.rstrip(b"\\"))) % 2 == 1


def _split_escaped(text: str, delimiter: str, flags: set[str]) -> Iterator[str | None]:
    """Split a line with ESCAPE or REMOVEQUOTES into its fields."""
    field: list[str] = []
    position, quote = 0, ""
    has_quotes, has_escapes = "removequotes" in flags, "escape" in flags
    while position < len(text):
        character = text[position]
        if has_escapes and character == "\\" and position + 1 < len(text):
            following = text[position + 1]
            field.append(following if following != "N" else "\\N")
            position += 1
        elif quote:
            if character == quote:
                quote = ""
            else:
                field.append(character)
        elif has_quotes and character in "\"'" and not field:
            quote = character
        elif character == delimiter:
            yield "".join(field)
            field = []
        else:
            field.append(character)
        position += 1
    yield "".join(field)
