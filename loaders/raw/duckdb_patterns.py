"""Regular expressions for ordinary lines, and the SQL that converts them on DuckDB.

A line that matches has only values that DuckDB certainly converts right: bare whole
numbers, usual timestamps, strings without escapes. Producers write nearly all lines
like this; every other line is parsed by `records`.
"""

from loaders.raw.rules import unknown_type
from loaders.warehouse.declared_tables import Column, Table

STRING = r'"[^"\\\x00-\x1f]*"'
NUMBER = r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?"
VALUE = rf"(?:{STRING}|{NUMBER}|true|false|null)"
# Only existing dates and times match, so their conversion cannot fail.
DATE = (
    r"(?:[12]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|"
    r"(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))|"
    r"20(?:[02468][048]|[13579][26])-02-29)"
)
CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
OFFSET = r"[+-](?:0\d|1[0-3]):?[0-5]\d"
TYPE_PATTERNS = {
    "bigint": r"-?[1-9]\d{0,17}|0",
    "integer": r"-?[1-9]\d{0,8}|0",
    "boolean": "true|false",
    "timestamp": rf'"{DATE}[T ]{CLOCK}(?:\.\d{{1,6}})?(?:Z|{OFFSET})?"',
    "varchar": STRING,
}
JSON_PATTERNS = {
    "strings": rf"\[(?:{STRING}(?:, ?{STRING})*)?\]",
    "object": rf"\{{(?:{STRING}: ?{VALUE}(?:, ?{STRING}: ?{VALUE})*)?\}}",
}

WORD = r"[^\x00-\x20]+"
QUOTED = r'"((?:[^"\\\x00-\x1f]|\\[^\x00-\x1f])*)"'
MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
LOG_TIME = (
    rf"(?:0[1-9]|[12]\d|3[01])/{MONTH}/[12]\d{{3}}:{CLOCK} [+-](?:0\d|1[0-3])[0-5]\d"
)
COMBINED_LOG = (
    rf"({WORD}) {WORD} (-|\d{{1,18}}) \[({LOG_TIME})\] {QUOTED} (\d{{3}}) "
    rf"(-|\d{{1,18}}) {QUOTED} {QUOTED}"
)
COMBINED_FIELDS = [
    "client_address",
    "authuser",
    "time",
    "request",
    "status",
    "bytes",
    "referrer",
    "user_agent",
]
REQUEST = rf"({WORD}) ({WORD}) ({WORD})"


def json_record(table: Table) -> str:
    """Return the regular expression that a whole ordinary JSON record matches.

    Keys may come in any order and may be missing or repeated; the caller checks that.
    """
    pairs = "|".join(
        f'"{column.name}": ?(?:{_value_pattern(column)})'
        for column in table.data_columns
    )
    return rf"\{{(?:{pairs})(?:, ?(?:{pairs}))*\}}"


def json_structure(table: Table) -> str:
    """Return the structure argument of `from_json` for the table's keys, as JSON."""
    types = (f'"{column.name}": "{_read_as(column)}"' for column in table.data_columns)
    return f"{{{', '.join(types)}}}"


def typed_column(record: str, column: Column) -> str:
    """Return SQL for the column's value in the struct that `from_json` returned."""
    value = f'{record}."{column.name}"'
    return f"{value} at time zone 'UTC'" if _read_as(column) == "TIMESTAMPTZ" else value


def _read_as(column: Column) -> str:
    """Return the type to read: a timestamp's offset counts with a time zone only."""
    is_timestamp = column.data_type == "timestamp"
    return "TIMESTAMPTZ" if is_timestamp else column.data_type.upper()


def _value_pattern(column: Column) -> str:
    pattern = JSON_PATTERNS.get(column.json_content) or TYPE_PATTERNS.get(
        column.data_type.partition("(")[0]
    )
    if pattern is None:
        raise unknown_type(column)
    return pattern if column.is_required else f"{pattern}|null"
