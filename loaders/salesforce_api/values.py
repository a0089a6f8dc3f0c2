"""Render values as the text that Salesforce parses.

The text is the CSV cell of Bulk API 2.0: ISO dates, UTC datetimes with `.SSSZ`, plain
decimals, and true or false for checkboxes. None clears a field and is written as
`#N/A`. A value that cannot be rendered is rejected with a code and a message.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from math import isfinite

from loaders.config.salesforce_mapping import Field

NULL_MARKER = "#N/A"
WORKING_DIGITS = 60
FIRST_YEAR, LAST_YEAR = 1700, 4000

Renderer = Callable[[object], str | None]


class RejectedValueError(Exception):
    """A value cannot be sent to Salesforce; `code` and `message` give the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def make_renderer(field: Field) -> Renderer:
    """Return the function that renders a field's values.

    The function raises `RejectedValueError`.
    """
    if field.type == "text":
        return _text_renderer(field)
    if field.is_numeric:
        return _number_renderer(field)
    return {
        "date": _render_date,
        "datetime": _datetime_renderer(field),
        "checkbox": _checkbox_renderer(field),
    }[field.type]


def _text_renderer(field: Field) -> Renderer:
    length = field.length or 0
    truncates = field.too_long == "truncate"

    def render(value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            if isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            else:
                raise _wrong_type(value, "text")
        if not value.isascii():
            _require_encodable(value)
        if "\r" in value:
            # A line ending other than the job's, even inside quotes, can fail a job.
            value = value.replace("\r\n", "\n").replace("\r", "\n")
        if "\0" in value:
            value = value.replace("\0", "")
        if not value or value.isspace():
            return None
        if value == NULL_MARKER:
            raise RejectedValueError(
                "NULL_MARKER_TEXT", "the text #N/A would clear the field"
            )
        if len(value) > length:
            if not truncates:
                raise RejectedValueError(
                    "TOO_LONG",
                    f"{len(value)} characters, but the field holds {length}",
                )
            value = value[:length]
        return value

    return render


def _wrong_type(value: object, expected: str) -> RejectedValueError:
    return RejectedValueError(
        "WRONG_TYPE", f"expected {expected}, got {type(value).__name__}"
    )


def _require_encodable(value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RejectedValueError(
            "NOT_UNICODE", "the text contains a lone surrogate"
        ) from None


def _number_renderer(field: Field) -> Renderer:
    whole = field.whole_digits
    limit = None if whole is None else 10**whole
    step = Decimal(1).scaleb(-field.scale)

    def render(value: object) -> str | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            raise _wrong_type(value, "a number")
        if isinstance(value, int):
            if limit is not None and not -limit < value < limit:
                raise RejectedValueError(
                    "TOO_LARGE", f"more than {whole} digits before the decimal point"
                )
            return str(value)
        if not isfinite(value):
            raise RejectedValueError("NOT_A_NUMBER", f"{value} is not a finite number")
        return _decimal_text(value)

    def _decimal_text(value: float | Decimal) -> str:
        # repr gives the shortest text of a double, so 0.1 stays 0.1.
        exact = value if isinstance(value, Decimal) else Decimal(repr(value))
        with localcontext() as context:
            context.prec = max(WORKING_DIGITS, exact.adjusted() + WORKING_DIGITS)
            rounded = exact.quantize(step, rounding=ROUND_HALF_UP)
        if field.scale == 0 and rounded != exact:
            raise RejectedValueError(
                "NOT_WHOLE", f"{exact} has a fraction, but the field holds integers"
            )
        if limit is not None and not -limit < rounded < limit:
            raise RejectedValueError(
                "TOO_LARGE", f"more than {whole} digits before the decimal point"
            )
        text = f"{rounded:f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return "0" if text in ("-0", "") else text

    return render


def _render_date(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.timetz().replace(tzinfo=None) != datetime.min.time():
            raise RejectedValueError("WRONG_TYPE", f"{value} has a time of day")
        value = value.date()
    if not isinstance(value, date):
        raise _wrong_type(value, "a date")
    _require_year_in_range(value)
    return value.isoformat()


def _datetime_renderer(field: Field) -> Renderer:
    def render(value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, datetime):
            raise _wrong_type(value, "a datetime")
        if value.tzinfo is None:
            if field.zone is None:
                raise RejectedValueError(
                    "NO_ZONE",
                    f"{value} has no time zone, and the mapping declares none",
                )
            value = value.replace(tzinfo=UTC)
        value = value.astimezone(UTC)
        _require_year_in_range(value)
        return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"

    return render


def _require_year_in_range(value: date) -> None:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise RejectedValueError(
            "OUT_OF_RANGE",
            f"year {value.year} is not between {FIRST_YEAR} and {LAST_YEAR}",
        )


def _checkbox_renderer(field: Field) -> Renderer:
    def render(value: object) -> str | None:
        if value is None:
            if field.nulls == "ignore":
                return None
            raise RejectedValueError("NULL_CHECKBOX", "a checkbox cannot be null")
        if not isinstance(value, bool):
            raise _wrong_type(value, "a boolean")
        return "true" if value else "false"

    return render
