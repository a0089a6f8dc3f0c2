"""Rows of a sync and their results, and the rendering of a row of the mart.

A row is rendered as a key, a payload, a hash and a CSV line, or rejected.
The payload is the JSON of the rendered fields in the mapping's order. Its hash shows a
later sync whether the row has changed.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import getitem
from typing import Literal, NamedTuple

from loaders.config.salesforce_mapping import Field, Mapping
from loaders.salesforce_api.values import (
    NULL_MARKER,
    RejectedValueError,
    Renderer,
    make_renderer,
)

REJECTED_KEY_LENGTH = 64
CACHED_VALUES = 4_096  # per column

_json_text = json.JSONEncoder(ensure_ascii=False).encode


class Row(NamedTuple):
    """A row to send: its key, its rendered fields as JSON text, and their hash.

    `folded_key` is the key as Salesforce compares it: in lower case, unless the key
    field is case-sensitive. Rows are sent in its order. `salesforce_id` is the id of
    the record to update, '' if the external id finds it.
    """

    folded_key: str
    key: str
    payload: str
    hash: str
    salesforce_id: str = ""


class RowResult(NamedTuple):
    """Salesforce's result for the row with this `folded_key`.

    A failed row has a code, a message and comma-separated field names.
    """

    folded_key: str
    kind: Literal["accepted", "failed", "unprocessed"]
    salesforce_id: str = ""
    is_created: bool = False
    code: str = ""
    message: str = ""
    fields: str = ""


class Failure(NamedTuple):
    """Why a row was not accepted; `chunk` is 0 if it was never sent.

    `cause` is a hash of what causes a permanent error (see `row_errors`), or ''.
    """

    key: str
    hash: str
    code: str
    message: str
    fields: str
    is_transient: bool
    chunk: int = 0
    attempt: int = 0
    job_id: str = ""
    cause: str = ""


class RenderedRow(NamedTuple):
    """A row ready to send: its key, its fields as JSON text, hash and CSV line."""

    key: str
    payload: str
    hash: str
    line: str


@dataclass(frozen=True)
class RejectedRow:
    """A row that cannot be sent: its key, if it has one, and all reasons.

    `code` is the first reason's; `message` and `fields` have one part per reason.
    `hash` is that of the whole row, `cause` that of the values with a reason.
    """

    key: str
    code: str
    message: str
    fields: str
    hash: str
    cause: str


class _FragmentCache(dict[object, tuple[str, str]]):
    """A cache from a column's values to their payload fragments and CSV cells.

    Most columns have few distinct values. All values of a column have one type, so
    equal values have equal fragments. A null that is ignored has the fragment ''.
    """

    def __init__(self, field: Field, *, is_decimal: bool) -> None:
        super().__init__()
        self.name = field.name
        self.render = make_renderer(field)
        if is_decimal:
            self.render = _decimal_text_renderer(self.render)
        self._prefix = f"{_json_text(field.name)}:"
        self._null = ("", "")
        if field.nulls == "clear":
            self._null = (f"{self._prefix}null", NULL_MARKER)

    def __missing__(self, value: object) -> tuple[str, str]:
        text = self.render(value)
        fragment = self._null
        if text is not None:
            fragment = (self._prefix + _json_text(text), _csv_cell(text))
        if len(self) < CACHED_VALUES:
            self[value] = fragment
        return fragment


class RowRenderer:
    """Renders the rows of one mapping; create it once and call it for every row.

    `version` (org and mapping) is part of every hash, so that values accepted by
    another org or with another mapping never count as sent. Values of the columns
    `decimals` must be the text of exact decimals.
    """

    def __init__(
        self, mapping: Mapping, version: str, *, decimals: Collection[str] = ()
    ) -> None:
        self._version = version
        self._caches = [
            _FragmentCache(field, is_decimal=field.column in decimals)
            for field in mapping.fields
            if field.name != mapping.external_id
        ]
        self._render_key = make_renderer(mapping.key)
        if mapping.key.column in decimals:
            self._render_key = _decimal_text_renderer(self._render_key)
        self._key_name = mapping.external_id
        self._key_position = mapping.key_position
        self._has_key_cell = mapping.creates

    def __call__(self, row: Sequence[object]) -> RenderedRow | RejectedRow:
        """Render one row, whose values are in the mapping's order."""
        values = list(row)
        raw_key = values.pop(self._key_position)
        try:
            fragments = list(map(getitem, self._caches, values))
            key = self._key_text(raw_key)
        except RejectedValueError:
            return self._reject(raw_key, values)
        cells = [cell for _, cell in fragments]
        if self._has_key_cell:
            cells.insert(self._key_position, _csv_cell(key))
        payload = f"{{{','.join([text for text, _ in fragments if text])}}}"
        return RenderedRow(
            key, payload, payload_hash(payload, self._version), ",".join(cells)
        )

    def _key_text(self, value: object) -> str:
        key = self._render_key(value)
        if key is None:
            raise RejectedValueError("BLANK_KEY", "the key is null or blank")
        return key

    def _reject(self, raw_key: object, values: list[object]) -> RejectedRow:
        """Render each value again to collect every reason."""
        reasons: list[tuple[str, str, str]] = []
        causes: list[tuple[str, str, object]] = []
        checks: list[tuple[str, Renderer, object]] = [
            (self._key_name, self._key_text, raw_key)
        ]
        checks += [
            (cache.name, cache.render, value)
            for cache, value in zip(self._caches, values, strict=True)
        ]
        for name, render, value in checks:
            try:
                render(value)
            except RejectedValueError as error:
                reasons.append((error.code, f"{name}: {error.message}", name))
                causes.append((error.code, name, value))
        return RejectedRow(
            key=_storable_key(raw_key),
            code=reasons[0][0],
            message="; ".join(reason[1] for reason in reasons),
            fields=",".join(reason[2] for reason in reasons),
            hash=payload_hash(repr([raw_key, *values]), self._version),
            cause=payload_hash(repr(causes), ""),
        )


def _storable_key(key: object) -> str:
    """Return a rejected row's key as text that the ledger can hold."""
    if key is None:
        return ""
    return str(key).encode("utf-8", "replace").decode()[:REJECTED_KEY_LENGTH]


def payload_hash(text: str, version: str) -> str:
    """Return the hash of a payload's text for a version of org and mapping."""
    content = f"{version}\n{text}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(content).hexdigest()


def dump_payload(payload: dict[str, str | None]) -> str:
    """Return a payload as JSON text in the exact form that is hashed."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def csv_line(key: str, payload: str, mapping: Mapping) -> str:
    """Return the CSV line of a payload; a field that it lacks has an empty cell."""
    values = json.loads(payload) | {mapping.external_id: key}
    texts = (values.get(item.name, "") for item in mapping.sent_fields)
    return ",".join(NULL_MARKER if text is None else _csv_cell(text) for text in texts)


def header_line(mapping: Mapping) -> str:
    """Return the header of a CSV file: the names of the fields, after `Id` if needed.

    Records that exist are updated by their id.
    """
    names = [item.name for item in mapping.sent_fields]
    return ",".join(names if mapping.creates else ["Id", *names])


def _csv_cell(text: str) -> str:
    if "," in text or '"' in text or "\n" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _decimal_text_renderer(render: Renderer) -> Renderer:
    """Return a renderer for decimals that come as text."""

    def render_text(value: object) -> str | None:
        return render(None if value is None else Decimal(str(value)))

    return render_text
