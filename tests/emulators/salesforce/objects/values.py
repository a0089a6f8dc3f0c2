"""What a field makes of a CSV cell or a JSON value, and what it refuses.

Decimals are kept as doubles, dates as `yyyy-MM-dd`, times as UTC texts that sort; a
value is None when the field is empty. Both makers return a function per field, so
that a file of many rows pays for the field's rules once.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any

from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects import identifiers
from tests.emulators.salesforce.objects.schema import DECIMAL, WHOLE, Field

Make = Callable[[Any], Any]
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
INTEGER = re.compile(r"[+-]?\d+")
DATE = re.compile(r"\d{4}-\d\d-\d\d")
DATETIME = re.compile(
    r"(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?"
)
TRUE, FALSE = ("true", "1"), ("false", "0")
INT_LIMIT = 1 << 31
XSD = {"boolean": "boolean", "date": "date", "datetime": "dateTime", "int": "int"} | {
    name: "double" for name in DECIMAL
}
PLAIN_FROM, PLAIN_BELOW = 1e-3, 1e7


def from_text(field: Field, column: int) -> Make:
    """Return the maker of values from CSV cells of a column (counted from 0)."""
    read, check = _reader(field), _checker(field)

    def make(cell: str) -> object:
        try:
            value = read(cell)
        except ValueError:
            raise RowError(
                "INVALID_FIELD",
                f"Failed to deserialize field at col {column}. Due to, '{cell}' is "
                f"not a valid value for the type xsd:{XSD.get(field.type, 'string')}",
                field.name,
            ) from None
        return check(value) if check else value

    return make


def from_json(field: Field) -> Make:
    """Return the maker of values from JSON ones."""
    read, check = _reader(field), _checker(field)

    def make(told: Any) -> object:  # noqa: ANN401 - JSON
        if told is None or told == "":
            return field.default if field.type == "boolean" else None
        try:
            value = read(_text_of(field, told))
        except ValueError:
            raise RowError(
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                f"{field.label}: value not of required type: {_shown(told)}",
                field.name,
            ) from None
        return check(value) if check else value

    return make


def _text_of(field: Field, told: object) -> str:
    """Write a JSON value as a cell has it; `ValueError` when its kind is wrong."""
    if isinstance(told, bool):
        if field.type != "boolean":
            raise ValueError
        return "true" if told else "false"
    if isinstance(told, (int, float, Decimal)):
        if field.type not in DECIMAL | WHOLE:
            raise ValueError
        return str(told)
    if not isinstance(told, str):
        raise ValueError
    return told


def _shown(told: object) -> str:
    return str(told).lower() if isinstance(told, bool) else str(told)


def _reader(field: Field) -> Make:
    if field.is_decimal:
        return _decimal_reader(field.scale)
    if field.type in WHOLE:
        return _whole
    return {"date": _date, "datetime": _datetime, "boolean": _boolean}.get(
        field.type, str
    )


def _decimal_reader(scale: int) -> Make:
    def read(text: str) -> float:
        if not NUMBER.fullmatch(text):
            raise ValueError(text)
        _, point, fraction = text.partition(".")
        if point and len(fraction) > scale:
            # Digits beyond the scale are cut off without a word.
            exact = Decimal(text)
            return float(exact.quantize(Decimal(1).scaleb(-scale), ROUND_DOWN))
        return float(text)

    return read


def _whole(text: str) -> int:
    if not INTEGER.fullmatch(text) or not -INT_LIMIT <= int(text) < INT_LIMIT:
        raise ValueError(text)
    return int(text)


def _date(text: str) -> str:
    if not DATE.fullmatch(text):
        raise ValueError(text)
    date.fromisoformat(text)
    return text


def _datetime(text: str) -> str:
    match = DATETIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    at = datetime.fromisoformat(text)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return stamp(at)


def _boolean(text: str) -> bool:
    folded = text.lower()
    if folded in TRUE:
        return True
    if folded in FALSE:
        return False
    raise ValueError(text)


def stamp(at: datetime) -> str:
    """Write a time in UTC as the API does: milliseconds, and `+0000` at the end."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


def _checker(field: Field) -> Make | None:
    """Return what judges a value of the right type; None when nothing can be wrong."""
    if field.refuse:
        return _rule(field, _checker_of_type(field))
    return _checker_of_type(field)


def _rule(field: Field, inner: Make | None) -> Make:
    pattern = re.compile(field.refuse)

    def check(value: Any) -> object:  # noqa: ANN401 - any field's value
        value = inner(value) if inner else value
        if pattern.fullmatch(str(value)):
            raise RowError(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION", field.refuse_message, field.name
            )
        return value

    return check


def _checker_of_type(field: Field) -> Make | None:
    if field.is_decimal:
        return _range(field)
    if field.type in ("id", "reference"):
        return _id(field)
    if field.type == "multipicklist" and field.restricted:
        return _picked(field, lambda value: value.split(";"))
    if field.type == "picklist" and field.restricted:
        return _picked(field, lambda value: [value])
    return _length(field) if field.is_text else None


def _range(field: Field) -> Make:
    limit = 10.0 ** (field.precision - field.scale)
    if field.precision >= 18:
        # A double of that size may be the rounded form of a number below the limit.
        limit *= 1 + 1e-15

    def check(value: float) -> float:
        if not -limit < value < limit:
            raise RowError(
                "NUMBER_OUTSIDE_VALID_RANGE",
                f"{field.label}: value outside of valid range on numeric field: "
                f"{java(value)}",
                field.name,
            )
        return value

    return check


def _length(field: Field) -> Make:
    limit = field.length

    def check(value: str) -> str:
        if len(value) > limit:
            raise RowError(
                "STRING_TOO_LONG",
                f"{field.label}: data value too large: {value} (max length={limit})",
                field.name,
            )
        return value

    return check


def _picked(field: Field, parts: Callable[[str], list[str]]) -> Make:
    known = {value.lower(): value for value in field.values}

    def check(value: str) -> str:
        chosen = []
        for part in parts(value):
            if part.lower() not in known:
                raise RowError(
                    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                    f"{field.label}: bad value for restricted picklist field: {part}",
                    field.name,
                )
            chosen.append(known[part.lower()])
        return ";".join(chosen)

    return check


def _id(field: Field) -> Make:
    def check(value: str) -> str:
        found = identifiers.canonical(value)
        if found is None:
            raise RowError(
                "MALFORMED_ID",
                f"{field.label}: id value of incorrect type: {value}",
                field.name,
            )
        return found

    return check


def java(value: float) -> str:
    """Write a double as Java does: `12.0`, `9.12260031E8`."""
    if value == 0 or PLAIN_FROM <= abs(value) < PLAIN_BELOW:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, rest = digits[0], "".join(map(str, digits[1:])) or "0"
    power = int(exponent) + len(digits) - 1
    return f"{'-' if sign else ''}{first}.{rest}E{power}"


def as_json(field: Field, value: Any) -> object:  # noqa: ANN401 - any field's value
    """Return the JSON form of a stored value."""
    if value is None:
        return None
    if field.type == "boolean":
        return bool(value)
    return float(value) if field.is_decimal else value


def as_text(field: Field, value: Any) -> str:  # noqa: ANN401 - any field's value
    """Return the form of a stored value in a CSV file."""
    if value is None:
        return ""
    if field.type == "boolean":
        return "true" if value else "false"
    if field.is_decimal:
        return java(float(value))
    if field.type == "datetime":
        return str(value).replace("+0000", "Z")
    return str(value)
