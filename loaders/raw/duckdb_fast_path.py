"""JSON lines as producers write them nearly always: one pattern tells, one call reads.

A plain line has known keys only and each value in the form that is no question of
conversion: whole numbers bare, times in UTC, texts without escapes. All other lines,
good ones among them, are for embedded_lines.py to judge key by key, which takes ten
times as long.
"""

from loaders.errors import ConfigError
from loaders.warehouse.declared_tables import Column, Table

TEXT = r'"[^"\\\x00-\x1f]*"'
NUMBER = r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?"
VALUE = rf"(?:{TEXT}|{NUMBER}|true|false|null)"
# No month, day or hour that does not exist: the conversion cannot fail.
DATE = (
    r"[1-9]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|"
    r"(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
)
TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
FORMS = {
    "bigint": r"-?[1-9]\d{0,17}|0",
    "integer": r"-?[1-9]\d{0,8}|0",
    "boolean": "true|false",
    "timestamp": rf'"{DATE}T{TIME}Z"',
    "varchar": TEXT,
}
HELD_FORMS = {
    "strings": rf"\[(?:{TEXT}(?:, ?{TEXT})*)?\]",
    "object": rf"\{{(?:{TEXT}: ?{VALUE}(?:, ?{TEXT}: ?{VALUE})*)?\}}",
}


def pattern(table: Table) -> str:
    """Return the regular expression that a whole plain line of the table matches.

    Keys come in any order; one that is missing is for the reader to find.
    """
    pairs = "|".join(f'"{column.name}": ?(?:{_form(column)})' for column in table.keys)
    return rf"\{{(?:{pairs})(?:, ?(?:{pairs}))*\}}"


def structure(table: Table) -> str:
    """Return what `from_json` needs to know of the table's plain lines, as JSON."""
    types = (f'"{column.name}": "{column.data_type.upper()}"' for column in table.keys)
    return f"{{{', '.join(types)}}}"


def _form(column: Column) -> str:
    form = HELD_FORMS.get(column.holds) or FORMS.get(column.data_type.partition("(")[0])
    if form is None:
        raise ConfigError(f"{column.name}: no conversion to {column.data_type!r}.")
    return form if column.is_required else f"{form}|null"
