"""Read Salesforce's result for each row and match it with the row that was sent.

Results come from the result files of a bulk job (`sf__Id`, then `sf__Created` or
`sf__Error`, then the columns as sent) or from the response to a collection. Rows are
matched by external id only, because Salesforce may format other values differently. A
row that was sent must have exactly one result, and every result must belong to a row.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from loaders import warehouse
from loaders.config.salesforce_mapping import Mapping
from loaders.errors import DataError
from loaders.ledger.salesforce import OUTCOME_UNKNOWN, reported_causes
from loaders.salesforce import ledger, pairing
from loaders.salesforce.context import SyncContext
from loaders.salesforce.staging_db import StagingDb
from loaders.salesforce_api import jobs, row_errors
from loaders.salesforce_api.jobs import ResultKind
from loaders.salesforce_api.request_errors import COMPARE_MAPPING
from loaders.salesforce_api.row_errors import SCHEMA_IN_MESSAGE, UNPROCESSED

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
    is_transient = row_errors.transient_sql("code", "message")
    cause = row_errors.cause_sql("code", "fields", "message", "payload")
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
            "insert into local.failures select key, hash, code, message, fields,"
            f" {is_transient}, ?, ?, ?, case when {is_transient} then '' else {cause}"
            " end from (select rows.key, any_value(rows.hash) as hash,"
            " any_value(rows.payload) as payload,"
            " coalesce(any_value(results.code), ?) as code,"
            " coalesce(any_value(results.message),"
            " 'Salesforce returned no result for this row.') as message,"
            " coalesce(any_value(results.fields), '') as fields"
            " from local.rows as rows left join local.results as results"
            " on results.chunk = rows.chunk and results.folded_key = rows.folded_key"
            " where rows.chunk = ? and rows.outcome is null group by rows.key)",
            *(chunk, attempt, job_id, OUTCOME_UNKNOWN, chunk),
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


def count_codes(staging_db: StagingDb) -> dict[str, int]:
    """Count the rejected rows by error code, most frequent first."""
    return dict(
        staging_db.query(
            "select code, count(*) from (select key, code, row_number() over ("
            "partition by key, hash order by attempt desc, chunk desc) as recency"
            " from local.failures) where recency = 1 and key not in"
            " (select key from local.rows where outcome = 'accepted')"
            " group by 1 order by 2 desc, 1"
        )
    )


def count_known_rejects(context: SyncContext, staging_db: StagingDb) -> int:
    """Count the rejected rows that an earlier data date's sync reported.

    Their key has not been accepted since, and the cause is still the same: the values
    that are wrong, the mapping and the fields. A row that is held is not sent before
    its values change.
    """
    rejected = "(action = 'rejected' or outcome = 'rejected' or action = 'held')"
    if not staging_db.query_int(f"select count(*) from local.rows where {rejected}"):
        return 0
    scope = context.scope
    with warehouse.session() as connection:
        causes = reported_causes(
            connection,
            scope.object,
            salesforce_org_id=scope.salesforce_org_id,
            before=context.sync.data_date,
        )
    staging_db.execute(
        "create or replace table local.reported"
        " (key varchar, cause_hash varchar, reported_at timestamp)"
    )
    staging_db.insert("reported", ("key", "cause_hash", "reported_at"), causes)
    return staging_db.query_int(
        f"select count(*) from local.rows as rows where {rejected} and exists ("
        "select 1 from local.reported as reported left join local.state as state"
        f" on state.folded_key = {scope.fold('reported.key')}"
        f" where {scope.fold('reported.key')} = rows.folded_key"
        " and reported_at > coalesce(state.accepted_at, '-infinity')"
        " and (action = 'held' or exists (select 1 from local.failures as failures"
        " where failures.key = rows.key and failures.hash = rows.hash"
        f" and {ledger.cause_hash(context.sync)} = reported.cause_hash)))"
    )
