"""Messages of PostgreSQL's wire protocol, version 3: packed and unpacked.

A message is its type, one byte, and its body; on the wire the length stands between.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence

from tests.emulators.redshift.errors import RedshiftError

PROTOCOL = 196608  # 3.0
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102
LONGEST_START = 10_000
VARCHAR, TEXT, UNKNOWN, SUPER = 1043, 25, 705, 4000
_HEADER = struct.Struct("!cI")
_FIELD = struct.Struct("!IhIhih")


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Pack one message."""
    return _HEADER.pack(kind, len(body) + 4) + body


def text(value: str) -> bytes:
    """Pack a string, its closing zero byte included."""
    return value.encode() + b"\0"


def read_text(body: bytes, start: int = 0) -> tuple[str, int]:
    """Unpack a string; also return the index after its zero byte.

    RedshiftError when it is not UTF-8, or has no end.
    """
    end = body.find(b"\0", start)
    try:
        text = body[start:end].decode()
    except UnicodeDecodeError as error:
        shown = body[start:][error.start : error.end].hex(" ")
        raise RedshiftError(
            f'invalid byte sequence for encoding "UTF8": 0x{shown}', "22021"
        ) from None
    if end < 0:
        raise RedshiftError("invalid string in message", "08P01", is_fatal=True)
    return text, end + 1


def start_packet(parameters: Mapping[str, str]) -> bytes:
    """Pack the first message of a session."""
    pairs = b"".join(text(name) + text(value) for name, value in parameters.items())
    body = struct.pack("!I", PROTOCOL) + pairs + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def read_parameters(body: bytes) -> dict[str, str]:
    """Unpack the name-value pairs of a first message, its version left out."""
    words = body.decode(errors="replace").split("\0")
    return {
        name: value
        for name, value in zip(words[::2], words[1::2], strict=False)
        if name
    }


def error(problem: RedshiftError) -> bytes:
    """Pack an error for the client."""
    severity = "FATAL" if problem.is_fatal else "ERROR"
    fields = {
        "S": severity,
        "V": severity,
        "C": problem.code,
        "M": problem.message,
        "D": problem.detail,
        "H": problem.hint,
    }
    return message(b"E", _fields(fields))


def read_error(body: bytes) -> dict[str, str]:
    """Unpack the fields of an error or a notice."""
    return {
        part[:1].decode(): part[1:].decode(errors="replace")
        for part in body.split(b"\0")
        if part
    }


def _fields(fields: Mapping[str, str]) -> bytes:
    packed = b"".join(
        name.encode() + text(value) for name, value in fields.items() if value
    )
    return packed + b"\0"


# What only Redshift says, in place of PostgreSQL's words and codes.
_CODES = {"28P01": "28000"}
_MESSAGES = {
    "cannot accept a value of type anynonarray": (
        "a plain string does not become SUPER here: write json_parse('...')"
        " (Amazon Redshift would keep it as one JSON string)"
    )
}
_NULL = re.compile(r'null value in column "(.+?)" .*violates not-null constraint')
SERIALIZATION_FAILURE = "40001"


def serialization_error(table: str, pid: int) -> RedshiftError:
    """Return Redshift's error 1023 for a table (its oid or name)."""
    return RedshiftError(
        "1023",
        detail=f"Serializable isolation violation on table - {table}, transactions"
        f" forming the cycle are: {pid * 10}, {pid * 10 + 1} (pid:{pid})",
    )


def as_redshift_says(body: bytes, pid: int) -> RedshiftError:
    """Return an error of PostgreSQL as the one that Redshift would report."""
    fields = read_error(body)
    code, told = fields.get("C", "XX000"), fields.get("M", "")
    if code == SERIALIZATION_FAILURE:
        return serialization_error("0", pid)
    told = _NULL.sub(r"Cannot insert a NULL value into column \1", told)
    # The position is of our SQL, the context of our functions: both are left out.
    return RedshiftError(
        _MESSAGES.get(told, told),
        _CODES.get(code, code),
        detail=fields.get("D", ""),
        hint=fields.get("H", ""),
        is_fatal=fields.get("S") in ("FATAL", "PANIC"),
    )


def notice(told: str) -> bytes:
    """Pack an INFO message for the client."""
    fields = {"S": "INFO", "V": "INFO", "C": "00000", "M": told}
    return message(b"N", _fields(fields))


def complete(tag: str) -> bytes:
    """Pack the end of a command."""
    return message(b"C", text(tag))


def parameter_status(name: str, value: str) -> bytes:
    """Pack the value of a run-time parameter."""
    return message(b"S", text(name) + text(value))


def negotiate() -> bytes:
    """Pack the answer to a client that asked for a later 3.x: 3.0 is what we speak."""
    return message(b"v", struct.pack("!II", PROTOCOL, 0))


def parse_message(name: str, sql: str, oids: Sequence[int] = ()) -> bytes:
    """Pack the request to prepare a statement."""
    types = struct.pack(f"!H{len(oids)}I", len(oids), *oids)
    return message(b"P", text(name) + text(sql) + types)


def map_row_description(body: bytes, oids: Mapping[int, int]) -> bytes:
    """Return a description of rows with types replaced by their oid."""
    packed = bytearray(body)
    for _, place in _columns(body):
        (oid,) = struct.unpack_from("!I", body, place + 6)
        if oid in oids:
            struct.pack_into("!I", packed, place + 6, oids[oid])
    return bytes(packed)


def read_row_description(body: bytes) -> list[tuple[str, int, int]]:
    """Unpack the columns of rows: name, oid of the type, its modifier."""
    columns = []
    for name, place in _columns(body):
        _, _, oid, _, modifier, _ = _FIELD.unpack_from(body, place)
        columns.append((name, oid, modifier))
    return columns


def _columns(body: bytes) -> Iterator[tuple[str, int]]:
    (count,) = struct.unpack_from("!H", body)
    position = 2
    for _ in range(count):
        name, position = read_text(body, position)
        yield name, position
        position += _FIELD.size


def map_parameter_description(body: bytes, oids: Mapping[int, int]) -> bytes:
    """Return a description of parameters with types replaced by their oid."""
    (count,) = struct.unpack_from("!H", body)
    found = struct.unpack_from(f"!{count}I", body, 2)
    return body[:2] + struct.pack(f"!{count}I", *(oids.get(oid, oid) for oid in found))


def read_row(body: bytes) -> list[str | None]:
    """Unpack a row sent as text."""
    (count,) = struct.unpack_from("!H", body)
    values: list[str | None] = []
    position = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, position)
        position += 4
        if length < 0:
            values.append(None)
            continue
        values.append(body[position : position + length].decode())
        position += length
    return values
