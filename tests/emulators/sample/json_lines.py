"""Records as JSON lines: regular, unusual or corrupt.

Unusual lines must be accepted with the same values, and corrupt lines rejected. The
keys, and which of them are required, are those of the raw tables' declarations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from json import JSONEncoder
from random import Random
from typing import Any

TOO_LONG_BYTES = 66_000
UNKNOWN_KEYS: Mapping[str, Any] = {
    "release": "2026.11.3",
    "trace": {"id": "0af7651916cd43dd", "sampled": True, "parents": []},
    'a key, with "quotes"': None,
    "region": "eu-west-1",
    "beta": False,
}

# Some lines contain non-ASCII characters as they are, and others escape them.
_raw = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_escaped = JSONEncoder(ensure_ascii=True).encode


@dataclass(frozen=True)
class Keys:
    """The keys of a source by type.

    `droppable` keys are optional and do not affect any mart.
    """

    required: tuple[str, ...]
    ints: tuple[str, ...]
    timestamps: tuple[str, ...]
    droppable: tuple[str, ...] = ()
    bools: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    arrays: tuple[str, ...] = ()


KEYS = {
    "orgs": Keys(
        required=(
            "org_id",
            "org_name",
            "created_at",
            "billing_plan_id",
            "billing_plan_name",
            "is_internal",
            "updated_at",
        ),
        ints=("org_id", "billing_plan_id"),
        timestamps=("created_at", "trial_started_at", "updated_at"),
        droppable=("country", "owner_email"),
        bools=("is_internal",),
    ),
    "metrics": Keys(
        required=(
            "org_id",
            "sampled_at",
            "hosts",
            "dashboards",
            "metrics",
            "integrations",
        ),
        ints=("org_id", "hosts", "dashboards", "metrics"),
        timestamps=("sampled_at",),
        arrays=("integrations",),
    ),
    "app_logs": Keys(
        required=("event_id", "ts", "org_id", "level", "event"),
        ints=("org_id", "user_id", "status", "duration_ms"),
        timestamps=("ts",),
        droppable=("path", "status", "duration_ms", "attributes"),
        objects=("attributes",),
    ),
}


def format_line(
    source: str, values: Mapping[str, Any], *, variant: str | None, rng: Random
) -> bytes:
    """Return `values` as a line, unusual but equivalent if `variant` is set."""
    if variant is None:
        return _raw(values).encode()
    unusual = _VARIANTS[variant](KEYS[source], dict(values), rng)
    return (_escaped if rng.random() < 0.5 else _raw)(unusual).encode()


def corrupt_line(
    source: str, values: Mapping[str, Any], *, kind: str, rng: Random
) -> bytes:
    """Return a line that must be rejected, for the reason `kind`."""
    return _CORRUPTIONS[kind](KEYS[source], dict(values), rng)


def shift_timestamp(
    values: Mapping[str, Any], key: str, offset: timedelta
) -> dict[str, Any]:
    """Return `values` with the timestamp `key` shifted, with the same precision."""
    shifted = datetime.fromisoformat(values[key]) + offset
    timespec = "milliseconds" if "." in values[key] else "seconds"
    return {**values, key: iso(shifted, timespec)}


def iso(timestamp: datetime, timespec: str = "seconds") -> str:
    """Return a UTC timestamp as text, such as `2026-11-24T10:00:00Z`."""
    return f"{timestamp.replace(tzinfo=None).isoformat(timespec=timespec)}Z"


def _present(keys: tuple[str, ...], values: Mapping[str, Any]) -> list[str]:
    return [key for key in keys if values.get(key) is not None]


def _int_as_text(keys: Keys, values: dict[str, Any], rng: Random) -> dict[str, Any]:
    key = rng.choice(_present(keys.ints, values))
    return values | {key: str(values[key])}


def _bool_as_text(keys: Keys, values: dict[str, Any], rng: Random) -> dict[str, Any]:
    key = rng.choice(keys.bools)
    words = ("true", "t", "yes", "1", 1) if values[key] else ("false", "f", "no", 0)
    return values | {key: rng.choice(words)}


def _unknown_key(keys: Keys, values: dict[str, Any], rng: Random) -> dict[str, Any]:
    key = rng.choice(list(UNKNOWN_KEYS))
    return values | {key: UNKNOWN_KEYS[key]}


def _null_optional(keys: Keys, values: dict[str, Any], rng: Random) -> dict[str, Any]:
    key = rng.choice(keys.droppable)
    if rng.random() < 0.5:
        return values | {key: None}
    return {name: value for name, value in values.items() if name != key}


def _timestamp_form(keys: Keys, values: dict[str, Any], rng: Random) -> dict[str, Any]:
    key = rng.choice(_present(keys.timestamps, values))
    utc = datetime.fromisoformat(values[key]).replace(tzinfo=None)
    timespec = "milliseconds" if utc.microsecond else "seconds"
    text = utc.isoformat(timespec=timespec)
    east = (utc + timedelta(hours=2)).isoformat(timespec=timespec)
    west = (utc - timedelta(hours=5, minutes=30)).isoformat(timespec=timespec)
    forms = (
        text.replace("T", " "),
        text,
        f"{text}+00:00",
        f"{east}+02:00",
        f"{east}+0200",
        f"{east.replace('T', ' ')}+02",
        f"{west}-05:30",
        f"{utc.isoformat(timespec='microseconds')}Z",
    )
    return values | {key: rng.choice(forms)}


def _not_json(keys: Keys, values: dict[str, Any], rng: Random) -> bytes:
    line = _raw(values)
    broken = (
        line[: rng.randint(1, len(line) - 1)],
        line[:-1] + ",}",
        line.replace('"', "'"),
        line + line,
        "-- log rotated --",
        line.replace(":", "=", 3),
        line[:-1] + ', "load": NaN}',
        line[:-1] + ', "loads": [1.5, -Infinity]}',
    )
    return rng.choice(broken).encode()


def _not_an_object(keys: Keys, values: dict[str, Any], rng: Random) -> bytes:
    others = (_raw([values]), _raw(_raw(values)), "null", "42", "true", "[]")
    return rng.choice(others).encode()


def _missing_key(keys: Keys, values: dict[str, Any], rng: Random) -> bytes:
    values.pop(rng.choice(keys.required))
    return _raw(values).encode()


def _null_key(keys: Keys, values: dict[str, Any], rng: Random) -> bytes:
    return _raw(values | {rng.choice(keys.required): None}).encode()


def _wrong_type(keys: Keys, values: dict[str, Any], rng: Random) -> bytes:
    wrong: dict[str, tuple[Any, ...]] = {
        key: ("twelve", 12.5, "", [12], "1e3") for key in keys.ints
    }
    wrong |= {
        key: ("yesterday", "2026-02-30T10:00:00Z", "2026-11-01T25:00:00Z", {}, "")
        for key in keys.timestamps
    }
    wrong |= {key: ("maybe", 2, [True]) for key in keys.bools}
    wrong |= {key: ("text", ["list"], 7) for key in keys.objects}
    wrong |= {key: ("aws", [1, 2], {"aws": 1}, ["aws", None]) for key in keys.arrays}
    key = rng.choice(list(wrong))
    return _raw(values | {key: rng.choice(wrong[key])}).encode()


def _not_utf8(keys: Keys, values: dict[str, Any], rng: Random) -> bytes:
    return insert_invalid_utf8(_raw(values).encode(), rng)


def _nul_byte(keys: Keys, values: dict[str, Any], rng: Random) -> bytes:
    return insert_nul(_raw(values).encode(), rng)


def _too_long(keys: Keys, values: dict[str, Any], rng: Random) -> bytes:
    return _raw(values | {"stack": "at frame; " * (TOO_LONG_BYTES // 10)}).encode()


def insert_invalid_utf8(line: bytes, rng: Random) -> bytes:
    """Return the line with bytes in its middle that are invalid UTF-8."""
    position = _character_start(line, len(line) // 2)
    invalid = rng.choice((b"\xff\xfe", b"caf\xe9 ", b"\xc3("))
    return line[:position] + invalid + line[position:]


def insert_nul(line: bytes, rng: Random) -> bytes:
    """Return the line with a NUL character at a random position."""
    position = _character_start(line, rng.randrange(len(line)))
    return line[:position] + b"\0" + line[position:]


def _character_start(line: bytes, position: int) -> int:
    """Return the position of the first byte of the character at `position`."""
    while line[position] & 0xC0 == 0x80:
        position -= 1
    return position


_VARIANTS: dict[str, Callable[[Keys, dict[str, Any], Random], dict[str, Any]]] = {
    "int_as_text": _int_as_text,
    "timestamp_form": _timestamp_form,
    "unknown_key": _unknown_key,
    "null_optional": _null_optional,
    "bool_as_text": _bool_as_text,
}
_CORRUPTIONS: dict[str, Callable[[Keys, dict[str, Any], Random], bytes]] = {
    "not_json": _not_json,
    "not_an_object": _not_an_object,
    "missing_key": _missing_key,
    "null_key": _null_key,
    "wrong_type": _wrong_type,
    "not_utf8": _not_utf8,
    "nul_byte": _nul_byte,
    "too_long": _too_long,
}
