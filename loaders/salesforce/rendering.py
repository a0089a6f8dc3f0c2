"""Rendering: a mart's value becomes the text that Salesforce reads, or is refused.

The text is the CSV cell of Bulk API 2.0 (dates ISO, datetimes UTC with `.SSSZ`,
numbers plain decimals, checkboxes true/false); None stands for an emptied field and
is written as `#N/A`. A value that cannot be rendered is refused with a code and words
for the row's owner.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from math import isfinite

from loaders.salesforce.mapping import Field

NULL_MARKER = "#N/A"
WORKING_DIGITS = 60
FIRST_YEAR, LAST_YEAR = 1700, 4000

Renderer = Callable[[object], str | None]


class Refused(Exception):
    """A value cannot go to Salesforce; the message says why, for the row's owner."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def renderer(field: Field) -> Renderer:
    """Return the function that renders this field's values; it raises `Refused`."""
    if field.type == "text":
        return _text(field)
    if field.is_numeric:
        return _number(field)
    return {"date": _date, "datetime": _datetime(field), "checkbox": _checkbox(field)}[
        field.type
    ]


def _text(field: Field) -> Renderer:
    length = field.length or 0
    truncates = field.too_long == "truncate"

    def render(value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            if isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            else:
                raise Refused("WRONG_TYPE", f"{type(value).__name__} is not a text")
        if not value.isascii():
            _refuse_unencodable(value)
        if "\r" in value:
            # A line ending other than the job's, even inside quotes, can fail a job.
            value = value.replace("\r\n", "\n").replace("\r", "\n")
        if "\0" in value:
            value = value.replace("\0", "")
        if not value or value.isspace():
            return None
        if value == NULL_MARKER:
            raise Refused(
                "NULL_MARKER_TEXT", "the text #N/A itself would empty the field"
            )
        if len(value) > length:
            if not truncates:
                raise Refused(
                    "TOO_LONG", f"{len(value)} characters, {length} fit in the field"
                )
            value = value[:length]
        return value

    return render


def _refuse_unencodable(value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("NOT_UNICODE", "the text has half a character pair") from None


def _number(field: Field) -> Renderer:
    whole = field.whole_digits
    limit = None if whole is None else 10**whole
    step = Decimal(1).scaleb(-field.scale)

    def render(value: object) -> str | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            raise Refused("WRONG_TYPE", f"{type(value).__name__} is not a number")
        if isinstance(value, int):
            if limit is not None and not -limit < value < limit:
                raise Refused("TOO_LARGE", f"more than {whole} digits")
            return str(value)
        if not isfinite(value):
            raise Refused("NOT_A_NUMBER", f"{value} is not a number")
        return _decimal_text(value)

    def _decimal_text(value: float | Decimal) -> str:
        # repr gives the shortest text of a double, so 0.1 stays 0.1.
        exact = value if isinstance(value, Decimal) else Decimal(repr(value))
        with localcontext() as context:
            context.prec = max(WORKING_DIGITS, exact.adjusted() + WORKING_DIGITS)
            rounded = exact.quantize(step, rounding=ROUND_HALF_UP)
        if field.scale == 0 and rounded != exact:
            raise Refused("NOT_WHOLE", f"{exact} has a fraction, the field has none")
        if limit is not None and not -limit < rounded < limit:
            raise Refused("TOO_LARGE", f"more than {whole} digits before the point")
        text = f"{rounded:f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return "0" if text in ("-0", "") else text

    return render


def _date(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.timetz().replace(tzinfo=None) != datetime.min.time():
            raise Refused("WRONG_TYPE", f"{value} has a time of day")
        value = value.date()
    if not isinstance(value, date):
        raise Refused("WRONG_TYPE", f"{type(value).__name__} is not a date")
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise Refused("OUT_OF_RANGE", f"year {value.year} is not 1700 to 4000")
    return value.isoformat()


def _datetime(field: Field) -> Renderer:
    def render(value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, datetime):
            raise Refused("WRONG_TYPE", f"{type(value).__name__} is not a datetime")
        if value.tzinfo is None:
            if field.zone is None:
                raise Refused("NO_ZONE", f"{value} says no zone, nor does the mapping")
            value = value.replace(tzinfo=UTC)
        value = value.astimezone(UTC)
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise Refused("OUT_OF_RANGE", f"year {value.year} is not 1700 to 4000")
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"

    return render


def _checkbox(field: Field) -> Renderer:
    def render(value: object) -> str | None:
        if value is None:
            if field.nulls == "ignore":
                return None
            raise Refused("NULL_CHECKBOX", "a checkbox is true or false, never empty")
        if not isinstance(value, bool):
            raise Refused("WRONG_TYPE", f"{type(value).__name__} is not a boolean")
        return "true" if value else "false"

    return render
