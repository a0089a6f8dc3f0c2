"""A row of the mart becomes a key, a payload and its hash, or is refused alone.

The payload is JSON of the rendered fields in the mapping's order; the hash is what
tells a later sync that nothing changed. A refused row names every reason.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import getitem
from typing import NamedTuple

from loaders.salesforce.mapping import Field, Mapping
from loaders.salesforce.rendering import Refused, Renderer, renderer

HASH_BYTES = 16
REFUSED_KEY_LENGTH = 64
REMEMBERED_VALUES = 4_096  # of a column

_quoted = json.JSONEncoder(ensure_ascii=False).encode


class Rendered(NamedTuple):
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


class _Fragments(dict[object, str]):
    """Values of one column and what each becomes in the payload: `"name":"text"`.

    Most columns hold few values in many rows. A column of a warehouse has one type, so
    that equal values become equal texts. A null that is skipped becomes ''.
    """

    def __init__(self, field: Field, *, is_decimal: bool) -> None:
        super().__init__()
        self.name = field.name
        self.render = renderer(field)
        if is_decimal:
            self.render = _of_digits(self.render)
        self._head = f"{_quoted(field.name)}:"
        self._null = "" if field.nulls == "ignore" else f"{self._head}null"

    def __missing__(self, value: object) -> str:
        text = self.render(value)
        told = self._null if text is None else self._head + _quoted(text)
        if len(self) < REMEMBERED_VALUES:
            self[value] = told
        return told


class RowRenderer:
    """Renders rows of one mapping; make it once, call it for every row.

    `version` (org and mapping) goes into every hash, so that what another org or
    another mapping accepted never counts as sent. Values of the columns `decimals`
    come as the digits of exact decimals.
    """

    def __init__(
        self, mapping: Mapping, version: str, *, decimals: Collection[str] = ()
    ) -> None:
        self._version = version
        self._columns = [
            _Fragments(field, is_decimal=field.column in decimals)
            for field in mapping.fields
            if field.name != mapping.external_id
        ]
        self._key = renderer(mapping.key)
        if mapping.key.column in decimals:
            self._key = _of_digits(self._key)
        self._key_name = mapping.external_id
        self._position = mapping.key_position
        self._hashed = _hash_of(version)

    def __call__(self, row: Sequence[object]) -> Rendered | RefusedRow:
        """Render the values of one row, which stand in the mapping's order."""
        values = list(row)
        raw_key = values.pop(self._position)
        try:
            told = list(map(getitem, self._columns, values))
            key = self._key_text(raw_key)
        except Refused:
            return self._refusal(raw_key, values)
        text = f"{{{','.join(filter(None, told))}}}"
        hashed = self._hashed.copy()
        hashed.update(text.encode())
        return Rendered(key, text, hashed.hexdigest())

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
            (fragments.name, fragments.render, value)
            for fragments, value in zip(self._columns, values, strict=True)
        ]
        for name, render, value in checks:
            try:
                render(value)
            except Refused as refused:
                reasons.append((refused.code, f"{name}: {refused.message}", name))
        return RefusedRow(
            key=_readable(raw_key),
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
    hashed = _hash_of(version)
    hashed.update(text.encode("utf-8", "surrogatepass"))
    return hashed.hexdigest()


def _hash_of(version: str) -> hashlib.blake2b:
    """Return the hash of a version, to go on with a payload."""
    return hashlib.blake2b(f"{version}\n".encode(), digest_size=HASH_BYTES)


def _of_digits(render: Renderer) -> Renderer:
    def read(value: object) -> str | None:
        return render(None if value is None else Decimal(str(value)))

    return read
