"""Send few rows as sObject collections: upserts of at most 200 rows per request.

The ledger records the chunks before the first request is sent. When a connection
breaks, or the reply is not one result per row, the records are read back: rows whose
values Salesforce has count as accepted and are not sent again, the others get an
unknown outcome. Results come in the order of the request. Records are also read back to
verify a sample.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests
import structlog

from loaders import warehouse
from loaders.config.salesforce_mapping import Mapping
from loaders.errors import NightshiftError
from loaders.ledger import now
from loaders.ledger.salesforce import ABANDONED, OUTCOME_UNKNOWN, SENDING, Chunk
from loaders.salesforce import ledger, results
from loaders.salesforce.context import Progress, SyncContext
from loaders.salesforce.staging_db import StagingDb
from loaders.salesforce_api import records
from loaders.salesforce_api.request_errors import OutcomeUnknownError
from loaders.salesforce_api.rows import Row, RowResult, payload_hash

SHRINK_FACTOR = 4

log = structlog.get_logger()


@dataclass(frozen=True)
class Verification:
    """The result of reading a sample back.

    `records` is the number of records of the object, `compared` the number of rows
    compared, and `differences` describes each difference found.
    """

    records: int
    compared: int
    differences: tuple[str, ...]


def send(context: SyncContext, staging_db: StagingDb, *, attempt: int) -> None:
    """Send all pending rows and record their results; each attempt uses smaller chunks.

    When a request fails, the results received before it are recorded before the error
    is raised.
    """
    size = max(1, context.policy.collection_rows // SHRINK_FACTOR ** (attempt - 1))
    chunks = _split_into_chunks(
        staging_db.pending_rows(), size, staging_db.next_chunk_number()
    )
    total = sum(len(rows) for rows in chunks.values())
    for chunk, rows in chunks.items():
        staging_db.assign_chunk(
            chunk, first=rows[0].folded_key, last=rows[-1].folded_key
        )
    with warehouse.transaction() as connection:
        ledger.add_chunks(connection, context.sync, _ledger_chunks(context, chunks))
    completed: list[int] = []
    outcomes: list[results.ChunkOutcome] = []
    not_sent: list[int] = list(chunks)
    try:
        for done, (chunk, rows) in enumerate(chunks.items()):
            context.on_progress(Progress("send", min(done * size, total), total))
            # The outcome of a chunk is unknown while its request is running.
            not_sent.remove(chunk)
            try:
                response = _send_chunk(context, rows)
            except NightshiftError:
                # Salesforce rejected the whole request, so no row was accepted.
                not_sent.append(chunk)
                raise
            row_results = _results(context, rows, response)
            staging_db.add_results(row_results, chunk=chunk)
            outcomes.append(
                results.record_results(staging_db, chunk=chunk, attempt=attempt)
            )
            completed.append(chunk)
    finally:
        _record(context, staging_db, completed=completed, not_sent=not_sent)
    context.on_progress(Progress("send", total, total))
    results.raise_for_problems(outcomes, context.mapping)


def request_body(rows: list[Row], mapping: Mapping) -> str:
    """Return the request's JSON, with numbers exactly as they were rendered."""
    unquoted = {
        field.name
        for field in mapping.fields
        if field.type in ("number", "percent", "currency", "checkbox")
    }
    attributes = f'"attributes":{{"type":{json.dumps(mapping.object)}}}'
    records = []
    for row in rows:
        name, value = mapping.external_id, row.key
        if not mapping.creates:
            name, value = "id", row.salesforce_id
        parts = [attributes, f"{json.dumps(name)}:{json.dumps(value)}"]
        for name, text in json.loads(row.payload).items():
            if text is None:
                value = "null"
            elif name in unquoted:
                value = text
            else:
                value = json.dumps(text)
            parts.append(f"{json.dumps(name)}:{value}")
        records.append("{" + ",".join(parts) + "}")
    return '{"allOrNone":false,"records":[' + ",".join(records) + "]}"


def _send_chunk(context: SyncContext, rows: list[Row]) -> requests.Response | None:
    """Send one chunk; return None when no usable reply came to the request."""
    mapping = context.mapping
    path = "composite/sobjects"
    if mapping.creates:
        path += f"/{mapping.object}/{mapping.external_id}"
    try:
        response = context.client.request(
            "PATCH",
            path,
            data=request_body(rows, mapping).encode(),
            headers={"Content-Type": "application/json"},
        )
    except OutcomeUnknownError as error:
        log.warning("salesforce collection without result", error=str(error))
        return None
    if len(response.json()) != len(rows):
        log.warning("salesforce collection with another number of results")
        return None
    return response


def _results(
    context: SyncContext, rows: list[Row], response: requests.Response | None
) -> list[RowResult]:
    """Return one result per row, read back from Salesforce if there is no reply."""
    if response is None:
        accepted = find_accepted(context, rows)
        return _add_unknown_results(rows, accepted)
    return [
        _parse_result(row.folded_key, item)
        for row, item in zip(rows, response.json(), strict=True)
    ]


def _parse_result(folded_key: str, item: dict[str, Any]) -> RowResult:
    if item["success"]:
        return RowResult(folded_key, "accepted", item["id"], bool(item.get("created")))
    error = item["errors"][0]
    return RowResult(
        folded_key,
        "failed",
        code=error.get("statusCode", ""),
        message=error.get("message") or "",
        fields=",".join(error.get("fields") or []),
    )


def _add_unknown_results(rows: list[Row], accepted: list[RowResult]) -> list[RowResult]:
    """Add a result of unknown outcome for each row that has no accepted result."""
    accepted_keys = {result.folded_key for result in accepted}
    unknown = [
        RowResult(
            row.folded_key,
            "failed",
            code=OUTCOME_UNKNOWN,
            message="No usable reply came, and the record differs from what was sent.",
        )
        for row in rows
        if row.folded_key not in accepted_keys
    ]
    return [*accepted, *unknown]


def _split_into_chunks(rows: list[Row], size: int, first: int) -> dict[int, list[Row]]:
    starts = range(0, len(rows), size)
    return {
        first + index: rows[start : start + size] for index, start in enumerate(starts)
    }


def _ledger_chunks(
    context: SyncContext, chunks: dict[int, list[Row]]
) -> Iterator[Chunk]:
    for chunk, rows in chunks.items():
        hashes = "\n".join(row.hash for row in rows)
        yield Chunk(
            sync_id=context.sync.sync_id,
            chunk=chunk,
            fingerprint=payload_hash(hashes, context.sync.mapping_version),
            rows=len(rows),
            job_id="",
            state=SENDING,
            created_at=now(),
        )


def _record(
    context: SyncContext,
    staging_db: StagingDb,
    *,
    completed: list[int],
    not_sent: list[int],
) -> None:
    """Write the results to the ledgers; a chunk in neither list stays open."""
    rows = sum(1 for chunk in completed for _ in staging_db.chunk_rows(chunk))
    with staging_db.ledger_transaction(rows) as connection:
        ledger.record_chunks(
            connection, context.sync, staging_db, completed, scope=context.scope
        )
        ledger.update_chunks(
            connection, context.sync.sync_id, not_sent, state=ABANDONED
        )


def find_accepted(context: SyncContext, rows: Sequence[Row]) -> list[RowResult]:
    """Read rows back; return an accepted result for each whose record equals it.

    `is_created` is False for all, because it can no longer be determined.
    """
    return [
        RowResult(row.folded_key, "accepted", record["Id"])
        for row, record in read_back(context, rows)
        if record and not differences(context, row, record)
    ]


def read_back(
    context: SyncContext, rows: Sequence[Row]
) -> list[tuple[Row, dict[str, Any] | None]]:
    """Return the rows with their current records, None for one that does not exist."""
    mapping, fold = context.mapping, context.destination.fold
    found = {
        fold(record[mapping.external_id]): record
        for record in records.fetch_records(
            context.client, mapping, (row.key for row in rows)
        )
    }
    return [(row, found.get(fold(row.key))) for row in rows]


def differences(context: SyncContext, row: Row, record: dict[str, Any]) -> list[str]:
    """Describe each field whose value in the record is not the one of the row."""
    sent = json.loads(row.payload) | {context.mapping.external_id: row.key}
    return records.find_differences(record, sent, mapping=context.mapping)
