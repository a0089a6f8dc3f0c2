r"""From the bytes of an object to rows and rejects.

What: cuts an object into lines and gives each to the parser of its source.
From: section 2 of the contract. A line is what stands between two `\n`.
Changes: when a source's keys or format do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from tests.reference import records, values
from tests.reference.records import (
    Event,
    Org,
    Place,
    RejectedError,
    Request,
    Row,
    Sample,
)

LONGEST_LINE = 65_535
"""Bytes; what a Redshift varchar(max) holds."""


class _Key(NamedTuple):
    convert: Callable[[object], object]
    is_required: bool = True


_int, _text = _Key(values.as_int), _Key(values.as_text)
_bool, _timestamp = _Key(values.as_bool), _Key(values.as_timestamp)


def _optional(key: _Key) -> _Key:
    return key._replace(is_required=False)


KEYS: dict[str, dict[str, _Key]] = {
    "orgs": {
        "org_id": _int,
        "org_name": _text,
        "created_at": _timestamp,
        "trial_started_at": _optional(_timestamp),
        "billing_plan_id": _int,
        "billing_plan_name": _text,
        "is_internal": _bool,
        "country": _optional(_text),
        "owner_email": _optional(_text),
        "updated_at": _timestamp,
    },
    "metrics": {
        "org_id": _int,
        "sampled_at": _timestamp,
        "hosts": _int,
        "dashboards": _int,
        "metrics": _int,
        "integrations": _Key(values.as_names),
    },
    "app_logs": {
        "event_id": _text,
        "ts": _timestamp,
        "org_id": _int,
        "user_id": _optional(_int),
        "level": _text,
        "event": _text,
        "path": _optional(_text),
        "status": _optional(_int),
        "duration_ms": _optional(_int),
        "attributes": _optional(_Key(values.as_object)),
    },
}

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(
    rf"(\S+) (\S+) (\S+) \[([^\]]*)\] {_QUOTED} ([0-9]{{3}}) ([0-9]+|-)"
    rf" {_QUOTED} {_QUOTED}\s*",
    re.ASCII,
)
_TIME = re.compile(
    r"([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4})"
    r":([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-][0-9]{4})"
)
# Spelled out: the calendar module's names follow the machine's locale.
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

    Numbers count blank lines too; a `\r` before the `\n` is not part of the line.
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield number, line.removesuffix(b"\r")


def parse_line(source: str, line: bytes, place: Place) -> Row:
    """Return the row that `line` is.

    Raises RejectedError with the reason when it is none: over 65,535 bytes, a NUL
    in it, not UTF-8, or not what its source's lines look like.
    """
    if len(line) > LONGEST_LINE:
        raise RejectedError(records.TOO_LONG)
    if b"\0" in line:
        raise RejectedError(records.NUL)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RejectedError(records.NOT_UTF8) from error
    return _PARSERS[source](text, place)


def json_values(source: str, text: str) -> dict[str, object]:
    """Return the converted value of each key of the source; None where absent.

    Rejected are lines that are not a JSON object, that lack a required key (a null
    is a lack), or whose value cannot become its type, optional keys included.
    """
    try:
        fields = values.parse_json(text)
    except ValueError as error:
        raise RejectedError(records.NOT_JSON) from error
    if not isinstance(fields, dict):
        raise RejectedError(records.NOT_AN_OBJECT)
    converted: dict[str, object] = {}
    for name, key in KEYS[source].items():
        value = fields.get(name)
        if value is None and key.is_required:
            raise RejectedError(records.MISSING_KEY, name)
        try:
            converted[name] = None if value is None else key.convert(value)
        except ValueError as error:
            raise RejectedError(records.WRONG_TYPE, name) from error
    return converted


def _org(text: str, place: Place) -> Org:
    found = json_values("orgs", text)
    return Org(place, *(found[name] for name in Org._fields[1:]))


def _sample(text: str, place: Place) -> Sample:
    found = json_values("metrics", text)
    found["at"] = found["sampled_at"]
    return Sample(place, *(found[name] for name in Sample._fields[1:]))


def _event(text: str, place: Place) -> Event:
    found = json_values("app_logs", text)
    found["at"] = found["ts"]
    return Event(place, *(found[name] for name in Event._fields[1:]))


def _request(text: str, place: Place) -> Request:
    """Read one line of the combined format.

    The authuser is `-` or the digits of a user id. Quoted texts may hold escaped
    quotes and are kept as written. What the request says is not judged here.
    """
    match = _COMBINED.fullmatch(text)
    if match is None:
        raise RejectedError(records.NOT_COMBINED)
    client, _, authuser, time, request, _, size, _, user_agent = match.groups()
    user_id = None
    if authuser != "-":
        if not (authuser.isascii() and authuser.isdigit()):
            raise RejectedError(records.BAD_AUTHUSER)
        user_id = _whole_number(authuser, records.BAD_AUTHUSER)
    if size != "-":
        _whole_number(size, records.WRONG_TYPE)
    try:
        at = _log_time(time)
    except ValueError as error:
        raise RejectedError(records.BAD_TIME) from error
    return Request(place, at, client, user_id, request, user_agent)


def _whole_number(digits: str, category: str) -> int:
    try:
        return values.as_int(digits)
    except ValueError as error:
        raise RejectedError(category) from error


def _log_time(text: str) -> datetime:
    """Read `dd/Mon/yyyy:HH:MM:SS ±hhmm`, return naive UTC."""
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _MONTHS:
        raise ValueError("not a log time")
    day, year, hour, minute, second = (int(match[n]) for n in (1, 3, 4, 5, 6))
    local = datetime(year, _MONTHS[match[2]], day, hour, minute, second)
    return values.minus_offset(local, match[7])


_PARSERS: dict[str, Callable[[str, Place], Row]] = {
    "orgs": _org,
    "metrics": _sample,
    "app_logs": _event,
    "web_logs": _request,
}
