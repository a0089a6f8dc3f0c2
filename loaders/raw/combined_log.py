"""Parser of access log lines in the combined format of Apache and nginx."""

import re
from typing import Any

from loaders.raw.conversions import to_integer, to_log_timestamp
from loaders.raw.rules import NOT_COMBINED_FORMAT
from loaders.raw.strict_json import InvalidRecordError

QUOTED = r'"((?:[^"\\]|\\.)*)"'
WORD = r"[^ \t]+"
LINE = re.compile(
    rf"({WORD}) {WORD} ({WORD}) \[([^\]]*)\] {QUOTED} ([0-9]{{3}}) ([0-9]+|-)"
    rf" {QUOTED} {QUOTED}[ \t]*"
)
REQUEST = re.compile(rf"({WORD}) ({WORD}) ({WORD})")
USER_ID = re.compile(r"[0-9]+")


def parse_fields(text: str) -> dict[str, Any]:
    """Return the fields of a line as text, by the name of their column.

    `user_id` and `response_bytes` are None for `-`. Quoted strings stay as logged,
    with their escapes. `method`, `path` and `protocol` are None unless the request
    consists of three words. Raises `InvalidRecordError`.
    """
    match = LINE.fullmatch(text)
    if match is None:
        raise InvalidRecordError(NOT_COMBINED_FORMAT)
    address, authuser, time, request, status, size, referrer, user_agent = (
        match.groups()
    )
    words = REQUEST.fullmatch(request)
    method, path, protocol = words.groups() if words else (None, None, None)
    return {
        "client_address": address,
        "user_id": None if authuser == "-" else authuser,
        "requested_at": time,
        "request": request,
        "method": method,
        "path": path,
        "protocol": protocol,
        "status": status,
        "response_bytes": None if size == "-" else size,
        "referrer": referrer,
        "user_agent": user_agent,
    }


def to_user_id(text: str) -> int:
    """Convert the digits of a user id."""
    if USER_ID.fullmatch(text) is None:
        raise ValueError("not a user id")
    return to_integer(text)


CONVERTERS = {"user_id": to_user_id, "requested_at": to_log_timestamp}
