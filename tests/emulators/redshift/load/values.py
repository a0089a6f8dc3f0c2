"""Convert values as Redshift's COPY does, into PostgreSQL's COPY text format.

`create_converter(column, options)` returns the function for one column: it takes the
value as text and returns it escaped, or raises `BadValue` with Redshift's code and
reason.
"""

import json
import re
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal

from tests.emulators.redshift.load import datetimes
from tests.emulators.redshift.load.copy_options import CopyOptions
from tests.emulators.redshift.load.rejects import BadValue
from tests.emulators.redshift.load.target import Column

Converter = Callable[[str], str]
NULL = "\\N"
INTEGER_TYPES = {  # name in Redshift's messages, limit
    "int2": ("Short Integer", 2**15),
    "int4": ("Integer", 2**31),
    "int8": ("Long Integer", 2**63),
}
TRUE = {"t", "true", "y", "yes", "1"}
FALSE = {"f", "false", "n", "no", "0"}
_ESCAPED = re.compile(r"[\\\n\r\t]")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_INTEGER = re.compile(r"[+-]?\d+")
_HEX = re.compile(r"[0-9a-fA-F]*")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FLOAT = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf(inity)?|nan)", re.I)
MANY_DIGITS = Context(prec=100)


def escape(value: str) -> str:
    """Return text as a field of PostgreSQL's COPY text format."""
    if _ESCAPED.search(value) is None:
        return value
    return _ESCAPED.sub(lambda match: _ESCAPES[match.group()], value)


def create_converter(column: Column, options: CopyOptions) -> Converter:
    """Return the function that converts a value's text for this column."""
    kind = column.kind
    if kind in INTEGER_TYPES:
        return _integer_converter(kind)
    if kind == "numeric":
        return _numeric_converter(column, is_rounded="roundec" in options.flags)
    if kind in ("float4", "float8"):
        return _convert_float
    if kind == "bool":
        return _convert_boolean
    if kind == "varbyte":
        return _convert_varbyte
    if kind == "super":
        return _convert_super
    if kind in ("date", "timestamp", "timestamptz", "time"):
        return datetimes.create_converter(kind, options)
    return _string_converter(column, options)


def create_field_reader(
    column: Column, options: CopyOptions
) -> Callable[[str | None, Converter], str]:
    """Return the function that handles nulls and passes other values to a converter."""
    null_as = options.null_as
    is_string = column.kind in ("varchar", "bpchar", "text")
    is_empty_null = not is_string or "emptyasnull" in options.flags
    is_blank_null = "blanksasnull" in options.flags and is_string
    is_trimmed = "trimblanks" in options.flags and is_string

    def read(value: str | None, convert: Converter) -> str:
        if value is not None and is_trimmed:
            value = value.rstrip(" ")
        if (
            value is None
            or value == null_as
            or (is_empty_null and not value)
            or (is_blank_null and not value.strip())
        ):
            if column.is_required:
                raise BadValue(1213, "Missing data for not-null field")
            return NULL
        return convert(value)

    return read


def _string_converter(column: Column, options: CopyOptions) -> Converter:
    limit = column.length
    truncates = "truncatecolumns" in options.flags
    is_ascii = column.kind == "bpchar"

    def convert(value: str) -> str:
        if "\0" in value:
            raise BadValue(1218, "Invalid null byte - field longer than 1 byte")
        if is_ascii and not value.isascii():
            character = next(one for one in value if not one.isascii())
            raise BadValue(
                1220,
                "Multibyte character not supported for CHAR (Hint: Try using VARCHAR)."
                f" Invalid char: {character.encode().hex(' ')}",
            )
        if limit and len(value) * 4 > limit and len(value.encode()) > limit:
            if not truncates:
                raise BadValue(1204, "String length exceeds DDL length")
            value = value.encode()[:limit].decode(errors="ignore")
        return escape(value)

    return convert


def _convert_varbyte(value: str) -> str:
    if len(value) % 2 or _HEX.fullmatch(value) is None:
        raise BadValue(1207, "Invalid digit, Type: Varbyte")
    return value


def _integer_converter(kind: str) -> Converter:
    type_name, limit = INTEGER_TYPES[kind]

    def convert(value: str) -> str:
        text = value.strip(" ")
        if _INTEGER.fullmatch(text) is None:
            position = next(
                (
                    index
                    for index, character in enumerate(text)
                    if not character.isdigit() and (index or character not in "+-")
                ),
                len(text) - 1,
            )
            digit = text[position : position + 1]
            raise BadValue(
                1207,
                f"Invalid digit, Value '{digit}', Pos {position}, Type: {type_name}",
                position,
            )
        if not -limit <= int(text) < limit:
            raise BadValue(1204, f"Overflow, Column type: {type_name}")
        return text

    return convert


def _numeric_converter(column: Column, *, is_rounded: bool) -> Converter:
    precision, scale = column.precision, column.scale
    step = Decimal(1).scaleb(-scale)
    limit = Decimal(10) ** (precision - scale)
    rounding = ROUND_HALF_UP if is_rounded else ROUND_DOWN

    def convert(value: str) -> str:
        text = value.strip(" ")
        if _DECIMAL.fullmatch(text) is None:
            raise BadValue(1209, f"Invalid digit, Value '{text[:1]}', Type: Decimal")
        number = Decimal(text)
        if precision:
            if abs(number) >= limit * 10:
                raise BadValue(1204, "Numeric overflow")
            number = number.quantize(step, rounding, MANY_DIGITS)
            if abs(number) >= limit:
                raise BadValue(1204, "Numeric overflow")
        return f"{number:f}"

    return convert


def _convert_float(value: str) -> str:
    text = value.strip(" ")
    if _FLOAT.fullmatch(text) is None:
        raise BadValue(1208, f"Invalid float, Value '{text[:20]}'")
    return text


def _convert_boolean(value: str) -> str:
    text = value.strip(" ").lower()
    if text in TRUE:
        return "t"
    if text in FALSE:
        return "f"
    raise BadValue(1210, "Unknown boolean format")


def _convert_super(value: str) -> str:
    try:
        parsed = json.loads(
            value, parse_float=Decimal, object_pairs_hook=unique_attributes
        )
    except (ValueError, RecursionError):
        raise BadValue(1224, "Invalid JSON for a SUPER column") from None
    return escape(dump_super(parsed))


def unique_attributes(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object; raise ValueError if a key is given twice."""
    attributes = dict(pairs)
    if len(attributes) < len(pairs):
        raise ValueError("Duplicate attributes in an object")
    return attributes


def dump_super(parsed: object) -> str:
    """Return a parsed JSON value as SUPER stores it, without white space."""
    return json.dumps(parsed, ensure_ascii=False, separators=(",", ":"), default=float)
