"""Messages of PostgreSQL's wire protocol, version 3: packing and unpacking.

A message consists of a one-byte type, its length and its body. The types used here:

- from the client: Q Query, P Parse, B Bind, D Describe, E Execute, C Close, H Flush,
  S Sync, d CopyData, c CopyDone, f CopyFail, p PasswordMessage, X Terminate
- from the server: R Authentication, K BackendKeyData, S ParameterStatus,
  N NoticeResponse, E ErrorResponse, T RowDescription, t ParameterDescription,
  D DataRow, C CommandComplete, I EmptyQueryResponse, n NoData, 1 ParseComplete,
  2 BindComplete, 3 CloseComplete, v NegotiateProtocolVersion, Z ReadyForQuery
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence

from tests.emulators.redshift import long_names
from tests.emulators.redshift.errors import RedshiftError

PROTOCOL = 196608  # 3.0
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102
MAX_STARTUP_BYTES = 10_000
SUPER = 4000  # Redshift's oid of the SUPER type
_HEADER = struct.Struct("!cI")
_FIELD = struct.Struct("!IhIhih")


def pack_message(kind: bytes, body: bytes = b"") -> bytes:
    """Pack one message."""
    return _HEADER.pack(kind, len(body) + 4) + body


def pack_text(value: str) -> bytes:
    """Pack a zero-terminated string."""
    return value.encode() + b"\0"


def unpack_text(body: bytes, start: int = 0) -> tuple[str, int]:
    """Unpack a string; return it and the index after its terminating zero byte.

    Raises RedshiftError if it is not valid UTF-8 or has no terminating zero byte.
    """
    end = body.find(b"\0", start)
    try:
        text = body[start:end].decode()
    except UnicodeDecodeError as error:
        sequence = body[start:][error.start : error.end].hex(" ")
        raise RedshiftError(
            f'invalid byte sequence for encoding "UTF8": 0x{sequence}', "22021"
        ) from None
    if end < 0:
        raise RedshiftError("invalid string in message", "08P01", is_fatal=True)
    return text, end + 1


def pack_startup(parameters: Mapping[str, str]) -> bytes:
    """Pack the start-up message of a session."""
    pairs = b"".join(
        pack_text(name) + pack_text(value) for name, value in parameters.items()
    )
    body = struct.pack("!I", PROTOCOL) + pairs + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def unpack_parameters(body: bytes) -> dict[str, str]:
    """Unpack the parameters of a start-up message, without its version."""
    words = body.decode(errors="replace").split("\0")
    return {
        name: value
        for name, value in zip(words[::2], words[1::2], strict=False)
        if name
    }


def pack_error(problem: RedshiftError) -> bytes:
    """Pack an ErrorResponse."""
    severity = "FATAL" if problem.is_fatal else "ERROR"
    fields = {
        "S": severity,
        "V": severity,
        "C": problem.code,
        "M": long_names.restore(problem.message),
        "D": long_names.restore(problem.detail),
        "H": long_names.restore(problem.hint),
    }
    return pack_message(b"E", _pack_fields(fields))


def unpack_error(body: bytes) -> dict[str, str]:
    """Unpack the fields of an ErrorResponse or NoticeResponse."""
    return {
        part[:1].decode(): part[1:].decode(errors="replace")
        for part in body.split(b"\0")
        if part
    }


def _pack_fields(fields: Mapping[str, str]) -> bytes:
    packed = b"".join(
        name.encode() + pack_text(value) for name, value in fields.items() if value
    )
    return packed + b"\0"


# SQLSTATEs and messages for which Redshift differs from PostgreSQL.
_CODES = {"28P01": "28000"}
_MESSAGES = {
    "cannot accept a value of type anynonarray": (
        "a plain string is not converted to SUPER by this emulator: use"
        " json_parse('...') (Amazon Redshift would store it as one JSON string)"
    ),
    "MERGE command cannot affect row a second time": (
        "Found multiple matches to update the same tuple."
    ),
    "numeric field overflow": "Numeric data overflow (result precision)",
}
# Errors of the domains that limit the length of strings, by the constraint's name.
_LIMITS = {
    "listagg_limit": ("Result size exceeds LISTAGG limit", "LISTAGG limit: 65535"),
    "varchar_limit": (
        "Value too long for character type",
        "Value too long for type character varying(65535)",
    ),
}
# A view depends on the view with its query, which clients do not know.
_DEPENDENT = re.compile(r"view (.+) depends on view pg_mv\.query_[0-9a-f]{32}")
_NULL = re.compile(r'null value in column "(.+?)" .*violates not-null constraint')
SERIALIZATION_FAILURE = "40001"


def serialization_error(
    table: str, pid: int, transactions: Sequence[int] = ()
) -> RedshiftError:
    """Return Redshift's error 1023 for a table, given as its oid or name."""
    cycle = ", ".join(map(str, transactions or (pid * 10, pid * 10 + 1)))
    return RedshiftError(
        "1023",
        detail=f"Serializable isolation violation on table - {table}, transactions"
        f" forming the cycle are: {cycle} (pid:{pid})",
    )


def to_redshift_error(body: bytes, pid: int) -> RedshiftError:
    """Return PostgreSQL's ErrorResponse as the error that Redshift would report."""
    fields = unpack_error(body)
    code, message = fields.get("C", "XX000"), fields.get("M", "")
    if code == SERIALIZATION_FAILURE:
        return serialization_error("0", pid)
    if fields.get("n") in _LIMITS:
        message, detail = _LIMITS[fields["n"]]
        return RedshiftError(message, detail=detail)
    message = _NULL.sub(r"Cannot insert a NULL value into column \1", message)
    # Position and context are left out: they refer to the rewritten SQL.
    return RedshiftError(
        _MESSAGES.get(message, message),
        _CODES.get(code, code),
        detail=_DEPENDENT.sub(
            r"materialized view \1 depends on it", fields.get("D", "")
        ),
        hint=fields.get("H", ""),
        is_fatal=fields.get("S") in ("FATAL", "PANIC"),
    )


def pack_info(text: str) -> bytes:
    """Pack a NoticeResponse of severity INFO."""
    fields = {"S": "INFO", "V": "INFO", "C": "00000", "M": text}
    return pack_message(b"N", _pack_fields(fields))


def pack_command_complete(tag: str) -> bytes:
    """Pack a CommandComplete."""
    return pack_message(b"C", pack_text(tag))


def pack_parameter_status(name: str, value: str) -> bytes:
    """Pack a ParameterStatus."""
    return pack_message(b"S", pack_text(name) + pack_text(value))


def pack_negotiate_version() -> bytes:
    """Pack a NegotiateProtocolVersion that offers version 3.0."""
    return pack_message(b"v", struct.pack("!II", PROTOCOL, 0))


def pack_parse(name: str, sql: str, oids: Sequence[int] = ()) -> bytes:
    """Pack a Parse message."""
    types = struct.pack(f"!H{len(oids)}I", len(oids), *oids)
    return pack_message(b"P", pack_text(name) + pack_text(sql) + types)


def restore_notice(body: bytes) -> bytes:
    """Return a NoticeResponse with long names in its texts."""
    return long_names.restore(body.decode(errors="replace")).encode()


def unpack_row_description(body: bytes) -> list[tuple[str, int, int]]:
    """Unpack the columns of a RowDescription: name, type oid, type modifier."""
    columns = []
    for name, position in column_positions(body):
        _, _, oid, _, modifier, _ = _FIELD.unpack_from(body, position)
        columns.append((long_names.restore(name), oid, modifier))
    return columns


def column_positions(body: bytes) -> Iterator[tuple[str, int]]:
    """Yield each column's name and the index of the fields after it."""
    (count,) = struct.unpack_from("!H", body)
    position = 2
    for _ in range(count):
        name, position = unpack_text(body, position)
        yield name, position
        position += _FIELD.size


def replace_parameter_types(body: bytes, oids: Mapping[int, int]) -> bytes:
    """Return a ParameterDescription with its oids replaced according to `oids`."""
    (count,) = struct.unpack_from("!H", body)
    parameter_oids = struct.unpack_from(f"!{count}I", body, 2)
    replaced = (oids.get(oid, oid) for oid in parameter_oids)
    return body[:2] + struct.pack(f"!{count}I", *replaced)


def unpack_row(body: bytes) -> list[str | None]:
    """Unpack a DataRow in text format."""
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
