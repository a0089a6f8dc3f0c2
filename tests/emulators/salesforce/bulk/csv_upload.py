"""Reading an uploaded CSV file: header, rows, and what makes a whole job fail."""

import csv
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from tests.emulators.salesforce.bulk.jobs import DELIMITERS, LINE_ENDINGS, Job
from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects import values
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.verdicts import Row

NULL_MARKER = "#N/A"
CACHED_CELLS = 1 << 13
BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}
BLOCK_BYTES = 1 << 20
MAX_HEADER = 32_000

csv.field_size_limit(1 << 28)


Tell = Callable[[str], str]


class JobError(Exception):
    """The whole job fails; the message is its errorMessage."""


@dataclass(frozen=True)
class Column:
    """A column of the file: where its value goes, and what makes it of a cell."""

    place: int
    field: Field
    make: Callable[[str], object]
    tell: Tell | None = None
    target: Field | None = None
    parent: str = ""


# What is needed of a column for each of its cells: place, maker, and the column.
Lean = tuple[int, Callable[[str], object], Column]


class Upload:
    """An uploaded file that is read once, from the header on."""

    def __init__(self, path: Path, job: Job) -> None:
        self._path = path
        self._delimiter = DELIMITERS[job.delimiter]
        self._line_ending = job.line_ending
        self.header_text = ""
        self.header: list[str] = []

    def open(self) -> Iterator[list[str]]:
        """Read the header, then return the rows' cells; `JobError` when unreadable."""
        _check_line_endings(self._path, self._line_ending)
        rows = self._rows()
        self.header = next(rows, [])
        if len(self.header_text) > MAX_HEADER:
            raise JobError("InvalidBatch : Header line is too long")
        return rows

    def _rows(self) -> Iterator[list[str]]:
        told: list[str] = []
        with self._path.open(encoding="utf-8", newline="") as file:

            def lines() -> Iterator[str]:
                for line in file:
                    if not self.header:
                        told.append(line)
                    yield line

            reader = csv.reader(lines(), delimiter=self._delimiter, strict=True)
            try:
                for cells in reader:
                    if not self.header_text:
                        self.header_text = "".join(told).rstrip("\r\n")
                    if cells:
                        yield cells
            except csv.Error as error:
                raise JobError(
                    f"ClientInputError : Failed to parse CSV. {error}"
                ) from None
            except UnicodeDecodeError:
                raise JobError(
                    "InvalidBatch : Failed to parse CSV. Not UTF-8"
                ) from None


def _check_line_endings(path: Path, name: str) -> None:
    """Refuse CRLF where LF was announced, anywhere; LF alone where CRLF was."""
    message = (
        "ClientInputError : LineEnding is invalid on user data. "
        f"Current LineEnding setting is {name}"
    )
    with path.open("rb") as file:
        if name == "CRLF":
            first = file.readline()
            if first.endswith(b"\n") and not first.endswith(b"\r\n"):
                raise JobError(message)
            return
        last = b""
        while block := file.read(BLOCK_BYTES):
            if b"\r\n" in last[-1:] + block:
                raise JobError(message)
            last = block


def columns(
    header: list[str], sobject: SObject, find: Callable[[str], SObject | None]
) -> list[Column]:
    """Match the header with the object's fields; `JobError` names the first unknown.

    `Parent__r.Ext__c` is a column that finds a parent; `find` returns its object.
    """
    return [_column(name, place, sobject, find) for place, name in enumerate(header)]


def _column(
    name: str,
    place: int,
    sobject: SObject,
    find: Callable[[str], SObject | None],
) -> Column:
    relation, point, rest = name.partition(".")
    if point:
        field = sobject.relationships.get(relation.lower())
        parent = find(field.reference_to) if field else None
        target = parent.field(rest.rpartition(".")[2]) if parent else None
        if field is None or parent is None or target is None or not target.is_looked_up:
            raise JobError(f"InvalidBatch : Field name not found : {name}")
        return Column(
            sobject.positions[field.name.lower()],
            field,
            values.from_text(target, place),
            target=target,
            parent=parent.name,
        )
    field = sobject.field(name)
    if field is None:
        raise JobError(f"InvalidBatch : Field name not found : {name}")
    make = values.from_text(field, place)
    if not field.is_text:
        # Numbers, dates and flags repeat from row to row.
        make = lru_cache(CACHED_CELLS)(make)
    tell = lru_cache(CACHED_CELLS)(partial(_told, field)) if is_retold(field) else None
    return Column(sobject.positions[field.name.lower()], field, make, tell)


def is_retold(field: Field) -> bool:
    """Say whether cells come back in another form than they were sent in."""
    return field.type == "boolean" or field.is_decimal


def row(
    cells: list[str],
    layout: list[Lean],
    parent: Callable[[Column, object], str],
) -> Row:
    """Make a row of a line's cells; `parent` finds a parent's id."""
    made = Row()
    changes = made.changes
    try:
        for cell, (place, make, column) in zip(cells, layout, strict=True):
            if cell == "":
                continue
            if cell == NULL_MARKER:
                changes[place] = column.field.default
            elif column.target is None:
                changes[place] = make(cell)
            else:
                changes[place] = parent(column, make(cell))
    except RowError as error:
        made.error = error
        _read_rest(made, cells, layout)
    except ValueError:
        raise JobError(
            f"InvalidBatch : Row has {len(cells)} columns, the header {len(layout)}"
        ) from None
    return made


def _read_rest(made: Row, cells: list[str], layout: list[Lean]) -> None:
    """Read what is left of a refused row: its key says which record it is about.

    A row with a cell of the wrong type is no record at all, so that it has no key.
    """
    if made.error is not None and made.error.code == "INVALID_FIELD":
        made.changes.clear()
        return
    for cell, (place, make, column) in zip(cells, layout, strict=True):
        if cell and column.target is None and place not in made.changes:
            with suppress(RowError):
                made.changes[place] = make(cell)


def echo(cells: list[str], retold: list[tuple[int, Tell]]) -> list[str]:
    """Return cells as a result file tells them: numbers in Java's form.

    `retold` has the numbers of the columns that change, and what makes their text.
    """
    told = cells.copy()
    for number, tell in retold:
        told[number] = tell(cells[number])
    return told


def _told(field: Field, cell: str) -> str:
    if field.type == "boolean":
        return BOOLEANS.get(cell.lower(), cell)
    if cell in ("", NULL_MARKER):
        return cell
    try:
        return values.java(float(cell))
    except ValueError:
        return cell


def line_ending(job: Job) -> str:
    """Return the characters that end the lines of a job's files."""
    return LINE_ENDINGS[job.line_ending]
