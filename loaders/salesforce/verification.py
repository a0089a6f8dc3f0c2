"""Reading back: what the records hold now, compared with what was sent.

By SOQL on the external id, in pieces that fit into a URL. Used when a connection
broke and nobody knows whether rows arrived, and, if asked for, as a spot check after
a sync. Values are compared as what they mean: 12.50 is 12.5, and outer blanks, which
Salesforce trims, do not count.
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
from loaders.salesforce.staging_db import SENDABLE, Answer, Row, Workbook

MAX_KEYS_LENGTH = 6_000
MAX_KEYS = 200


@dataclass(frozen=True)
class ReadBack:
    """A spot check: records in the object, rows compared, and differences in words."""

    records: int
    compared: int
    differences: tuple[str, ...]


def records(
    client: Client, mapping: Mapping, keys: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """Yield the records of these external ids, with the mapped fields and `Id`."""
    names = ", ".join(["Id", *(field.name for field in mapping.fields)])
    for piece in _pieces(keys):
        listed = ", ".join(piece)
        yield from client.query(
            f"SELECT {names} FROM {mapping.object} "
            f"WHERE {mapping.external_id} IN ({listed})"
        )


def arrived(
    client: Client, destination: Destination, *, mapping: Mapping, rows: Sequence[Row]
) -> list[Answer]:
    """Return an acceptance for each row that Salesforce holds exactly as sent.

    Whether the record was new cannot be told any more.
    """
    found = {
        destination.fold(record[mapping.external_id]): record
        for record in records(client, mapping, (row.key for row in rows))
    }
    return [
        Answer(destination.fold(row.key), "accepted", record["Id"])
        for row in rows
        if (record := found.get(destination.fold(row.key)))
        and not differences(record, row, mapping=mapping)
    ]


def differences(record: dict[str, Any], row: Row, *, mapping: Mapping) -> list[str]:
    """Name the sent fields that the record holds otherwise, with both values."""
    sent = json.loads(row.payload)
    sent[mapping.external_id] = row.key
    return [
        f"{field.name} is {record.get(field.name)!r}, sent {sent[field.name]!r}"
        for field in mapping.fields
        if field.name in sent
        and _meaning(field, record.get(field.name)) != _meaning(field, sent[field.name])
    ]


def spot_check(
    client: Client,
    destination: Destination,
    *,
    mapping: Mapping,
    workbook: Workbook,
    sample: int,
) -> ReadBack:
    """Count the object and compare a sample of the rows accepted by this sync."""
    query = (
        "select folded, key, payload, hash from rows"
        f" where {SENDABLE} and outcome = 'accepted' order by random() limit ?"
    )
    rows = [Row(*record) for record in workbook.database.execute(query, [sample])]
    found = {
        destination.fold(record[mapping.external_id]): record
        for record in records(client, mapping, (row.key for row in rows))
    }
    told = []
    for row in rows:
        record = found.get(destination.fold(row.key))
        if record is None:
            told.append(f"{row.key} is not there")
        else:
            wrong = differences(record, row, mapping=mapping)
            told += [f"{row.key}: {sentence}" for sentence in wrong]
    return ReadBack(client.count(mapping.object), len(rows), tuple(told))


def _meaning(field: Field, value: object) -> object:
    if value is None or value == "":
        return None
    if field.is_numeric:
        return float(str(value))
    if field.type == "checkbox":
        return str(value).lower() == "true"
    if field.type == "datetime":
        return datetime.fromisoformat(str(value))
    return str(value).strip().replace("\r\n", "\n")


def _pieces(keys: Iterable[str]) -> Iterator[list[str]]:
    """Quote keys for SOQL and gather as many as a URL will hold."""
    piece: list[str] = []
    length = 0
    for key in keys:
        quoted = "'" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"
        size = len(quote_plus(quoted)) + 4
        if piece and (length + size > MAX_KEYS_LENGTH or len(piece) == MAX_KEYS):
            yield piece
            piece, length = [], 0
        piece.append(quoted)
        length += size
    if piece:
        yield piece
