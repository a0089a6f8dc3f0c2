"""Read Salesforce's result for each row and match it with the row that was sent.

Results come from the result files of a bulk job (`sf__Id`, then `sf__Created` or
`sf__Error`, then the columns as sent) or from the response to a collection. Rows are
matched by external id only, because Salesforce may format other values differently. A
row that was sent must have exactly one result, and every result must belong to a row.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loaders.errors import DataError
from loaders.salesforce.jobs import ResultKind
from loaders.salesforce.ledger import OUTCOME_UNKNOWN
from loaders.salesforce.preflight import Destination
from loaders.salesforce.staging_db import Failure, RowResult, StagingDb

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
MAX_EXAMPLES = 5

csv.field_size_limit(1 << 24)  # the error of a rejected row may quote a long text


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


def read_results(
    path: Path, *, kind: ResultKind, destination: Destination, external_id: str
) -> Iterator[RowResult]:
    """Yield the row results of one result file."""
    rows = _read_csv(path)
    header = next(rows)
    if not header:
        return
    key = _column_index(header, external_id, path)
    id_index = header.index("sf__id") if "sf__id" in header else None
    for cells in rows:
        folded_key = destination.fold(cells[key])
        salesforce_id = "" if id_index is None else cells[id_index]
        if kind == "successful":
            created = cells[header.index("sf__created")].lower() == "true"
            yield RowResult(folded_key, "accepted", salesforce_id, created)
        elif kind == "failed":
            code, message, fields = parse_error(cells[header.index("sf__error")])
            yield RowResult(
                folded_key, "failed", salesforce_id, False, code, message, fields
            )
        else:
            yield RowResult(folded_key, "unprocessed", code=UNPROCESSED)


def read_keys(path: Path, *, external_id: str) -> Iterator[str]:
    """Yield the keys in one result file, spelled as they were sent."""
    rows = _read_csv(path)
    header = next(rows)
    if header:
        key = _column_index(header, external_id, path)
        yield from (cells[key] for cells in rows)


def _read_csv(path: Path) -> Iterator[list[str]]:
    """Yield a result file's header in lower case ([] if it is empty), then its rows."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        yield [name.lower() for name in next(reader, [])]
        yield from filter(None, reader)


def _column_index(header: list[str], name: str, path: Path) -> int:
    if name.lower() not in header:
        raise DataError(
            f"The result file {path.name} has no column {name}. It has "
            f"{', '.join(header)[:300]}. Check the job on the page Bulk Data "
            "Load Jobs of Salesforce Setup."
        )
    return header.index(name.lower())


def parse_error(text: str) -> tuple[str, str, str]:
    """Split `CODE:message:fields --` into code, message and comma-separated fields.

    The message may contain colons. A text in another form becomes the message.
    """
    match = re.fullmatch(r"(\w+):(.*):([^:]*?)\s*--\s*", text, flags=re.DOTALL)
    if match is None:
        code, _, message = text.partition(":")
        return (code, message, "") if re.fullmatch(r"\w+", code) else ("", text, "")
    fields = ",".join(part for part in re.split(r"[,\s]+", match[3]) if part)
    return match[1], match[2], fields


def record_results(
    staging_db: StagingDb, *, chunk: int, attempt: int, job_id: str = ""
) -> ChunkOutcome:
    """Match a chunk's results with its rows and set each row's outcome.

    Rows without a result become failures of unknown outcome, which a later run sends
    again. The caller must raise an error for the mismatches after recording the chunk
    in the ledger.
    """
    mismatches = _find_mismatches(staging_db, chunk)
    # An interrupted sync may have recorded results of the same chunk already.
    staging_db.execute("delete from failures where chunk = ?", chunk)
    staging_db.execute(
        "update rows set outcome = null where chunk = ? and outcome is not null", chunk
    )
    staging_db.execute(
        "update rows set outcome = 'accepted', salesforce_id = results.salesforce_id,"
        " is_created = results.is_created from results"
        " where rows.chunk = ? and results.chunk = rows.chunk"
        " and results.folded_key = rows.folded_key and results.kind = 'accepted'",
        chunk,
    )
    staging_db.add_failures(_failures(staging_db, chunk, attempt, job_id))
    staging_db.execute(
        "update rows set outcome = 'rejected' where chunk = ? and outcome is null"
        " and key in (select key from failures where chunk = ? and not is_transient)",
        chunk,
        chunk,
    )
    counts = dict(
        staging_db.database.execute(
            "select outcome, count(*) from rows where chunk = ? group by 1", [chunk]
        )
    )
    return ChunkOutcome(
        accepted=counts.get("accepted", 0),
        rejected=counts.get("rejected", 0),
        transient=counts.get(None, 0),
        mismatches=mismatches,
    )


def _failures(
    staging_db: StagingDb, chunk: int, attempt: int, job_id: str
) -> Iterator[Failure]:
    query = (
        "select rows.key, rows.hash, coalesce(results.code, ?),"
        " coalesce(results.message, 'Salesforce returned no result for this row.'),"
        " coalesce(results.fields, '')"
        " from rows left join results"
        " on results.chunk = rows.chunk and results.folded_key = rows.folded_key"
        " where rows.chunk = ? and rows.outcome is null group by rows.seq"
    )
    for key, payload_hash, code, message, fields in staging_db.database.execute(
        query, [OUTCOME_UNKNOWN, chunk]
    ):
        yield Failure(
            key=key,
            hash=payload_hash,
            code=code,
            message=message,
            fields=fields,
            is_transient=code in TRANSIENT_CODES,
            chunk=chunk,
            attempt=attempt,
            job_id=job_id,
        )


def _find_mismatches(staging_db: StagingDb, chunk: int) -> tuple[str, ...]:
    """Compare the keys of rows and results in both directions and for duplicates."""
    queries = {
        "rows sent have no result": (
            "select key from rows where chunk = ? and not exists (select 1 from results"
            " where results.chunk = rows.chunk"
            " and results.folded_key = rows.folded_key)"
        ),
        "results are for rows that were not sent": (
            "select folded_key from results where chunk = ? and not exists"
            " (select 1 from rows where rows.chunk = results.chunk"
            " and rows.folded_key = results.folded_key)"
        ),
        "rows have more than one result": (
            "select folded_key from results where chunk = ?"
            " group by folded_key having count(*) > 1"
        ),
    }
    mismatches = []
    for description, query in queries.items():
        count = staging_db.query_int(f"select count(*) from ({query})", chunk)
        if count:
            records = staging_db.database.execute(
                f"{query} limit {MAX_EXAMPLES}", [chunk]
            )
            examples = ", ".join(key for (key,) in records)
            mismatches.append(f"{count} {description} ({examples})")
    return tuple(mismatches)
