"""Read Salesforce's result for each row and match it with the row that was sent.

Results come from the result files of a bulk job (`sf__Id`, then `sf__Created` or
`sf__Error`, then the columns as sent) or from the response to a collection. Rows are
matched by external id only, because Salesforce may format other values differently. A
row that was sent must have exactly one result, and every result must belong to a row.
When a connection broke, and to verify a sample, the records are read back.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loaders.errors import DataError
from loaders.ledger.salesforce import OUTCOME_UNKNOWN
from loaders.salesforce.context import SyncContext
from loaders.salesforce.staging_db import StagingDb
from loaders.salesforce_api import jobs, records
from loaders.salesforce_api.jobs import ResultKind
from loaders.salesforce_api.rows import Row, RowResult

UNPROCESSED = "UNPROCESSED"
TRANSIENT_CODES = {
    OUTCOME_UNKNOWN,
    UNPROCESSED,
    "UNABLE_TO_LOCK_ROW",
    "TooManyLockFailure",
    "TOO_MANY_LOCK_FAILURE",
    "Timeout",
    "SERVER_UNAVAILABLE",
    "REQUEST_RUNNING_TOO_LONG",
    "QUERY_TIMEOUT",
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
}
ROW_KINDS: dict[ResultKind, str] = {
    "successful": "accepted",
    "failed": "failed",
    "unprocessed": "unprocessed",
}
MAX_EXAMPLES = 5
MAX_LINE_BYTES = 1 << 24  # the error of a rejected row may quote a long text

csv.field_size_limit(MAX_LINE_BYTES)


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
    """The row counts of one chunk by outcome.

    `mismatches` describes results that do not match the rows sent.
    """

    accepted: int
    rejected: int
    transient: int
    mismatches: tuple[str, ...]

    @property
    def rows(self) -> int:
        """The number of rows of the chunk."""
        return self.accepted + self.rejected + self.transient


def stage_file(
    context: SyncContext,
    staging_db: StagingDb,
    path: Path,
    *,
    kind: ResultKind,
    chunk: int,
) -> None:
    """Stage the results of one result file."""
    key, header = _key_column(path, context.mapping.external_id)
    if not header:
        return
    columns = {name: f"c{index}" for index, name in enumerate(header)}
    names = ", ".join(f"'{name}': 'varchar'" for name in columns.values())
    with path.open("rb") as file:
        line_end = r"\r\n" if file.readline().endswith(b"\r\n") else r"\n"
    none = "cast(null as varchar)"
    salesforce_id, created, error = (
        columns.get(name, none) for name in ("sf__id", "sf__created", "sf__error")
    )
    staging_db.execute(
        "insert into local.results select ?, "
        f"coalesce({context.scope.fold(f'c{key}')}, ''), ?,"
        f" coalesce({salesforce_id}, ''), coalesce(lower({created}) = 'true', false),"
        f" ?, coalesce({error}, ''), ''"
        f" from read_csv(?, columns = {{{names}}}, auto_detect = false,"
        " header = true, delim = ',', quote = '\"', escape = '\"',"
        f" new_line = '{line_end}', null_padding = true, allow_quoted_nulls = false,"
        f" parallel = false, buffer_size = {2 * MAX_LINE_BYTES},"
        f" max_line_size = {MAX_LINE_BYTES})",
        *(chunk, ROW_KINDS[kind], UNPROCESSED if kind == "unprocessed" else ""),
        str(path),
    )
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


def read_keys(path: Path, *, external_id: str) -> Iterator[str]:
    """Yield the keys in one result file, spelled as they were sent."""
    key, header = _key_column(path, external_id)
    if header:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            next(reader)
            yield from (cells[key] for cells in reader if cells)


def _key_column(path: Path, external_id: str) -> tuple[int, list[str]]:
    """Return the key's index and the header in lower case; [] for an empty file."""
    with path.open(encoding="utf-8", newline="") as file:
        header = [name.lower() for name in next(csv.reader(file), [])]
    if header and external_id.lower() not in header:
        raise DataError(
            f"The result file {path.name} has no column {external_id}. It has "
            f"{', '.join(header)[:300]}. Check the job on the page Bulk Data "
            "Load Jobs of Salesforce Setup."
        )
    return (header.index(external_id.lower()) if header else 0), header


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
        staging_db.execute(
            "insert into local.failures select rows.key, any_value(rows.hash),"
            " coalesce(any_value(results.code), ?) as failed_code,"
            " coalesce(any_value(results.message),"
            " 'Salesforce returned no result for this row.'),"
            f" coalesce(any_value(results.fields), ''), failed_code in ({transient}),"
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
    counts = dict(
        staging_db.query(
            "select outcome, count(*) from local.rows where chunk = ? group by 1", chunk
        )
    )
    return ChunkOutcome(
        accepted=counts.get("accepted", 0),
        rejected=counts.get("rejected", 0),
        transient=counts.get(None, 0),
        mismatches=mismatches,
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
        for row, record in _read_back(context, rows)
        if record and not _differences(context, row, record)
    ]


def verify_sample(context: SyncContext, staging_db: StagingDb) -> Verification:
    """Count the object's records and compare a sample of the rows just accepted."""
    rows = staging_db.sample_accepted(context.policy.read_back_rows)
    differences: list[str] = []
    for row, record in _read_back(context, rows):
        if record is None:
            differences.append(f"{row.key} does not exist")
        else:
            differences += [
                f"{row.key}: {text}" for text in _differences(context, row, record)
            ]
    records = context.client.count(context.mapping.object)
    return Verification(records, len(rows), tuple(differences))


def _read_back(
    context: SyncContext, rows: Sequence[Row]
) -> list[tuple[Row, dict[str, Any] | None]]:
    mapping, fold = context.mapping, context.destination.fold
    found = {
        fold(record[mapping.external_id]): record
        for record in records.fetch_records(
            context.client, mapping, (row.key for row in rows)
        )
    }
    return [(row, found.get(fold(row.key))) for row in rows]


def _differences(context: SyncContext, row: Row, record: dict[str, Any]) -> list[str]:
    sent = json.loads(row.payload) | {context.mapping.external_id: row.key}
    return records.find_differences(record, sent, mapping=context.mapping)
