"""Read records back from Salesforce and compare them with what was sent.

Records are queried by external id, in batches whose keys fit into a URL. This is used
when a connection broke and rows may have been accepted, and to verify a sample after a
sync. Values are compared after normalization: 12.50 equals 12.5, and leading and
trailing blanks, which Salesforce trims, are ignored.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from loaders.salesforce.client import Client
from loaders.salesforce.mapping import Field, Mapping
from loaders.salesforce.preflight import Destination
from loaders.salesforce.staging_db import SENDABLE, Row, RowResult, StagingDb

MAX_KEYS_LENGTH = 6_000
MAX_KEYS = 200


@dataclass(frozen=True)
class Verification:
    """The result of reading a sample back.

    `records` is the number of records of the object, `compared` the number of rows
    compared, and `differences` describes each difference found.
    """

    records: int
    compared: int
    differences: tuple[str, ...]


def fetch_records(
    client: Client, mapping: Mapping, keys: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """Yield the records with these external ids: the mapped fields and `Id`."""
    names = ", ".join(["Id", *(field.name for field in mapping.fields)])
    for batch in _quoted_key_batches(keys):
        yield from client.query(
            f"SELECT {names} FROM {mapping.object} "
            f"WHERE {mapping.external_id} IN ({', '.join(batch)})"
        )


def find_accepted(
    client: Client, destination: Destination, *, mapping: Mapping, rows: Sequence[Row]
) -> list[RowResult]:
    """Return an accepted result for each row whose record equals what was sent.

    `is_created` is False for all, because it can no longer be determined.
    """
    records = _records_by_key(client, destination, mapping=mapping, rows=rows)
    return [
        RowResult(destination.fold(row.key), "accepted", record["Id"])
        for row in rows
        if (record := records.get(destination.fold(row.key)))
        and not find_differences(record, row, mapping=mapping)
    ]


def find_differences(
    record: dict[str, Any], row: Row, *, mapping: Mapping
) -> list[str]:
    """Describe each field that was sent and has another value in the record."""
    sent = json.loads(row.payload)
    sent[mapping.external_id] = row.key
    return [
        f"{field.name} is {record.get(field.name)!r}, sent {sent[field.name]!r}"
        for field in mapping.fields
        if field.name in sent
        and _comparable(field, record.get(field.name))
        != _comparable(field, sent[field.name])
    ]


def verify_sample(
    client: Client,
    destination: Destination,
    *,
    mapping: Mapping,
    staging_db: StagingDb,
    sample: int,
) -> Verification:
    """Count the object's records and compare a sample of the rows just accepted."""
    query = (
        "select folded_key, key, payload, hash from rows"
        f" where {SENDABLE} and outcome = 'accepted' order by random() limit ?"
    )
    rows = [Row(*values) for values in staging_db.database.execute(query, [sample])]
    records = _records_by_key(client, destination, mapping=mapping, rows=rows)
    differences = []
    for row in rows:
        record = records.get(destination.fold(row.key))
        if record is None:
            differences.append(f"{row.key} does not exist")
        else:
            differences += [
                f"{row.key}: {difference}"
                for difference in find_differences(record, row, mapping=mapping)
            ]
    return Verification(client.count(mapping.object), len(rows), tuple(differences))


def _records_by_key(
    client: Client, destination: Destination, *, mapping: Mapping, rows: Sequence[Row]
) -> dict[str, dict[str, Any]]:
    """Return the records of these rows by folded key."""
    return {
        destination.fold(record[mapping.external_id]): record
        for record in fetch_records(client, mapping, (row.key for row in rows))
    }


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
