"""The small path: upserts by collections of at most 200 rows, answered at once.

Noted in the ledger before the first request goes out. When a connection breaks, the
records are read back: rows that arrived are accepted and never sent twice, the others
are failures of unknown outcome. Replies are in the order of the request.
"""

import json
from collections.abc import Iterator
from typing import Any

import requests

from loaders import warehouse
from loaders.errors import DataError, NightshiftError
from loaders.salesforce import ledger, results, verification
from loaders.salesforce.context import Errand, Progress
from loaders.salesforce.failures import OutcomeUnknownError
from loaders.salesforce.mapping import Mapping
from loaders.salesforce.rows import payload_hash
from loaders.salesforce.staging_db import Answer, Row, Workbook

SHRINK = 4


def send(errand: Errand, workbook: Workbook, *, attempt: int) -> None:
    """Send all pending rows and record their answers; smaller pieces each attempt.

    Raises what stopped it, after recording every answer that came.
    """
    size = max(1, errand.policy.collection_rows // SHRINK ** (attempt - 1))
    pieces = _numbered(list(workbook.pending()), size, workbook.next_chunk())
    total = sum(len(rows) for rows in pieces.values())
    for chunk, rows in pieces.items():
        workbook.put_in_chunk(chunk, first=rows[0].folded, last=rows[-1].folded)
    with warehouse.transaction() as connection:
        ledger.add_chunks(connection, errand.sync, _noted(errand, pieces))
    answered: list[int] = []
    mismatches: list[str] = []
    not_sent: list[int] = list(pieces)
    try:
        for done, (chunk, rows) in enumerate(pieces.items()):
            errand.tell(Progress("send", min(done * size, total), total))
            not_sent.remove(chunk)  # until it is answered, nobody knows
            try:
                reply = _ask(errand, rows)
            except NightshiftError:
                not_sent.append(chunk)  # refused as a whole: nothing was taken
                raise
            answers = _answers(errand, rows, reply)
            workbook.add_answers(answers, chunk=chunk)
            settled = results.settle(
                workbook, errand.destination, chunk=chunk, attempt=attempt
            )
            mismatches += settled.mismatches
            answered.append(chunk)
    finally:
        _record(errand, workbook, answered=answered, not_sent=not_sent)
    errand.tell(Progress("send", total, total))
    if mismatches:
        raise DataError(_mismatch_message(mismatches))


def body(rows: list[Row], mapping: Mapping) -> str:
    """Return the request's JSON; numbers stand in it digit by digit as rendered."""
    kinds = {field.name: field.type for field in mapping.fields}
    bare = {
        name
        for name, kind in kinds.items()
        if kind in ("number", "percent", "currency", "checkbox")
    }
    head = f'"attributes":{{"type":{json.dumps(mapping.object)}}}'
    told = []
    for row in rows:
        parts = [head, f"{json.dumps(mapping.external_id)}:{json.dumps(row.key)}"]
        for name, text in json.loads(row.payload).items():
            value = (
                "null" if text is None else text if name in bare else json.dumps(text)
            )
            parts.append(f"{json.dumps(name)}:{value}")
        told.append("{" + ",".join(parts) + "}")
    return '{"allOrNone":false,"records":[' + ",".join(told) + "]}"


def _ask(errand: Errand, rows: list[Row]) -> requests.Response | None:
    """Send one piece; None when the connection broke and nobody knows."""
    mapping = errand.mapping
    try:
        return errand.client.request(
            "PATCH",
            f"composite/sobjects/{mapping.object}/{mapping.external_id}",
            data=body(rows, mapping).encode(),
            headers={"Content-Type": "application/json"},
        )
    except OutcomeUnknownError:
        return None


def _answers(
    errand: Errand, rows: list[Row], reply: requests.Response | None
) -> list[Answer]:
    fold = errand.destination.fold
    if reply is None:
        there = verification.arrived(
            errand.client, errand.destination, mapping=errand.mapping, rows=rows
        )
        return _with_unknown(errand, rows, there)
    told = reply.json()
    if len(told) != len(rows):
        raise DataError(
            f"Salesforce gives {len(told)} answers to {len(rows)} rows of "
            f"{errand.mapping.object}. Run again; the records are then read back."
        )
    return [_answer(fold(row.key), item) for row, item in zip(rows, told, strict=True)]


def _answer(folded: str, item: dict[str, Any]) -> Answer:
    if item["success"]:
        return Answer(folded, "accepted", item["id"], bool(item.get("created")))
    error = item["errors"][0]
    return Answer(
        folded,
        "failed",
        code=error.get("statusCode", ""),
        message=error.get("message", ""),
        fields=",".join(error.get("fields") or []),
    )


def _with_unknown(errand: Errand, rows: list[Row], there: list[Answer]) -> list[Answer]:
    known = {answer.folded for answer in there}
    unknown = [
        Answer(
            folded,
            "failed",
            code=ledger.OUTCOME_UNKNOWN,
            message="the connection broke, and the record is not as it was sent",
        )
        for row in rows
        if (folded := errand.destination.fold(row.key)) not in known
    ]
    return [*there, *unknown]


def _numbered(rows: list[Row], size: int, first: int) -> dict[int, list[Row]]:
    starts = range(0, len(rows), size)
    return {
        first + place: rows[start : start + size] for place, start in enumerate(starts)
    }


def _noted(errand: Errand, pieces: dict[int, list[Row]]) -> Iterator[ledger.Chunk]:
    for chunk, rows in pieces.items():
        hashes = "\n".join(row.hash for row in rows)
        yield ledger.Chunk(
            sync_id=errand.sync.sync_id,
            chunk=chunk,
            fingerprint=payload_hash(hashes, errand.sync.mapping_version),
            rows=len(rows),
            job_id="",
            state=ledger.SENDING,
            created_at=ledger.now(),
        )


def _record(
    errand: Errand, workbook: Workbook, *, answered: list[int], not_sent: list[int]
) -> None:
    """Bring the answers into the ledgers; a chunk in neither list stays open."""
    with warehouse.transaction() as connection:
        for chunk in answered:
            ledger.record_chunk(
                connection, errand.sync, workbook=workbook, chunk=chunk, job_id=""
            )
        for chunk in not_sent:
            ledger.set_chunk(
                connection,
                errand.sync.sync_id,
                chunk=chunk,
                state=ledger.ABANDONED,
                job_id="",
            )


def _mismatch_message(mismatches: list[str]) -> str:
    return (
        "Salesforce's answers do not match what was sent: "
        + "; ".join(mismatches)
        + ". What was answered is recorded; run again to send the rest."
    )
