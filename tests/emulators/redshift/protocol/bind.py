"""Bind messages: the values of parameters and the formats of results.

Parameters in Redshift's binary formats are converted to PostgreSQL's.
"""

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.emulators.redshift.errors import RedshiftError
from tests.emulators.redshift.protocol import wire
from tests.emulators.redshift.type_oids import INTERVAL_D2S, INTERVAL_Y2M

TEXT = 0
MAX_PARAMETERS = 32_767
UNDEFINED_PARAMETER = "42P02"
_PARAMETER = re.compile(r"\$(\d+)")
_LENGTH = struct.Struct("!i")


def _interval_of_months(value: bytes) -> bytes:
    return struct.pack("!qii", 0, 0, *struct.unpack("!i", value))


def _interval_of_microseconds(value: bytes) -> bytes:
    return struct.pack("!qii", *struct.unpack("!q", value), 0, 0)


CONVERTERS: dict[int, Callable[[bytes], bytes]] = {
    INTERVAL_Y2M: _interval_of_months,
    INTERVAL_D2S: _interval_of_microseconds,
}


@dataclass
class Bind:
    """The content of a Bind message. `result_formats` are as the client sent them."""

    portal: str
    statement: str
    formats: tuple[int, ...]
    values: list[bytes | None]
    result_formats: tuple[int, ...]

    def convert_parameters(self, oids: Sequence[int]) -> None:
        """Convert binary parameters of types that PostgreSQL packs differently."""
        for index, (oid, value) in enumerate(zip(oids, self.values, strict=False)):
            if oid in CONVERTERS and value is not None and self._format(index):
                self.values[index] = CONVERTERS[oid](value)

    def pack(self, result_formats: Sequence[int]) -> bytes:
        """Return the message's body with other formats of the results."""
        parts = [
            wire.pack_text(self.portal),
            wire.pack_text(self.statement),
            _pack_formats(self.formats),
            struct.pack("!H", len(self.values)),
        ]
        for value in self.values:
            length = -1 if value is None else len(value)
            parts.append(_LENGTH.pack(length) + (value or b""))
        return b"".join(parts) + _pack_formats(result_formats)

    def _format(self, index: int) -> int:
        if not self.formats:
            return TEXT
        return self.formats[index if len(self.formats) > 1 else 0]


def used_parameters(sql: str) -> set[int]:
    """Return the numbers of the parameters that a statement uses.

    Redshift counts them with 16 bits, and names the first that this cannot count as the
    number that the bits stand for.
    """
    numbers = {int(number) for number in _PARAMETER.findall(sql)}
    if max(numbers, default=0) > MAX_PARAMETERS:
        raise RedshiftError(
            f"there is no parameter ${-MAX_PARAMETERS - 1}", UNDEFINED_PARAMETER
        )
    return numbers


def unpack(body: bytes) -> Bind:
    """Unpack the body of a Bind message."""
    portal, position = wire.unpack_text(body)
    statement, position = wire.unpack_text(body, position)
    formats, position = _unpack_formats(body, position)
    (count,) = struct.unpack_from("!H", body, position)
    position += 2
    values: list[bytes | None] = []
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(body, position)
        position += 4
        values.append(None if length < 0 else body[position : position + length])
        position += max(length, 0)
    result_formats, _ = _unpack_formats(body, position)
    return Bind(portal, statement, formats, values, result_formats)


def _unpack_formats(body: bytes, position: int) -> tuple[tuple[int, ...], int]:
    (count,) = struct.unpack_from("!H", body, position)
    formats = struct.unpack_from(f"!{count}h", body, position + 2)
    return formats, position + 2 + 2 * count


def _pack_formats(formats: Sequence[int]) -> bytes:
    return struct.pack(f"!H{len(formats)}h", len(formats), *formats)
