"""Fast path for JSON records: one regular expression and one `from_json` call.

A record takes the fast path when all its keys are known and each value needs no special
conversion: bare whole numbers, timestamps in UTC, strings without escapes. Producers
write nearly all records like this. `duckdb_records` converts the others key by key,
which takes ten times as long.
"""

from loaders.raw.rules import unknown_type
from loaders.warehouse.declared_tables import Column, Table

STRING = r'"[^"\\\x00-\x1f]*"'
NUMBER = r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?"
VALUE = rf"(?:{STRING}|{NUMBER}|true|false|null)"
# Only existing dates and times match, so the conversion cannot fail.
DATE = (
    r"[1-9]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|"
    r"(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
)
TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
TYPE_PATTERNS = {
    "bigint": r"-?[1-9]\d{0,17}|0",
    "integer": r"-?[1-9]\d{0,8}|0",
    "boolean": "true|false",
    "timestamp": rf'"{DATE}T{TIME}Z"',
    "varchar": STRING,
}
JSON_PATTERNS = {
    "strings": rf"\[(?:{STRING}(?:, ?{STRING})*)?\]",
    "object": rf"\{{(?:{STRING}: ?{VALUE}(?:, ?{STRING}: ?{VALUE})*)?\}}",
}


def record_pattern(table: Table) -> str:
    """Return the regular expression that a whole fast-path record matches.

    Keys may come in any order and may be missing; the caller checks required keys.
    """
    pairs = "|".join(
        f'"{column.name}": ?(?:{_value_pattern(column)})'
        for column in table.data_columns
    )
    return rf"\{{(?:{pairs})(?:, ?(?:{pairs}))*\}}"


def from_json_structure(table: Table) -> str:
    """Return the structure argument of `from_json` for the table's keys, as JSON."""
    types = (
        f'"{column.name}": "{column.data_type.upper()}"'
        for column in table.data_columns
    )
    return f"{{{', '.join(types)}}}"


def _value_pattern(column: Column) -> str:
    pattern = JSON_PATTERNS.get(column.json_content) or TYPE_PATTERNS.get(
        column.data_type.partition("(")[0]
    )
    if pattern is None:
        raise unknown_type(column)
    return pattern if column.is_required else f"{pattern}|null"
