"""Limits, reject reasons and error messages of raw lines, the same on both engines.

A line is rejected for the first reason that applies, in the order of the constants
below; missing keys and wrong types come last, in the order of the table's columns.
"""

from collections.abc import Iterable

from loaders.errors import ConfigError, DataError
from loaders.warehouse.declared_tables import Column, Table

MAX_LINE_BYTES = 65_535  # varchar(max) on Redshift
MAX_DEPTH = 1_000  # of nested arrays and objects that Redshift's JSON_PARSE accepts
MAX_REJECT_CHARACTERS = 4_096  # of a rejected line's text in ops.load_rejects

NOT_UTF8 = "not UTF-8"
TOO_LONG = f"longer than {MAX_LINE_BYTES:,} bytes"
CONTROL_CHARACTER = "control character"
NOT_A_JSON_OBJECT = "not a JSON object"
NOT_COMBINED_FORMAT = "not in combined format"
KEY_GIVEN_TWICE = "key given twice"
TOO_DEEP = f"nested deeper than {MAX_DEPTH:,}"

# An object with this many lines of which more than half are not UTF-8 is no text.
MIN_LINES_TO_JUDGE_ENCODING = 20
MOSTLY_NOT_UTF8 = "more than half of its lines are not UTF-8"


def missing_key(name: str) -> str:
    """Return the reason for a required key that is absent or null."""
    return f"missing key {name}"


def wrong_type(column: Column) -> str:
    """Return the reason for a value that cannot become the column's type."""
    return f"wrong type: {column.name} is not {column.type_phrase}"


def is_mostly_not_utf8(*, lines: int, not_utf8: int) -> bool:
    """Return whether so many of an object's lines are invalid that it is no text."""
    return lines >= MIN_LINES_TO_JUDGE_ENCODING and not_utf8 * 2 > lines


def unknown_format(table: Table, formats: Iterable[str]) -> ConfigError:
    """Return the error for a raw table whose format has no parser."""
    return ConfigError(
        f"Table {table.name} has the unknown format {table.line_format!r} in the dbt "
        f"sources. Use one of: {', '.join(formats)}."
    )


def unknown_type(column: Column) -> ConfigError:
    """Return the error for a column whose type has no conversion from JSON."""
    return ConfigError(
        f"Column {column.name} has the type {column.data_type!r}, which raw records "
        f"cannot be converted to. Correct its data_type in the dbt sources."
    )


def unreadable(url: str, cause: str) -> DataError:
    """Return the error for the object `url` that cannot be read."""
    return DataError(unreadable_message(url, cause), object_url=url)


def unreadable_message(objects: str, cause: str) -> str:
    """Return the error message for an object that cannot be read.

    `objects` is its URL, or several URLs; `cause` is a sentence without its full stop.
    """
    return (
        f"{objects} cannot be read: {cause}. Ask the producer to re-deliver it. "
        f"No line of its partition was loaded; existing data is unchanged."
    )
