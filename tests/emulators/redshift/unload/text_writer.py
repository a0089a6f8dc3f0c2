"""UNLOAD to text: with a delimiter, CSV, or JSON, one row after the other."""

import re
from collections.abc import Iterator, Sequence

from tests.emulators.redshift.load.copy_options import CSV, JSON
from tests.emulators.redshift.unload.arrows import SLICES, Field, path_of
from tests.emulators.redshift.unload.output_files import Outputs
from tests.emulators.redshift.unload.unload_options import UnloadOptions

ROWS_A_TURN = 20_000
_ESCAPE = re.compile(r"\\(.)")
_MEANT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}


def write(
    rows: Iterator[bytes],
    fields: Sequence[Field],
    options: UnloadOptions,
    outputs: Outputs,
) -> int:
    """Write all rows; return how many there were."""
    names = [field.name for field in fields]
    keys = [names.index(name) for name in options.partition_by]
    kept = [
        place
        for place in range(len(names))
        if options.has_partition_columns or place not in keys
    ]
    line = _Line(options)
    if "header" in options.flags:
        outputs.header = line.of([names[place] for place in kept])
    count = 0
    for count, row in enumerate(rows, start=1):
        slot = (count - 1) // ROWS_A_TURN % SLICES if options.is_parallel else 0
        values = _values(row)
        if options.format == JSON:
            written, partition = f"{values[0]}\n".encode(), ""
        else:
            written = line.of([values[place] for place in kept])
            partition = path_of(options.partition_by, [values[k] for k in keys])
        outputs.write(written, 1, partition=partition, slot=slot)
    return count


class _Line:
    """Writes one row as a line."""

    def __init__(self, options: UnloadOptions) -> None:
        self._is_csv = options.format == CSV
        self._delimiter = options.delimiter or ("," if self._is_csv else "|")
        self._null = options.null_as
        self._is_quoted = "addquotes" in options.flags
        self._is_escaped = "escape" in options.flags
        self._special = re.compile(
            rf'[\\\r\n"{re.escape(self._delimiter)}]'
            if self._is_escaped
            else rf'[\r\n"{re.escape(self._delimiter)}]'
        )

    def of(self, values: Sequence[str | None]) -> bytes:
        """Return the line, its end included."""
        shown = [
            self._null if value is None else self._field(value) for value in values
        ]
        return (self._delimiter.join(shown) + "\n").encode()

    def _field(self, value: str) -> str:
        if self._is_csv:
            if self._special.search(value):
                return '"' + value.replace('"', '""') + '"'
            return value
        if self._is_escaped:
            value = self._special.sub(lambda match: "\\" + match.group(), value)
        return f'"{value}"' if self._is_quoted else value


def _values(row: bytes) -> list[str | None]:
    """Read a row as PostgreSQL's COPY writes text."""
    parts = row.decode().removesuffix("\n").split("\t")
    return [
        None
        if part == "\\N"
        else _ESCAPE.sub(lambda match: _MEANT.get(match[1], match[1]), part)
        if "\\" in part
        else part
        for part in parts
    ]
