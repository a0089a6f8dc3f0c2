"""Values as Redshift's COPY reads them, made into PostgreSQL's COPY text.

`converter(column, options)` gives the function for one column: it takes the value as
text and returns it escaped, or raises `BadValue` with Redshift's code and reason.
"""

import json
import re
from collections.abc import Callable
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal

from tests.emulators.redshift.load import times
from tests.emulators.redshift.load.copy_options import CopyOptions
from tests.emulators.redshift.load.rejects import BadValue
from tests.emulators.redshift.load.target import Column

Converter = Callable[[str], str]
NULL = "\\N"
WHOLE = {
    "int2": ("Short Integer", 2**15),
    "int4": ("Integer", 2**31),
    "int8": ("Long Integer", 2**63),
}
TRUE = {"t", "true", "y", "yes", "1"}
FALSE = {"f", "false", "n", "no", "0"}
_ESCAPED = re.compile(r"[\\\n\r\t]")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_WHOLE = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FLOAT = re.compile(r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf(inity)?|nan)", re.I)
MANY_DIGITS = Context(prec=100)


def escaped(value: str) -> str:
    """Write text as a field of PostgreSQL's COPY."""
    if _ESCAPED.search(value) is None:
        return value
    return _ESCAPED.sub(lambda match: _ESCAPES[match.group()], value)


def converter(column: Column, options: CopyOptions) -> Converter:
    """Return the function that turns a value's text into this column's field."""
    kind = column.kind
    if kind in WHOLE:
        return _whole(kind)
    if kind == "numeric":
        return _numeric(column, is_rounded="roundec" in options.flags)
    if kind in ("float4", "float8"):
        return _float
    if kind == "bool":
        return _boolean
    if kind == "super":
        return _super
    if kind in ("date", "timestamp", "timestamptz", "time"):
        return times.converter(kind, options)
    return _string(column, options)


def field(
    column: Column, options: CopyOptions
) -> Callable[[str | None, Converter], str]:
    """Return the function for one column's value that may be null, or mean it."""
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


def _string(column: Column, options: CopyOptions) -> Converter:
    limit = column.length
    is_cut = "truncatecolumns" in options.flags

    def convert(value: str) -> str:
        if "\0" in value:
            raise BadValue(1218, "Invalid null byte - field longer than 1 byte")
        if limit and len(value) * 4 > limit and len(value.encode()) > limit:
            if not is_cut:
                raise BadValue(1204, "String length exceeds DDL length")
            value = value.encode()[:limit].decode(errors="ignore")
        return escaped(value)

    return convert


def _whole(kind: str) -> Converter:
    shown, limit = WHOLE[kind]

    def convert(value: str) -> str:
        text = value.strip(" ")
        if _WHOLE.fullmatch(text) is None:
            place = next(
                (
                    i
                    for i, c in enumerate(text)
                    if not c.isdigit() and (i or c not in "+-")
                ),
                len(text) - 1,
            )
            raise BadValue(
                1207,
                f"Invalid digit, Value '{text[place : place + 1]}', Pos {place},"
                f" Type: {shown}",
                place,
            )
        if not -limit <= int(text) < limit:
            raise BadValue(1204, f"Overflow, Column type: {shown}")
        return text

    return convert


def _numeric(column: Column, *, is_rounded: bool) -> Converter:
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


def _float(value: str) -> str:
    text = value.strip(" ")
    if _FLOAT.fullmatch(text) is None:
        raise BadValue(1208, f"Invalid float, Value '{text[:20]}'")
    return text


def _boolean(value: str) -> str:
    text = value.strip(" ").lower()
    if text in TRUE:
        return "t"
    if text in FALSE:
        return "f"
    raise BadValue(1210, "Unknown boolean format")


def _super(value: str) -> str:
    try:
        parsed = json.loads(value, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise BadValue(1224, "Invalid JSON for a SUPER column") from None
    return escaped(dumped(parsed))


def dumped(parsed: object) -> str:
    """Write a parsed JSON value as SUPER keeps it, without white space."""
    return json.dumps(parsed, ensure_ascii=False, separators=(",", ":"), default=float)
