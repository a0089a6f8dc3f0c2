"""Rendering: a mart's value becomes the text that Salesforce reads, or is refused.

The text is the CSV cell of Bulk API 2.0 (dates ISO, datetimes UTC with `.SSSZ`,
numbers plain decimals, checkboxes true/false); None stands for an emptied field and
is written as `#N/A`. A row that cannot be rendered is refused alone, with a code of
its own, so that it never spoils its neighbours.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from math import isfinite

from loaders.salesforce.mapping import Field, Mapping

NULL_MARKER = "#N/A"
HASH_BYTES = 16
WORKING_DIGITS = 60
REFUSED_KEY_LENGTH = 64
FIRST_YEAR, LAST_YEAR = 1700, 4000

Renderer = Callable[[object], str | None]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Refused(Exception):
    """A value cannot go to Salesforce; the message says why, for the row's owner."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Rendered:
    """A row ready to send: its key, its fields as JSON text, and their hash."""

    key: str
    payload: str
    hash: str


@dataclass(frozen=True)
class RefusedRow:
    """A row that stays here: its key as far as it has one, and each reason."""

    key: str
    code: str
    message: str
    fields: str
    hash: str


class RowRenderer:
    """Renders rows of one mapping; make it once, call it for every row.

    `version` (org and mapping) goes into every hash, so that what another org or
    another mapping accepted never counts as sent.
    """

    def __init__(self, mapping: Mapping, version: str) -> None:
        self._version = version
        self._columns = tuple(
            (field.name, renderer(field), field.nulls == "ignore")
            for field in mapping.fields
            if field.name != mapping.external_id
        )
        self._key = renderer(mapping.key)
        self._key_name = mapping.external_id
        self._position = mapping.key_position

    def __call__(self, row: Sequence[object]) -> Rendered | RefusedRow:
        """Render the values of one row, which stand in the mapping's order."""
        values = list(row)
        raw_key = values.pop(self._position)
        try:
            payload = {}
            for (name, render, skips_null), value in zip(
                self._columns, values, strict=True
            ):
                text = render(value)
                if text is not None or not skips_null:
                    payload[name] = text
            key = self._key_text(raw_key)
        except Refused:
            return self._refusal(raw_key, values)
        text = _encode(payload)
        return Rendered(key, text, payload_hash(text, self._version))

    def _key_text(self, value: object) -> str:
        key = self._key(value)
        if key is None:
            raise Refused("BLANK_KEY", "the key is null or blank")
        return key

    def _refusal(self, raw_key: object, values: list[object]) -> RefusedRow:
        """Go through the row again, slowly, and gather every reason."""
        reasons: list[tuple[str, str, str]] = []
        checks = [(self._key_name, self._key_text, raw_key)]
        checks += [
            (name, render, value)
            for (name, render, _), value in zip(self._columns, values, strict=True)
        ]
        for name, render, value in checks:
            try:
                render(value)
            except Refused as refused:
                reasons.append((refused.code, f"{name}: {refused.message}", name))
        return RefusedRow(
            key=""
            if raw_key is None
            else str(raw_key).encode("utf-8", "replace").decode(),
            code=reasons[0][0],
            message="; ".join(reason[1] for reason in reasons),
            fields=",".join(reason[2] for reason in reasons),
            hash=payload_hash(repr([raw_key, *values]), self._version),
        )


def _readable(key: object) -> str:
    """Return a refused row's key as text that any ledger can hold."""
    if key is None:
        return ""
    return str(key).encode("utf-8", "replace").decode()[:REFUSED_KEY_LENGTH]


def payload_hash(text: str, version: str) -> str:
    """Return the hash under which a payload's text is remembered for a version."""
    told = f"{version}\n{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(told, digest_size=HASH_BYTES).hexdigest()


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
