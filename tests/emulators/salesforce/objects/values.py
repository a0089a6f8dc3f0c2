"""Parsing, validation and formatting of field values.

Stored values are doubles for decimals, `yyyy-MM-dd` for dates, sortable UTC strings for
datetimes, and None for empty fields. `csv_parser` and `json_parser` return one function
per field, so that a file of many rows evaluates the field's rules only once.
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.emulators.salesforce.errors import RowError
from tests.emulators.salesforce.objects import identifiers, text_values
from tests.emulators.salesforce.objects.schema import (
    DECIMAL_TYPES,
    INTEGER_TYPES,
    Field,
)

Parser = Callable[[Any], Any]
XSD_TYPES = {
    "boolean": "boolean",
    "date": "date",
    "datetime": "dateTime",
    "int": "int",
} | {name: "double" for name in DECIMAL_TYPES}
PLAIN_NOTATION_MIN, PLAIN_NOTATION_LIMIT = 1e-3, 1e7


def csv_parser(field: Field, column: int) -> Parser:
    """Return a parser of the field's CSV cells; `column` is counted from 0."""
    parse_text, validate = text_values.parser(field), _validator(field)
    xsd_type = XSD_TYPES.get(field.type, "string")

    def parse(cell: str) -> object:
        try:
            value = parse_text(cell)
        except ValueError:
            raise RowError(
                "INVALID_FIELD",
                f"Failed to deserialize field at col {column}. Due to, '{cell}' is "
                f"not a valid value for the type xsd:{xsd_type}",
                field.name,
            ) from None
        return validate(value) if validate else value

    return parse


def json_parser(field: Field) -> Parser:
    """Return a parser of the field's JSON values."""
    parse_text, validate = text_values.parser(field), _validator(field)

    def parse(json_value: Any) -> object:  # noqa: ANN401 - JSON
        if json_value is None or json_value == "":
            return field.default if field.type == "boolean" else None
        try:
            value = parse_text(_json_to_text(field, json_value))
        except ValueError:
            raise RowError(
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                f"{field.label}: value not of required type: {_display(json_value)}",
                field.name,
            ) from None
        return validate(value) if validate else value

    return parse


def _json_to_text(field: Field, json_value: object) -> str:
    """Return a JSON value as CSV text; raise `ValueError` if its type is wrong."""
    if isinstance(json_value, bool):
        if field.type != "boolean":
            raise ValueError
        return "true" if json_value else "false"
    if isinstance(json_value, (int, float, Decimal)):
        if field.type not in DECIMAL_TYPES | INTEGER_TYPES:
            raise ValueError
        return str(json_value)
    if not isinstance(json_value, str):
        raise ValueError
    return json_value


def _display(json_value: object) -> str:
    text = str(json_value)
    return text.lower() if isinstance(json_value, bool) else text


def _validator(field: Field) -> Parser | None:
    """Return a function that validates parsed values, or None if all are valid."""
    if field.error_pattern:
        return _rule_validator(field, _type_validator(field))
    return _type_validator(field)


def _rule_validator(field: Field, validate_type: Parser | None) -> Parser:
    pattern = re.compile(field.error_pattern)

    def validate(value: Any) -> object:  # noqa: ANN401 - any field's value
        value = validate_type(value) if validate_type else value
        if pattern.fullmatch(str(value)):
            raise RowError(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION", field.error_message, field.name
            )
        return value

    return validate


def _type_validator(field: Field) -> Parser | None:
    if field.is_decimal:
        return _range_validator(field)
    if field.type in ("id", "reference"):
        return _id_validator(field)
    if field.type == "multipicklist" and field.restricted:
        return _picklist_validator(field, lambda value: value.split(";"))
    if field.type == "picklist" and field.restricted:
        return _picklist_validator(field, lambda value: [value])
    return _length_validator(field) if field.is_text else None


def _range_validator(field: Field) -> Parser:
    limit = 10.0 ** (field.precision - field.scale)
    if field.precision >= 18:
        # A double of that size may be the rounded value of a number below the limit.
        limit *= 1 + 1e-15

    def validate(value: float) -> float:
        if not -limit < value < limit:
            raise RowError(
                "NUMBER_OUTSIDE_VALID_RANGE",
                f"{field.label}: value outside of valid range on numeric field: "
                f"{format_java_double(value)}",
                field.name,
            )
        return value

    return validate


def _length_validator(field: Field) -> Parser:
    limit = field.length

    def validate(value: str) -> str:
        if len(value) > limit:
            raise RowError(
                "STRING_TOO_LONG",
                f"{field.label}: data value too large: {value} (max length={limit})",
                field.name,
            )
        return value

    return validate


def _picklist_validator(field: Field, split: Callable[[str], list[str]]) -> Parser:
    picklist_values = {value.lower(): value for value in field.values}

    def validate(value: str) -> str:
        selected = []
        for part in split(value):
            if part.lower() not in picklist_values:
                raise RowError(
                    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                    f"{field.label}: bad value for restricted picklist field: {part}",
                    field.name,
                )
            selected.append(picklist_values[part.lower()])
        return ";".join(selected)

    return validate


def _id_validator(field: Field) -> Parser:
    def validate(value: str) -> str:
        long_id = identifiers.canonical(value)
        if long_id is None:
            raise RowError(
                "MALFORMED_ID",
                f"{field.label}: id value of incorrect type: {value}",
                field.name,
            )
        return long_id

    return validate


def format_java_double(value: float) -> str:
    """Return a double in Java's notation: `12.0`, `9.12260031E8`, `Infinity`."""
    if not math.isfinite(value):
        return str(value).replace("inf", "Infinity").replace("nan", "NaN")
    if value == 0 or PLAIN_NOTATION_MIN <= abs(value) < PLAIN_NOTATION_LIMIT:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    first, rest = digits[0], "".join(map(str, digits[1:])) or "0"
    power = int(exponent) + len(digits) - 1
    return f"{'-' if sign else ''}{first}.{rest}E{power}"


def to_json(field: Field, value: Any) -> object:  # noqa: ANN401 - any field's value
    """Return the JSON form of a stored value."""
    if value is None:
        return None
    if field.type == "boolean":
        return bool(value)
    return float(value) if field.is_decimal else value


def to_csv(field: Field, value: Any) -> str:  # noqa: ANN401 - any field's value
    """Return the CSV text of a stored value."""
    if value is None:
        return ""
    if field.type == "boolean":
        return "true" if value else "false"
    if field.is_decimal:
        return format_java_double(float(value))
    if field.type == "datetime":
        return str(value).replace("+0000", "Z")
    return str(value)
