"""Read records by external id, and compare them with values that were sent.

Records are queried in batches whose keys fit into a URL. Values are compared after
normalization: 12.50 equals 12.5, and leading and trailing blanks, which Salesforce
trims, are ignored.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from loaders.config.salesforce_mapping import Field, Mapping
from loaders.salesforce_api.client import Client

# Salesforce changes SystemModstamp at every change, also of a flow or a deletion.
AUDIT = ("LastModifiedById", "SystemModstamp")
MAX_KEYS_LENGTH = 6_000
MAX_KEYS = 200


def fetch_records(
    client: Client, mapping: Mapping, keys: Iterable[str], *, audit: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield the records with these external ids: the mapped fields and `Id`.

    With `audit`, they have the fields `AUDIT` too: who modified them when.
    """
    names = _names(mapping, audit=audit)
    for batch in _quoted_key_batches(keys):
        yield from client.query(
            names,
            f"{mapping.object} WHERE {mapping.external_id} IN ({', '.join(batch)})",
        )


def fetch_ids(
    client: Client, mapping: Mapping, keys: Iterable[str] | None
) -> Iterator[tuple[str, str]]:
    """Yield (id, external id) of the records with these external ids; None for all."""
    key = mapping.external_id
    conditions: Iterable[str] = ["!= null"]
    if keys is not None:
        batches = _quoted_key_batches(keys)
        conditions = (f"IN ({', '.join(batch)})" for batch in batches)
    for condition in conditions:
        source = f"{mapping.object} WHERE {key} {condition}"
        for record in client.query(("Id", key), source):
            yield record["Id"], record[key]


def fetch_modified(
    client: Client,
    mapping: Mapping,
    *,
    since: datetime | None = None,
    except_by: str = "",
) -> Iterator[dict[str, Any]]:
    """Yield the records with a key: the mapped fields, `Id` and `AUDIT`.

    They are restricted to those modified since a time (UTC, naive) and last modified by
    another user than `except_by`.
    """
    conditions = [f"{mapping.external_id} != null", *_since(since)]
    if except_by:
        conditions.append(f"LastModifiedById != '{except_by}'")
    yield from client.query(
        _names(mapping, audit=True),
        f"{mapping.object} WHERE {' AND '.join(conditions)}",
    )


def fetch_deleted(
    client: Client, mapping: Mapping, *, since: datetime | None, limit: int
) -> Iterator[dict[str, Any]]:
    """Yield the key and `AUDIT` of deleted records that are in the recycle bin.

    They are restricted to those deleted since a time (UTC, naive).
    """
    conditions = ["IsDeleted = true", f"{mapping.external_id} != null", *_since(since)]
    yield from client.query(
        (mapping.external_id, *AUDIT),
        f"{mapping.object} WHERE {' AND '.join(conditions)} LIMIT {int(limit)}",
        include_deleted=True,
    )


def newest_change(client: Client, mapping: Mapping) -> datetime | None:
    """Return when a record last changed or was deleted (UTC, naive), on its clock."""
    for record in client.query(
        ("SystemModstamp",),
        f"{mapping.object} ORDER BY SystemModstamp DESC LIMIT 1",
        include_deleted=True,
    ):
        return changed_at(record)
    return None


def changed_at(record: dict[str, Any]) -> datetime:
    """Return when a record last changed (UTC, naive)."""
    modified_at = datetime.fromisoformat(record["SystemModstamp"])
    return modified_at.astimezone(UTC).replace(tzinfo=None)


def _names(mapping: Mapping, *, audit: bool) -> list[str]:
    names = ["Id", *(field.name for field in mapping.fields)]
    return [*names, *(AUDIT if audit else ())]


def _since(since: datetime | None) -> list[str]:
    return [f"SystemModstamp >= {since:%Y-%m-%dT%H:%M:%S}.000Z"] if since else []


def content_and_audit(record: dict[str, Any], mapping: Mapping) -> tuple[str, str, str]:
    """Return a record's mapped fields as JSON text, and its `AUDIT` fields."""
    content = {item.name: record.get(item.name) for item in mapping.fields}
    user, modified_at = (str(record[name] or "") for name in AUDIT)
    return json.dumps(content), user, modified_at


def find_differences(
    record: dict[str, Any], sent: dict[str, str | None], *, mapping: Mapping
) -> list[str]:
    """Describe each field that was sent and has another value in the record."""
    return [
        f"{field.name} is {record.get(field.name)!r}, sent {sent[field.name]!r}"
        for field in mapping.fields
        if field.name in sent
        and _comparable(field, record.get(field.name))
        != _comparable(field, sent[field.name])
    ]


def _comparable(field: Field, value: object) -> object:
    if value is None or value == "":
        return None
    if field.is_numeric:
        return float(str(value))
    if field.type == "checkbox":
        return str(value).lower() == "true"
    if field.type == "datetime":
        return datetime.fromisoformat(str(value))
    return str(value).strip().replace("\r\n", "\n")


def _quoted_key_batches(keys: Iterable[str]) -> Iterator[list[str]]:
    """Quote keys for SOQL and yield them in batches that fit into a URL."""
    batch: list[str] = []
    length = 0
    for key in keys:
        quoted = "'" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"
        size = len(quote_plus(quoted)) + 4
        if batch and (length + size > MAX_KEYS_LENGTH or len(batch) == MAX_KEYS):
            yield batch
            batch, length = [], 0
        batch.append(quoted)
        length += size
    if batch:
        yield batch
