"""Parser of uploaded CSV files, and the errors that fail a whole job."""

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from tests.emulators.salesforce.bulk.jobs import DELIMITERS, LINE_ENDINGS, Job
from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects import parents, text_values, values
from tests.emulators.salesforce.objects.parents import ParentKey
from tests.emulators.salesforce.objects.row_results import Row
from tests.emulators.salesforce.objects.schema import Field, Schema, SObject

NULL_MARKER = "#N/A"
CACHED_CELLS = 1 << 13
BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}
BLOCK_BYTES = 1 << 20
MAX_HEADER_CHARACTERS = 32_000

csv.field_size_limit(1 << 28)


CellFormatter = Callable[[str], str]


UNESCAPED_QUOTE = (
    "Failed to parse CSV. Found unescaped quote. A value with quote should be within a "
    "quote"
)


class JobError(Exception):
    """An error that fails the whole job; the message is its errorMessage."""


class MalformedRow(list[str]):
    """The cells of a record that is not a valid row, as many as the header has.

    Only this row is rejected. Cells beyond the header are kept.
    """

    def __init__(self, cells: list[str], width: int, message: str) -> None:
        super().__init__([*cells, *[""] * (width - len(cells))])
        self.error = RowError("INVALID_FIELD", message)


@dataclass(frozen=True)
class Column:
    """A column of the file, matched to a field of the object.

    `position` is the field's position in a record. `format_cell` gives the text in the
    result files, if it differs from the uploaded one. `parent` is set for a column
    such as `Parent__r.Ext__c`.
    """

    position: int
    field: Field
    parse_cell: Callable[[str], object]
    format_cell: CellFormatter | None = None
    parent: ParentKey | None = None


# Unpacked from the column for speed: each cell of the file uses them.
CellParser = tuple[int, Callable[[str], object], Column]


class CsvUpload:
    """An uploaded file, read once from start to end."""

    def __init__(self, path: Path, job: Job) -> None:
        self._path = path
        self._delimiter = DELIMITERS[job.delimiter]
        self._line_ending = job.line_ending
        cell = rf'(?:"[^"]*(?:""[^"]*)*"|[^"{re.escape(self._delimiter)}]*)'
        self._valid_record = re.compile(
            f"{cell}(?:{re.escape(self._delimiter)}{cell})*"
        )
        self.header_text = ""
        self.header: list[str] = []

    def open(self) -> Iterator[list[str]]:
        """Read the header and return an iterator of the rows' cells.

        Raises `JobError`, also from the iterator, if the file is not valid CSV.
        """
        _check_line_endings(self._path, self._line_ending)
        rows = self._read_rows()
        self.header = next(rows, [])
        if len(self.header_text) > MAX_HEADER_CHARACTERS:
            raise JobError("InvalidBatch : Header line is too long")
        return rows

    def _read_rows(self) -> Iterator[list[str]]:
        lines: list[str] = []  # of the current record
        width = 0
        with self._path.open(encoding="utf-8", newline="") as file:

            def collect_lines() -> Iterator[str]:
                for line in file:
                    lines.append(line)
                    yield line

            reader = csv.reader(collect_lines(), delimiter=self._delimiter, strict=True)
            try:
                for cells in reader:
                    text = "".join(lines).rstrip("\r\n")
                    lines.clear()
                    if not cells:
                        continue
                    message = self._row_error(text, cells, width)
                    if not width:
                        if message:
                            raise JobError(f"InvalidBatch : {message}")
                        self.header_text, width = text, len(cells)
                    yield MalformedRow(cells, width, message) if message else cells
            except csv.Error as error:
                raise JobError(
                    f"ClientInputError : Failed to parse CSV. {error}"
                ) from None
            except UnicodeDecodeError:
                raise JobError(
                    "InvalidBatch : Failed to parse CSV. Not UTF-8"
                ) from None

    def _row_error(self, text: str, cells: list[str], width: int) -> str:
        """Return the error of a record, or an empty text; `width` is 0 for a header."""
        has_quotes = '"' in text and any('"' in cell for cell in cells)
        if has_quotes and not self._valid_record.fullmatch(text):
            return UNESCAPED_QUOTE
        if width and len(cells) != width:
            return f"Row has {len(cells)} columns, the header {width}"
        return ""


def _check_line_endings(path: Path, name: str) -> None:
    """Reject any CRLF in a job with LF, and a header line without CRLF otherwise."""
    message = (
        "ClientInputError : LineEnding is invalid on user data. "
        f"Current LineEnding setting is {name}"
    )
    with path.open("rb") as file:
        if name == "CRLF":
            first_line = file.readline()
            if first_line.endswith(b"\n") and not first_line.endswith(b"\r\n"):
                raise JobError(message)
            return
        previous = b""
        while block := file.read(BLOCK_BYTES):
            if b"\r\n" in previous[-1:] + block:
                raise JobError(message)
            previous = block


def match_columns(header: list[str], sobject: SObject, schema: Schema) -> list[Column]:
    """Match the header to the object's fields.

    Raises `JobError` with the first unknown column.
    """
    return [
        _match_column(name, number, sobject, schema)
        for number, name in enumerate(header)
    ]


def _match_column(
    name: str,
    number: int,
    sobject: SObject,
    schema: Schema,
) -> Column:
    if "." in name:
        parent = parents.parse_path(schema, sobject, name)
        if parent is None:
            raise JobError(f"InvalidBatch : Field name not found : {name}")
        return Column(
            sobject.positions[parent.reference.name.lower()],
            parent.reference,
            values.csv_parser(parent.key, number),
            parent=parent,
        )
    field = sobject.field(name)
    if field is None:
        raise JobError(f"InvalidBatch : Field name not found : {name}")
    parse_cell = values.csv_parser(field, number)
    if not field.is_text:
        # Numbers, dates and booleans repeat from row to row.
        parse_cell = lru_cache(CACHED_CELLS)(parse_cell)
    format_cell = (
        lru_cache(CACHED_CELLS)(partial(_format_cell, field))
        if field.type == "boolean" or field.is_decimal
        else None
    )
    position = sobject.positions[field.name.lower()]
    return Column(position, field, parse_cell, format_cell)


def parse_row(
    cells: list[str],
    parsers: list[CellParser],
    find_parent_id: Callable[[Column, object], str],
) -> Row:
    """Return the row of a line's cells; an invalid cell gives a row with an error."""
    if isinstance(cells, MalformedRow):
        return Row(error=cells.error)
    row = Row()
    changes = row.changes
    try:
        for cell, (position, parse_cell, column) in zip(cells, parsers, strict=True):
            if cell == "":
                continue
            if cell == NULL_MARKER:
                changes[position] = column.field.default
            elif column.parent is None:
                changes[position] = parse_cell(cell)
            else:
                changes[position] = find_parent_id(column, parse_cell(cell))
    except RowError as error:
        row.error = error
        _parse_remaining_cells(row, cells, parsers)
    return row


def _parse_remaining_cells(
    row: Row, cells: list[str], parsers: list[CellParser]
) -> None:
    """Parse the other cells of a rejected row, to find the record by its key.

    Salesforce does not look up the record of a row with a cell of the wrong type.
    """
    if row.error is not None and row.error.code == "INVALID_FIELD":
        row.changes.clear()
        return
    for cell, (position, parse_cell, column) in zip(cells, parsers, strict=True):
        if cell and column.parent is None and position not in row.changes:
            with suppress(RowError):
                row.changes[position] = parse_cell(cell)


def format_cells(
    cells: list[str], formatters: list[tuple[int, CellFormatter]]
) -> list[str]:
    """Return the cells of a row as the result files contain them.

    `formatters` has the numbers of the columns that change, and their formatters.
    """
    if isinstance(cells, MalformedRow):
        return list(cells)
    formatted = cells.copy()
    for number, format_cell in formatters:
        formatted[number] = format_cell(cells[number])
    return formatted


def _format_cell(field: Field, cell: str) -> str:
    if field.type == "boolean":
        return BOOLEANS.get(cell.lower(), cell)
    if not text_values.NUMBER.fullmatch(cell):
        return cell
    return values.format_java_double(float(cell))


def line_ending(job: Job) -> str:
    """Return the characters that end the lines of a job's files."""
    return LINE_ENDINGS[job.line_ending]
