"""Read Salesforce's result for each row and match it with the row that was sent.

Results come from the result files of a bulk job (`sf__Id`, then `sf__Created` or
`sf__Error`, then the columns as sent) or from the response to a collection. Rows are
matched by external id only, because Salesforce may format other values differently. A
row that was sent must have exactly one result, and every result must belong to a row.
When a connection broke, and to verify a sample, the records are read back.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from loaders.config.salesforce_mapping import Mapping
from loaders.errors import DataError
from loaders.ledger.salesforce import OUTCOME_UNKNOWN
from loaders.salesforce import pairing
from loaders.salesforce.context import SyncContext
from loaders.salesforce.staging_db import StagingDb
from loaders.salesforce_api import jobs, records
from loaders.salesforce_api.jobs import ResultKind
from loaders.salesforce_api.request_errors import (
    COMPARE_MAPPING,
    LOCK_IN_MESSAGE,
    SCHEMA_IN_MESSAGE,
    TRANSIENT_ROW_CODES,
)
from loaders.salesforce_api.rows import Row, RowResult

UNPROCESSED = "UNPROCESSED"
TRANSIENT_CODES = {OUTCOME_UNKNOWN, UNPROCESSED, *TRANSIENT_ROW_CODES}
ROW_KINDS: dict[ResultKind, str] = {
    "successful": "accepted",
    "failed": "failed",
    "unprocessed": "unprocessed",
}
MAX_EXAMPLES = 5
MAX_LINE_BYTES = 1 << 24  # the error of a rejected row may quote a long text

csv.field_size_limit(MAX_LINE_BYTES)
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


@dataclass(frozen=True)
class ChunkOutcome:
    """The row counts of one chunk, all and by outcome.

    `mismatches` describes results that do not match the rows sent. `schema_error` is
    Salesforce's error about a field or object that is gone or read-only now, or ''.
    """

    rows: int
    accepted: int
    rejected: int
    transient: int
    mismatches: tuple[str, ...]
    schema_error: str = ""


class MismatchError(DataError):
    """The results of a chunk do not match its rows; `outcome` has what does."""

    def __init__(self, outcome: ChunkOutcome) -> None:
        super().__init__("; ".join(outcome.mismatches))
        self.outcome = outcome


def stage_file(
    context: SyncContext,
    staging_db: StagingDb,
    path: Path,
    *,
    kind: ResultKind,
    chunk: int,
) -> None:
    """Stage the results of one result file.

    Nothing is staged of a file that is no valid CSV, so that its rows have no result.
    """
    mapping = context.mapping
    with path.open(encoding="utf-8", newline="") as file:
        if not (header := [name.lower() for name in next(csv.reader(file), [])]):
            return
    key = f"c{header.index(mapping.result_key.lower())}"
    if mapping.creates:
        key = context.scope.fold(key)
    columns = {name: f"c{index}" for index, name in enumerate(header)}
    names = ", ".join(f"'{name}': 'varchar'" for name in columns.values())
    with path.open("rb") as binary:
        line_end = r"\r\n" if binary.readline().endswith(b"\r\n") else r"\n"
    none = "cast(null as varchar)"
    salesforce_id, created, error = (
        columns.get(name, none) for name in ("sf__id", "sf__created", "sf__error")
    )
    statement = (
        "insert into local.results select ?, "
        f"coalesce({key}, ''), ?,"
        f" coalesce({salesforce_id}, ''), coalesce(lower({created}) = 'true', false),"
        f" ?, coalesce({error}, ''), ''"
        f" from read_csv(?, columns = {{{names}}}, auto_detect = false,"
        " header = true, delim = ',', quote = '\"', escape = '\"',"
        f" new_line = '{line_end}', null_padding = true, allow_quoted_nulls = false,"
        f" parallel = false, buffer_size = {2 * MAX_LINE_BYTES},"
        f" max_line_size = {MAX_LINE_BYTES})"
    )
    code = UNPROCESSED if kind == "unprocessed" else ""
    try:
        staging_db.execute(statement, chunk, ROW_KINDS[kind], code, str(path))
    except DataError as error:
        log.warning("salesforce result file is invalid", error=str(error))
        return
    if not mapping.creates:
        pairing.match_results(staging_db, chunk)
    if kind == "failed":
        _parse_errors(staging_db, chunk)


def _parse_errors(staging_db: StagingDb, chunk: int) -> None:
    """Split the errors of failed rows, each distinct text once."""
    texts = [
        text
        for (text,) in staging_db.query(
            "select distinct message from local.results"
            " where chunk = ? and kind = 'failed'",
            chunk,
        )
    ]
    staging_db.execute(
        "create or replace table local.errors"
        " (text varchar, code varchar, message varchar, fields varchar)"
    )
    staging_db.insert(
        "errors",
        ("text", "code", "message", "fields"),
        ((text, *jobs.parse_row_error(text)) for text in texts),
    )
    staging_db.execute(
        "update local.results set code = errors.code, message = errors.message,"
        " fields = errors.fields from local.errors as errors"
        " where chunk = ? and kind = 'failed' and results.message = errors.text",
        chunk,
    )


def record_results(
    staging_db: StagingDb, *, chunk: int, attempt: int, job_id: str = ""
) -> ChunkOutcome:
    """Match a chunk's results with its rows and set each row's outcome.

    Rows without a result become failures of unknown outcome, which a later run sends
    again. The caller must raise an error for the mismatches after recording the chunk
    in the ledger.
    """
    mismatches = _find_mismatches(staging_db, chunk)
    transient = ", ".join(f"'{code}'" for code in sorted(TRANSIENT_CODES))
    with staging_db.transaction():
        # An interrupted sync may have recorded results of the same chunk already.
        staging_db.execute("delete from local.failures where chunk = ?", chunk)
        staging_db.execute(
            "update local.rows set outcome = null where chunk = ?"
            " and outcome is not null",
            chunk,
        )
        staging_db.execute(
            "update local.rows set outcome = 'accepted',"
            " salesforce_id = results.salesforce_id, is_created = results.is_created"
            " from local.results as results"
            " where rows.chunk = ? and results.chunk = rows.chunk"
            " and results.folded_key = rows.folded_key and results.kind = 'accepted'",
            chunk,
        )
        pairing.set_gone(staging_db, chunk)
        staging_db.execute(
            "insert into local.failures select rows.key, any_value(rows.hash),"
            " coalesce(any_value(results.code), ?) as failed_code,"
            " coalesce(any_value(results.message),"
            " 'Salesforce returned no result for this row.'),"
            f" coalesce(any_value(results.fields), ''), failed_code in ({transient})"
            " or coalesce(regexp_matches(any_value(results.message),"
            f" '{LOCK_IN_MESSAGE}|{SCHEMA_IN_MESSAGE}'), false),"
            " ?, ?, ? from local.rows as rows left join local.results as results"
            " on results.chunk = rows.chunk and results.folded_key = rows.folded_key"
            " where rows.chunk = ? and rows.outcome is null group by rows.key",
            *(OUTCOME_UNKNOWN, chunk, attempt, job_id, chunk),
        )
        staging_db.execute(
            "update local.rows set outcome = 'rejected' where chunk = ?"
            " and outcome is null and key in (select key from local.failures"
            " where chunk = ? and not is_transient)",
            *(chunk, chunk),
        )
    by_outcome = "select outcome, count(*) from local.rows where chunk = ? group by 1"
    counts = dict(staging_db.query(by_outcome, chunk))
    schema_errors = staging_db.query(
        "select min(message) from local.failures where chunk = ?"
        " and regexp_matches(message, ?)",
        *(chunk, SCHEMA_IN_MESSAGE),
    )
    return ChunkOutcome(
        rows=sum(counts.values()),
        accepted=counts.get("accepted", 0),
        rejected=counts.get("rejected", 0),
        transient=counts.get(None, 0),
        mismatches=mismatches,
        schema_error=schema_errors[0][0] or "",
    )


def raise_for_problems(outcomes: Sequence[ChunkOutcome], mapping: Mapping) -> None:
    """Raise `DataError` for recorded results that a retry in this sync cannot fix."""
    mismatches = [text for outcome in outcomes for text in outcome.mismatches]
    if mismatches:
        raise DataError(
            f"Salesforce's results for {mapping.object} do not match the rows that "
            f"were sent: {'; '.join(mismatches)}. The results received are recorded. "
            "Run again to send the rest."
        )
    for outcome in outcomes:
        if outcome.schema_error:
            raise DataError(
                f"{mapping.object} rejected rows: {outcome.schema_error.rstrip('.')}. "
                f"{COMPARE_MAPPING}"
            )


def _find_mismatches(staging_db: StagingDb, chunk: int) -> tuple[str, ...]:
    """Compare the keys of rows and results in both directions and for duplicates."""
    queries = {
        "rows sent have no result": (
            "select key from local.rows as rows where chunk = ? and folded_key not in"
            " (select folded_key from local.results where chunk = ?)"
        ),
        "results are for rows that were not sent": (
            "select folded_key from local.results where chunk = ? and folded_key not in"
            " (select folded_key from local.rows where chunk = ?)"
        ),
        "rows have more than one result": (
            "select folded_key from local.results where chunk = ? and chunk = ?"
            " group by folded_key having count(*) > 1"
        ),
    }
    mismatches = []
    for description, query in queries.items():
        count = staging_db.query_int(f"select count(*) from ({query})", chunk, chunk)
        if count:
            found = staging_db.query(f"{query} limit {MAX_EXAMPLES}", chunk, chunk)
            examples = ", ".join(key for (key,) in found)
            mismatches.append(f"{count} {description} ({examples})")
    return tuple(mismatches)


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
