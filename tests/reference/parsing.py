"""Parsers from the bytes of an object to records and rejects."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from tests.reference import records, values
from tests.reference.business import OPTIONAL_METRICS, REQUIRED_METRICS
from tests.reference.records import (
    Event,
    Org,
    Record,
    RecordLocation,
    RejectedError,
    Request,
    Sample,
)

MAX_LINE_BYTES = 65_535
"""The size of a Redshift varchar(max)."""


class _Key(NamedTuple):
    convert: Callable[[object], object]
    is_required: bool = True


def _optional(key: _Key) -> _Key:
    return key._replace(is_required=False)


_INT, _TEXT = _Key(values.as_int), _Key(values.as_text)
_BOOL, _TIMESTAMP = _Key(values.as_bool), _Key(values.as_timestamp)

KEYS: dict[str, dict[str, _Key]] = {
    "orgs": {
        "org_id": _INT,
        "org_name": _TEXT,
        "created_at": _TIMESTAMP,
        "trial_started_at": _optional(_TIMESTAMP),
        "billing_plan_id": _INT,
        "billing_plan_name": _TEXT,
        "is_internal": _BOOL,
        "country": _optional(_TEXT),
        "owner_email": _optional(_TEXT),
        "updated_at": _TIMESTAMP,
    },
    "metrics": {
        "org_id": _INT,
        "sampled_at": _TIMESTAMP,
        "hosts": _INT,
        "dashboards": _INT,
        "metrics": _INT,
        "integrations": _Key(values.as_names),
        **dict.fromkeys(OPTIONAL_METRICS, _optional(_INT)),
    },
    "app_logs": {
        "event_id": _TEXT,
        "ts": _TIMESTAMP,
        "org_id": _INT,
        "user_id": _optional(_INT),
        "level": _TEXT,
        "event": _TEXT,
        "path": _optional(_TEXT),
        "status": _optional(_INT),
        "duration_ms": _optional(_INT),
        "attributes": _optional(_Key(values.as_object)),
    },
}

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_WORD = r"([^ \t]+)"
_COMBINED = re.compile(
    rf"{_WORD} {_WORD} {_WORD} \[([^\]]*)\] {_QUOTED} ([0-9]{{3}}) ([0-9]+|-)"
    rf" {_QUOTED} {_QUOTED}[ \t]*"
)
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_LOG_TIMESTAMP = re.compile(
    r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4})"
    r":([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-][0-9]{4})"
)
# Not from the calendar module, whose names depend on the locale.
_MONTHS = {
    "Jan": 1,
    "Feb": 2,
    "Mar": 3,
    "Apr": 4,
    "May": 5,
    "Jun": 6,
    "Jul": 7,
    "Aug": 8,
    "Sep": 9,
    "Oct": 10,
    "Nov": 11,
    "Dec": 12,
}


def physical_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    r"""Yield (line number, line) of every line that is not blank.

    Lines end with `\n`, and contain everything before it. Line numbers count blank
    lines too.
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.removeprefix(codecs.BOM_UTF8).strip(b" \t\r"):
            yield number, line


def parse_line(source: str, line: bytes, location: RecordLocation) -> Record:
    """Return the record in `line`, the bytes before its LF.

    Raises RejectedError with the first category that applies.
    """
    try:
        text = line.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RejectedError(records.NOT_UTF8) from error
    if len(line) > MAX_LINE_BYTES:
        raise RejectedError(records.TOO_LONG)
    text = text.rstrip("\r")
    if any(character < " " and character not in "\t\r" for character in text):
        raise RejectedError(records.CONTROL)
    return _PARSERS[source](text, location)


def parse_json_values(source: str, text: str) -> dict[str, object]:
    """Return the converted value of each key of the source; None where absent.

    Raises RejectedError when the line is not a JSON object, a required key is missing
    or null, or the value of any key, optional or not, does not convert to its type.
    """
    fields = _parse_fields(text)
    unknown = {name: fields[name] for name in fields if name not in KEYS[source]}
    for value in (fields.get("integrations"), fields.get("attributes"), unknown):
        if values.written_bytes(value) > MAX_LINE_BYTES:
            raise RejectedError(records.TOO_LONG)
    for name, key in KEYS[source].items():
        if key.is_required and fields.get(name) is None:
            raise RejectedError(records.MISSING_KEY, name)
    converted: dict[str, object] = {}
    for name, key in KEYS[source].items():
        value = fields.get(name)
        try:
            converted[name] = None if value is None else key.convert(value)
        except ValueError as error:
            raise RejectedError(records.WRONG_TYPE, name) from error
    return converted


def _parse_fields(text: str) -> dict[str, object]:
    strings = _JSON_STRING.findall(text)
    # An escaped NUL follows an even number of backslashes.
    if any("\\u0000" in string.replace("\\\\", "") for string in strings) or any(
        "\r" in string for string in strings
    ):
        raise RejectedError(records.CONTROL)
    try:
        fields = values.parse_json(text)
    except values.KeyGivenTwiceError as error:
        raise RejectedError(records.KEY_TWICE) from error
    except values.TooDeepError as error:
        raise RejectedError(records.TOO_DEEP) from error
    except values.NotJsonError as error:
        raise RejectedError(records.NOT_JSON) from error
    if not isinstance(fields, dict):
        raise RejectedError(records.NOT_JSON)
    return fields


def _parse_org(text: str, location: RecordLocation) -> Org:
    fields = parse_json_values("orgs", text)
    return Org(location, *(fields[name] for name in Org._fields[1:]))


def _parse_sample(text: str, location: RecordLocation) -> Sample:
    fields = parse_json_values("metrics", text)
    counts = {name: fields[name] for name in (*REQUIRED_METRICS, *OPTIONAL_METRICS)}
    return Sample(
        location, fields["sampled_at"], fields["org_id"], counts, fields["integrations"]
    )


def _parse_event(text: str, location: RecordLocation) -> Event:
    fields = parse_json_values("app_logs", text)
    fields["at"] = fields["ts"]
    return Event(location, *(fields[name] for name in Event._fields[1:]))


def _parse_request(text: str, location: RecordLocation) -> Request:
    """Parse one line in the combined log format.

    The authuser is `-` or the digits of a user id. Quoted strings may contain escaped
    quotes and are kept as logged. The request line itself is not validated.
    """
    if "\r" in text:
        raise RejectedError(records.CONTROL)
    match = _COMBINED.fullmatch(text)
    if match is None:
        raise RejectedError(records.NOT_COMBINED)
    client, _, authuser, time, request, _, size, _, user_agent = match.groups()
    user_id = None
    if authuser != "-":
        if not (authuser.isascii() and authuser.isdigit()):
            raise RejectedError(records.BAD_AUTHUSER)
        user_id = _parse_int(authuser, records.BAD_AUTHUSER)
    if size != "-":
        _parse_int(size, records.WRONG_TYPE)
    try:
        at = _parse_log_timestamp(time)
    except ValueError as error:
        raise RejectedError(records.BAD_TIME) from error
    return Request(location, at, client, user_id, request, user_agent)


def _parse_int(digits: str, category: str) -> int:
    try:
        return values.as_int(digits)
    except ValueError as error:
        raise RejectedError(category) from error


def _parse_log_timestamp(text: str) -> datetime:
    """Parse `dd/Mon/yyyy:HH:MM:SS ±hhmm` and return naive UTC."""
    match = _LOG_TIMESTAMP.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise ValueError("not a log timestamp")
    date = f"{match[3]}-{_MONTHS[match[2]]:02}-{match[1]}"
    return values.to_utc(date, f"{match[4]}:{match[5]}:{match[6]}", match[7])


_PARSERS: dict[str, Callable[[str, RecordLocation], Record]] = {
    "orgs": _parse_org,
    "metrics": _parse_sample,
    "app_logs": _parse_event,
    "web_logs": _parse_request,
}
