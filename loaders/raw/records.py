"""Exact parser of raw lines, by the text rules of the data contract.

SQL parses the ordinary lines of an object on both engines. Every other line comes here,
so its values, or the reason why it is rejected, are the same on both.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from loaders.raw import combined_log, strict_json
from loaders.raw.conversions import converter
from loaders.raw.rules import (
    CONTROL_CHARACTER,
    MAX_LINE_BYTES,
    MAX_REJECT_CHARACTERS,
    NOT_UTF8,
    TOO_LONG,
    missing_key,
    unknown_format,
    wrong_type,
)
from loaders.raw.strict_json import InvalidRecordError
from loaders.warehouse.declared_tables import Column, Table

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CONTROL = re.compile("[\x00-\x08\x0a-\x1f]")  # without tab
CONTROL_BUT_CR = re.compile("[\x00-\x08\x0a-\x0c\x0e-\x1f]")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
# Text of this length stays below MAX_LINE_BYTES when its numbers are written in full:
# the longest of them, 1e15, becomes less than four times as long.
SHORT_CHARACTERS = MAX_LINE_BYTES // 4
NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


@dataclass(frozen=True, slots=True)
class Record:
    """A valid record: the value of each data column, and the unknown keys if any.

    Values are int, str, bool, naive UTC datetime, list or dict; None where absent.
    """

    values: dict[str, Any]
    extra: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that is not a record: the reason, and its text cut for the ledger."""

    reason: str
    line: str


class RecordParser:
    """Parses single lines of one raw table."""

    def __init__(self, table: Table) -> None:
        """Raise `ConfigError` for a format or a column type that cannot be parsed."""
        parsers: dict[str, Callable[[str], Record]] = {
            "json_lines": self._parse_json,
            "combined_log": self._parse_combined_log,
        }
        if table.line_format not in parsers:
            raise unknown_format(table, parsers)
        is_log = table.line_format == "combined_log"
        self._parse_text = parsers[table.line_format]
        self._control = CONTROL if is_log else CONTROL_BUT_CR
        self._columns = [
            (column, self._converter(column, is_log=is_log))
            for column in table.data_columns
        ]
        self._names = frozenset(column.name for column in table.data_columns)
        self._json_names = [
            column.name for column in table.data_columns if column.data_type == "json"
        ]

    @staticmethod
    def _converter(column: Column, *, is_log: bool) -> Callable[[Any], object]:
        special = combined_log.CONVERTERS if is_log else {}
        return special.get(column.name) or converter(column)

    def parse(self, line: bytes) -> Record | Reject | None:
        """Parse the bytes of a line before its LF; return None for a blank line."""
        if is_blank(line):
            return None
        content = line.removeprefix(BYTE_ORDER_MARK).rstrip(b"\r")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return Reject(NOT_UTF8, reject_text(content))
        try:
            if len(line) > MAX_LINE_BYTES:
                raise InvalidRecordError(TOO_LONG)
            if self._control.search(text):
                raise InvalidRecordError(CONTROL_CHARACTER)
            return self._parse_text(text)
        except InvalidRecordError as error:
            return Reject(error.reason, reject_text(content))

    def _parse_json(self, text: str) -> Record:
        if r"\u0000" in text and NUL_ESCAPE.search(text):
            raise InvalidRecordError(CONTROL_CHARACTER)
        # A CR is white space between JSON tokens, but not in a string.
        if "\r" in text and any("\r" in string for string in STRING.findall(text)):
            raise InvalidRecordError(CONTROL_CHARACTER)
        values = strict_json.parse_object(text)
        extra = {
            name: value for name, value in values.items() if name not in self._names
        }
        if len(text) > SHORT_CHARACTERS:
            for name in self._json_names:
                _require_short(values.get(name))
            _require_short(extra)
        return Record(dict(self._converted(values)), extra or None)

    def _parse_combined_log(self, text: str) -> Record:
        return Record(dict(self._converted(combined_log.parse_fields(text))))

    def _converted(self, values: dict[str, Any]) -> Iterator[tuple[str, object]]:
        for column, _ in self._columns:
            if column.is_required and values.get(column.name) is None:
                raise InvalidRecordError(missing_key(column.name))
        for column, convert in self._columns:
            value = values.get(column.name)
            try:
                yield column.name, None if value is None else convert(value)
            except ValueError:
                raise InvalidRecordError(wrong_type(column)) from None


def _require_short(value: object) -> None:
    """Raise `InvalidRecordError` if a JSON value is longer than a line may be.

    Redshift cannot write such a value as text.
    """
    if len(strict_json.dumps(value).encode()) > MAX_LINE_BYTES:
        raise InvalidRecordError(TOO_LONG)


def is_blank(line: bytes) -> bool:
    """Return whether a line has only blanks, tabs and CRs, and thus does not count."""
    return not line.removeprefix(BYTE_ORDER_MARK).strip(b" \t\r")


def reject_text(line: bytes) -> str:
    """Return the start of a rejected line as text that both engines can store.

    Invalid UTF-8 becomes U+FFFD, and NUL is left out.
    """
    # A character has up to four bytes.
    text = line[: 4 * MAX_REJECT_CHARACTERS].decode("utf-8", "replace")
    return text.replace("\0", "")[:MAX_REJECT_CHARACTERS]
