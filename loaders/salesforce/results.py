"""Answers: what Salesforce says of each row, matched with what was sent.

From the result files of a bulk job (`sf__Id`, `sf__Created` or `sf__Error`, then the
columns as sent) or from a collection's reply. Rows are matched on the external id
alone, because numbers come back in another form. Counters are not trusted: every row
sent must have exactly one answer, and no answer may be about another row.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loaders.errors import DataError
from loaders.salesforce.ledger import OUTCOME_UNKNOWN
from loaders.salesforce.preflight import Destination
from loaders.salesforce.staging_db import Answer, Failure, Workbook

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
EXAMPLES = 5

csv.field_size_limit(1 << 24)  # a refused row may quote a long text in its error


@dataclass(frozen=True)
class Settled:
    """What became of a chunk: counts of rows, and what does not add up, in words."""

    accepted: int
    rejected: int
    transient: int
    mismatches: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows the chunk has."""
        return self.accepted + self.rejected + self.transient


def read_file(
    path: Path, *, kind: str, destination: Destination, external_id: str
) -> Iterator[Answer]:
    """Yield the answers of one result file; kind as in `jobs.RESULTS`."""
    rows = _rows(path)
    header = next(rows)
    if not header:
        return
    key = _column(header, external_id, path)
    first = header.index("sf__id") if "sf__id" in header else None
    for cells in rows:
        folded = destination.fold(cells[key])
        salesforce_id = "" if first is None else cells[first]
        if kind == "successful":
            created = cells[header.index("sf__created")].lower() == "true"
            yield Answer(folded, "accepted", salesforce_id, created)
        elif kind == "failed":
            told = cells[header.index("sf__error")]
            code, message, fields = parse_error(told)
            yield Answer(folded, "failed", salesforce_id, False, code, message, fields)
        else:
            yield Answer(folded, "unprocessed", code=UNPROCESSED)


def read_keys(path: Path, *, external_id: str) -> Iterator[str]:
    """Yield the keys of one result file as they were sent."""
    rows = _rows(path)
    header = next(rows)
    if header:
        key = _column(header, external_id, path)
        yield from (cells[key] for cells in rows)


def _rows(path: Path) -> Iterator[list[str]]:
    """Yield a result file's header in lower case, [] if it has none, and its rows."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        yield [name.lower() for name in next(reader, [])]
        yield from filter(None, reader)


def _column(header: list[str], name: str, path: Path) -> int:
    if name.lower() not in header:
        raise DataError(
            f"The result file {path.name} has no column {name}; it has "
            f"{', '.join(header)[:300]}. Look at the job in Salesforce's setup."
        )
    return header.index(name.lower())


def parse_error(told: str) -> tuple[str, str, str]:
    """Split `CODE:message:fields --` into code, message and comma-separated fields.

    The message may itself hold colons; a text of another form is all message.
    """
    match = re.fullmatch(r"(\w+):(.*):([^:]*?)\s*--\s*", told, flags=re.DOTALL)
    if match is None:
        code, _, message = told.partition(":")
        return (code, message, "") if re.fullmatch(r"\w+", code) else ("", told, "")
    fields = ",".join(part for part in re.split(r"[,\s]+", match[3]) if part)
    return match[1], match[2], fields


def settle(
    workbook: Workbook,
    destination: Destination,
    *,
    chunk: int,
    attempt: int,
    job_id: str = "",
) -> Settled:
    """Match a chunk's answers with its rows and write the outcome into the workbook.

    Rows without an answer are failures of unknown outcome, to be sent again by a
    later run; the mismatches are for the caller to raise once all is recorded.
    """
    mismatches = _mismatches(workbook, chunk)
    # A killed process may have come this far with the same chunk before.
    workbook.run("delete from failures where chunk = ?", chunk)
    workbook.run(
        "update rows set outcome = null where chunk = ? and outcome is not null", chunk
    )
    workbook.run(
        "update rows set outcome = 'accepted', salesforce_id = told.salesforce_id,"
        " is_created = told.is_created from answers as told"
        " where rows.chunk = ? and told.chunk = rows.chunk"
        " and told.folded = rows.folded and told.kind = 'accepted'",
        chunk,
    )
    workbook.add_failures(_failures(workbook, chunk, attempt, job_id))
    workbook.run(
        "update rows set outcome = 'rejected' where chunk = ? and outcome is null"
        " and key in (select key from failures where chunk = ? and not is_transient)",
        chunk,
        chunk,
    )
    counts = dict(
        workbook.database.execute(
            "select outcome, count(*) from rows where chunk = ? group by 1", [chunk]
        )
    )
    return Settled(
        accepted=counts.get("accepted", 0),
        rejected=counts.get("rejected", 0),
        transient=counts.get(None, 0),
        mismatches=mismatches,
    )


def _failures(
    workbook: Workbook, chunk: int, attempt: int, job_id: str
) -> Iterator[Failure]:
    query = (
        "select rows.key, rows.hash, coalesce(told.code, ?),"
        " coalesce(told.message, 'no answer about this row'),"
        " coalesce(told.fields, '')"
        " from rows left join answers as told"
        " on told.chunk = rows.chunk and told.folded = rows.folded"
        " where rows.chunk = ? and rows.outcome is null group by rows.seq"
    )
    for record in workbook.database.execute(query, [OUTCOME_UNKNOWN, chunk]):
        yield Failure(
            *record,
            is_transient=record[2] in TRANSIENT_CODES,
            chunk=chunk,
            attempt=attempt,
            job_id=job_id,
        )


def _mismatches(workbook: Workbook, chunk: int) -> tuple[str, ...]:
    """Compare keys sent and keys answered, both ways and for repetition."""
    checks = {
        "sent rows have no answer": (
            "select key from rows where chunk = ? and not exists (select 1 from answers"
            " where answers.chunk = rows.chunk and answers.folded = rows.folded)"
        ),
        "answers are about rows that were not sent": (
            "select folded from answers where chunk = ? and not exists (select 1 from"
            " rows where rows.chunk = answers.chunk and rows.folded = answers.folded)"
        ),
        "rows have more than one answer": (
            "select folded from answers where chunk = ?"
            " group by folded having count(*) > 1"
        ),
    }
    found = []
    for sentence, query in checks.items():
        count = workbook.number(f"select count(*) from ({query})", chunk)
        if count:
            some = workbook.database.execute(f"{query} limit {EXAMPLES}", [chunk])
            examples = ", ".join(key for (key,) in some)
            found.append(f"{count} {sentence} ({examples})")
    return tuple(found)
