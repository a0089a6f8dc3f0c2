"""Read records by external id, and compare them with values that were sent.

Records are queried in batches whose keys fit into a URL. Values are compared after
normalization: 12.50 equals 12.5, and leading and trailing blanks, which Salesforce
trims, are ignored.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from loaders.config.salesforce_mapping import Field, Mapping
from loaders.salesforce_api.client import Client

MAX_KEYS_LENGTH = 6_000
MAX_KEYS = 200


def fetch_records(
    client: Client, mapping: Mapping, keys: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """Yield the records with these external ids: the mapped fields and `Id`."""
    names = ["Id", *(field.name for field in mapping.fields)]
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
