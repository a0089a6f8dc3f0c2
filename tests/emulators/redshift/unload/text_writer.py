"""UNLOAD to delimited text, CSV or JSON, row by row."""

import re
from collections.abc import Iterator, Sequence

from tests.emulators.redshift import long_names
from tests.emulators.redshift.load.copy_options import CSV, JSON
from tests.emulators.redshift.unload.output_files import Outputs
from tests.emulators.redshift.unload.parquet_writer import (
    SLICES,
    Field,
    partition_folder,
)
from tests.emulators.redshift.unload.unload_options import UnloadOptions

ROWS_PER_SLICE = 20_000  # consecutive rows before the next slice is used
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}


def write(
    rows: Iterator[bytes],
    fields: Sequence[Field],
    options: UnloadOptions,
    outputs: Outputs,
) -> int:
    """Write all rows; return their number."""
    names = [field.name for field in fields]
    keys = [names.index(name) for name in options.partition_by]
    written = [
        index
        for index in range(len(names))
        if options.has_partition_columns or index not in keys
    ]
    formatter = _LineFormatter(options)
    if "header" in options.flags:
        outputs.header = formatter.format([names[index] for index in written])
    count = 0
    for count, row in enumerate(rows, start=1):
        turn = (count - 1) // ROWS_PER_SLICE
        slice_number = turn % SLICES if options.is_parallel else 0
        values = _parse_row(row)
        if options.format == JSON:
            text = long_names.restore(str(values[0]))
            line, partition = f"{text}\n".encode(), ""
        else:
            line = formatter.format([values[index] for index in written])
            partition = partition_folder(
                options.partition_by, [values[key] for key in keys]
            )
        outputs.write(line, 1, partition=partition, slice_number=slice_number)
    return count


class _LineFormatter:
    """Formats rows as lines."""

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

    def format(self, values: Sequence[str | None]) -> bytes:
        """Return a row as a line, with its line end."""
        fields = [
            self._null if value is None else self._format_field(value)
            for value in values
        ]
        return (self._delimiter.join(fields) + "\n").encode()

    def _format_field(self, value: str) -> str:
        if self._is_csv:
            if self._special.search(value):
                return '"' + value.replace('"', '""') + '"'
            return value
        if self._is_escaped:
            value = self._special.sub(lambda match: "\\" + match.group(), value)
        return f'"{value}"' if self._is_quoted else value


def _parse_row(row: bytes) -> list[str | None]:
    """Parse a row in PostgreSQL's COPY text format."""
    return [
        _parse_field(field) for field in row.decode().removesuffix("\n").split("\t")
    ]


def _parse_field(field: str) -> str | None:
    if field == "\\N":
        return None
    if "\\" not in field:
        return field
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), field)
