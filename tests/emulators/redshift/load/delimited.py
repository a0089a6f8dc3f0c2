"""Text with a delimiter: lines of one column by the block, the rest one by one."""

from collections.abc import Iterable, Iterator

from tests.emulators.redshift.load.rejects import BadValue, Place
from tests.emulators.redshift.load.sink import Sink
from tests.emulators.redshift.load.streams import Block

TOO_LONG = BadValue(1216, "Input line exceeds the maximum row size of 4 MB")
NO_DELIMITER = "Delimiter not found"
EXTRA = "Extra column(s) found"


def load(blocks: Iterable[Block], sink: Sink, url: str) -> int:
    """Load the lines of one object; return how many lines there were."""
    reader = _Reader(sink, url)
    count = 0
    for block in blocks:
        count = block.first + len(block.lines) - 1
        if block.is_cut:
            place = Place(url, block.first, block.lines[0])
            sink.reject(place, TOO_LONG)
        elif not reader.takes_whole(block):
            reader.one_by_one(block)
    reader.finish()
    return count


class _Reader:
    """Reads one object's lines."""

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
        changes = {"escape", "removequotes", "blanksasnull", "trimblanks"}
        self._is_plain = (
            self._width == 1 and column.kind == "varchar" and not changes & self._flags
        )
        specials = [self._delimiter.encode(), b"\r", b"\0"]
        null_as = options.null_as.encode()
        if null_as:
            specials.append(null_as)
        self._specials = specials

    def takes_whole(self, block: Block) -> bool:
        """Send a block as it is, if each of its lines is a value as it is."""
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
        self._sink.lines(data, len(block.lines))
        return True

    def one_by_one(self, block: Block) -> None:
        """Read each line of a block by itself."""
        for number, line in enumerate(block.lines, start=block.first):
            if number <= self._header:
                continue
            if self._joined is not None:
                number, line = self._joined[0], self._joined[1] + b"\n" + line
                self._joined = None
            if "escape" in self._flags and _is_continued(line):
                self._joined = (number, line)
                continue
            self._line(number, line.removesuffix(b"\r"))

    def finish(self) -> None:
        """Read what waited for a line that did not come."""
        if self._joined is not None:
            self._line(*self._joined)

    def _line(self, number: int, line: bytes) -> None:
        if not line and ("ignoreblanklines" in self._flags or self._width > 1):
            if "ignoreblanklines" not in self._flags:
                self._sink.reject(
                    Place(self._url, number, line), BadValue(1214, NO_DELIMITER)
                )
            return
        place = Place(self._url, number, line)
        try:
            fields = self._fields(text_of(line, self._replacement))
        except BadValue as problem:
            self._sink.reject(place, problem)
            return
        self._sink.row(fields, place)

    def _fields(self, text: str) -> list[str | None]:
        if self._flags & {"escape", "removequotes"}:
            fields = list(_split(text, self._delimiter, self._flags))
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


def text_of(line: bytes, replacement: str | None) -> str:
    """Read a line as UTF-8; BadValue names the first byte that is none of it."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        if replacement is not None:
            return line.decode(errors="replace").replace("\ufffd", replacement)
        shown = line[error.start : error.end].hex()
        raise BadValue(
            1220,
            "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex"
            f" sequence: {shown} (error 1)",
            error.start,
        ) from None


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_continued(line: bytes) -> bool:
    """Whether the end of the line is escaped by a backslash."""
    return (len(line) - len(line.rstrip(b"\\"))) % 2 == 1


def _split(text: str, delimiter: str, flags: set[str]) -> Iterator[str | None]:
    """Split a line where backslashes escape, or quotes enclose."""
    field: list[str] = []
    place, quote = 0, ""
    has_quotes, has_escapes = "removequotes" in flags, "escape" in flags
    while place < len(text):
        character = text[place]
        if has_escapes and character == "\\" and place + 1 < len(text):
            field.append(text[place + 1] if text[place + 1] != "N" else "\\N")
            place += 1
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
        place += 1
    yield "".join(field)
