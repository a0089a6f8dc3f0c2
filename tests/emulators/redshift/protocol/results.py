"""Results as Redshift sends them: type oids, binary formats, column metadata.

The client chooses a protocol version at start-up: 1 adds the origin of each column to
its description, 2 sends numbers in binary format and VARBYTE as its own bytes. Where
Redshift's format of a value is not PostgreSQL's, the relay requests one that PostgreSQL
has and converts each value.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal

from tests.emulators.redshift import long_names
from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.type_oids import (
    INTERVAL,
    INTERVAL_D2S,
    INTERVAL_Y2M,
    NUMERIC,
    VARBYTE,
)

BASE, METADATA, BINARY_NUMBERS = 0, 1, 2
TEXT, BINARY = 0, 1
# The scale of a NUMERIC whose type PostgreSQL does not determine, and its modifier.
UNKNOWN_SCALE = 18
UNKNOWN_MODIFIER = (38 << 16 | UNKNOWN_SCALE) + 4
SHORT_PRECISION = 18
YEAR_TO_MONTH = 1 << 1 | 1 << 2  # the fields in the modifier of an interval
ALL_FIELDS = 0x7FFF
MICROSECONDS_PER_DAY = 86_400_000_000
_MANY_DIGITS = Context(prec=200)
_INTERVAL = struct.Struct("!qii")
_LENGTH = struct.Struct("!i")

Converter = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Column:
    """A result column as PostgreSQL describes it."""

    name: str
    oid: int
    size: int
    modifier: int
    table_oid: int
    number: int


@dataclass(frozen=True)
class Origin:
    """Where a column comes from: names, and whether it is nullable or an identity."""

    schema: str = ""
    table: str = ""
    column: str = ""
    database: str = ""
    is_nullable: bool = True
    is_identity: bool = False


@dataclass
class RowFormat:
    """How to request and convert the rows of one result.

    `requested` are the formats that the client has requested, `formats` those to
    request from PostgreSQL, `converters` the functions by the column's position.
    """

    requested: Sequence[int] = ()
    formats: list[int] = field(default_factory=list)
    converters: dict[int, Converter] = field(default_factory=dict)

    def sink(self, write: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """Return the function that converts DataRow messages and writes them."""
        if not self.converters:
            return write
        return lambda messages: write(self.convert(messages))

    def convert(self, messages: bytes) -> bytes:
        """Convert the values in DataRow messages."""
        converted = bytearray()
        position = 0
        while position < len(messages):
            (length,) = _LENGTH.unpack_from(messages, position + 1)
            end = position + 1 + length
            body = self._convert_row(messages[position + 5 : end])
            converted += wire.pack_message(b"D", body)
            position = end
        return bytes(converted)

    def _convert_row(self, body: bytes) -> bytes:
        row = bytearray(body[:2])
        position = 2
        for index in range(struct.unpack_from("!H", body)[0]):
            (length,) = _LENGTH.unpack_from(body, position)
            start, position = position + 4, position + 4 + max(length, 0)
            value = body[start:position]
            converter = self.converters.get(index)
            if length < 0 or converter is None:
                row += body[start - 4 : position]
                continue
            value = converter(value)
            row += _LENGTH.pack(len(value)) + value
        return bytes(row)


class Results:
    """The result formats of one session.

    `oids` are Redshift's type oids by PostgreSQL's, where they differ.
    """

    def __init__(self, oids: Mapping[int, int], version: int) -> None:
        self._oids = oids
        self._version = version

    def describe(
        self,
        columns: Sequence[Column],
        origins: Mapping[tuple[int, int], Origin],
        requested: Sequence[int] = (),
    ) -> bytes:
        """Return the RowDescription of columns in the formats that are requested."""
        packed = bytearray(struct.pack("!H", len(columns)))
        for index, column in enumerate(columns):
            oid, modifier = self._redshift_type(column)
            packed += wire.pack_text(long_names.restore(column.name))
            packed += struct.pack(
                "!IhIhih",
                column.table_oid,
                column.number,
                oid,
                column.size,
                modifier,
                _format_at(requested, index),
            )
            if self._version >= METADATA:
                packed += _pack_origin(origins.get((column.table_oid, column.number)))
        return bytes(packed)

    @property
    def has_origins(self) -> bool:
        """Whether the description of a column contains its origin."""
        return self._version >= METADATA

    def row_format(
        self, columns: Sequence[Column], requested: Sequence[int]
    ) -> RowFormat:
        """Return how to deliver columns in the formats that the client requests.

        `requested` has one format for each column, or one for all, or none for text.
        """
        row_format = RowFormat(requested)
        for index, column in enumerate(columns):
            wanted = _format_at(requested, index)
            source, converter = self._conversion(column, wanted)
            row_format.formats.append(source)
            if converter is not None:
                row_format.converters[index] = converter
        return row_format

    def text_format(self, columns: Sequence[Column]) -> RowFormat:
        """Return how to convert the rows of a simple query, which are text."""
        row_format = RowFormat()
        for index, column in enumerate(columns):
            if self._oids.get(column.oid) == VARBYTE:
                row_format.converters[index] = self._varbyte_text
        return row_format

    def _conversion(self, column: Column, wanted: int) -> tuple[int, Converter | None]:
        """Return the format to request and the function that converts a value."""
        oid, modifier = self._redshift_type(column)
        if oid == NUMERIC and wanted == BINARY:
            return TEXT, numeric_packer(modifier)
        if oid == VARBYTE:
            if wanted == BINARY or self._version >= BINARY_NUMBERS:
                return BINARY, None
            return BINARY, _to_hex
        if wanted == BINARY and oid in INTERVALS:
            return BINARY, INTERVALS[oid]
        return wanted, None

    def _redshift_type(self, column: Column) -> tuple[int, int]:
        """Return Redshift's type oid and modifier of a column."""
        oid, modifier = self._oids.get(column.oid, column.oid), column.modifier
        if oid == NUMERIC and modifier < 0:
            return oid, UNKNOWN_MODIFIER
        if oid == INTERVAL and modifier >= 0:
            fields = modifier >> 16 & ALL_FIELDS
            if fields & ~YEAR_TO_MONTH == 0:
                return INTERVAL_Y2M, modifier
            if fields != ALL_FIELDS:
                return INTERVAL_D2S, modifier
        return oid, modifier

    def _varbyte_text(self, value: bytes) -> bytes:
        digits = value.removeprefix(b"\\x")
        if self._version >= BINARY_NUMBERS:
            return bytes.fromhex(digits.decode())
        return digits


def read_columns(body: bytes) -> list[Column]:
    """Return the columns of a RowDescription."""
    columns = []
    for name, position in wire.column_positions(body):
        table, number, oid, size, modifier, _ = struct.unpack_from(
            "!IhIhih", body, position
        )
        columns.append(Column(name, oid, size, modifier, table, number))
    return columns


def _format_at(formats: Sequence[int], index: int) -> int:
    """Return the format of a column: formats are one for each, one for all, or none."""
    if not formats:
        return TEXT
    return formats[index if len(formats) > 1 else 0]


def numeric_packer(modifier: int) -> Converter:
    """Return the function that packs a NUMERIC of this type, given as text.

    The value is an integer of 8 or 16 bytes, without its decimal point.
    """
    precision, scale = modifier - 4 >> 16, modifier - 4 & 0xFFFF
    size = 8 if precision <= SHORT_PRECISION else 16

    def pack(value: bytes) -> bytes:
        try:
            number = Decimal(value.decode()).scaleb(scale, _MANY_DIGITS)
            whole = int(number.to_integral_value(ROUND_HALF_UP))
            return whole.to_bytes(size, "big", signed=True)
        except (OverflowError, ValueError):
            raise RedshiftError(
                "Numeric data overflow (result precision)", "22003"
            ) from None

    return pack


def _to_hex(value: bytes) -> bytes:
    return value.hex().encode()


def _pack_months(value: bytes) -> bytes:
    return _INTERVAL.pack(*_INTERVAL.unpack(value))[12:]


def _pack_microseconds(value: bytes) -> bytes:
    microseconds, days, _ = _INTERVAL.unpack(value)
    return struct.pack("!q", microseconds + days * MICROSECONDS_PER_DAY)


def _pack_interval(value: bytes) -> bytes:
    """Pack an interval as Redshift does: days are part of the microseconds."""
    microseconds, days, months = _INTERVAL.unpack(value)
    return struct.pack("!qi", microseconds + days * MICROSECONDS_PER_DAY, months)


INTERVALS: dict[int, Converter] = {
    INTERVAL: _pack_interval,
    INTERVAL_Y2M: _pack_months,
    INTERVAL_D2S: _pack_microseconds,
}


def _pack_origin(origin: Origin | None) -> bytes:
    found = origin or Origin()
    names = (found.schema, found.table, found.column, found.database)
    is_read_only, is_searchable = origin is None, True
    flags = (
        found.is_nullable
        | found.is_identity << 4
        | is_read_only << 8
        | is_searchable << 12
    )
    packed = (wire.pack_text(long_names.restore(name)) for name in names)
    return b"".join(packed) + struct.pack("!h", flags)
