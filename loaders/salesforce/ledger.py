"""What the warehouse remembers of Salesforce: schema `ops`, tables salesforce_*.

`salesforce_rows` and `salesforce_rejects` are only ever appended to; the latest row
of a key counts. `salesforce_jobs` holds the state of every chunk that was ever about
to be sent, so that nothing in flight is forgotten. `mapping_version` is the org's id,
a slash and the mapping's version: what another org accepted says nothing of this one.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from loaders.salesforce.staging_db import Failure, Workbook
from loaders.warehouse import Connection, bulk_rows

PLANNED = "Planned"  # a bulk job is about to be created
SENDING = "Sending"  # rows go out by collections
RECORDED = "Recorded"
ABANDONED = "Abandoned"  # nothing of it was processed
DONE = (RECORDED, ABANDONED)

OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"  # the code of a row that may have been taken

WITHDRAWN = "WITHDRAWN"  # the code of a refusal that nothing is to be sent of any more

SUCCESS = "success"
INTERRUPTED = "interrupted"
MESSAGE_LENGTH = 4_000


@dataclass(frozen=True)
class Sync:
    """One sync's identity, as every ledger row of it carries it."""

    sync_id: str
    object: str
    data_date: date
    mapping_version: str
    run_id: str

    @property
    def org_id(self) -> str:
        """The org that the sync goes to."""
        return self.mapping_version.partition("/")[0]

    def told(self) -> dict[str, str]:
        """Return the identity as JSON can hold it."""
        return {**asdict(self), "data_date": self.data_date.isoformat()}

    @classmethod
    def from_told(cls, told: dict[str, str]) -> "Sync":
        """Return what `told` was made of."""
        return cls(**{**told, "data_date": date.fromisoformat(told["data_date"])})


@dataclass(frozen=True)
class Chunk:
    """A chunk of rows on its way: its number, content hash, rows, job, and state."""

    sync_id: str
    chunk: int
    fingerprint: str
    rows: int
    job_id: str
    state: str
    created_at: datetime


def now() -> datetime:
    """Return the present time as the ledgers keep it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def open_chunks(connection: Connection, object_name: str) -> list[Chunk]:
    """Return every chunk whose fate is not in the ledgers yet, oldest first."""
    rows = connection.fetch_all(
        "-- loaders.salesforce.ledger open chunks\n"
        'select sync_id, chunk, chunk_fingerprint, "rows", job_id, state, created_at '
        f"from {connection.table('ops', 'salesforce_jobs')} "
        "where object = ? and state not in (?, ?) order by created_at, chunk",
        [object_name, *DONE],
    )
    return [Chunk(*row) for row in rows]


def unfinished(connection: Connection, object_name: str) -> list[str]:
    """Return the syncs that sent something and never got a ledger row of their own."""
    rows = connection.fetch_all(
        "-- loaders.salesforce.ledger unfinished syncs\n"
        f"select distinct sync_id from {connection.table('ops', 'salesforce_jobs')} "
        "where object = ? and sync_id not in "
        f"(select sync_id from {connection.table('ops', 'salesforce_syncs')})",
        [object_name],
    )
    return sorted(sync_id for (sync_id,) in rows)


def sync_counts(connection: Connection, sync_id: str) -> dict[str, object]:
    """Return what the ledgers say of one sync, as its own row would have it."""
    jobs = connection.table("ops", "salesforce_jobs")
    sent, started_at = connection.fetch_all(
        "-- loaders.salesforce.ledger sent\n"
        f'select coalesce(sum("rows"), 0), min(created_at) from {jobs} '
        "where sync_id = ? and state = ?",
        [sync_id, RECORDED],
    )[0]
    rows, day = connection.fetch_all(
        "-- loaders.salesforce.ledger accepted rows\n"
        "select count(*), max(data_date) "
        f"from {connection.table('ops', 'salesforce_rows')} where sync_id = ?",
        [sync_id],
    )[0]
    counts: dict[str, object] = {"sent": sent, "accepted": rows}
    counts |= {"rejected": int(sent) - int(rows), "started_at": started_at}
    return counts | ({"data_date": day} if day else {})


def known_jobs(connection: Connection, object_name: str) -> set[str]:
    """Return the ids of all jobs that any sync of this object ever noted."""
    rows = connection.fetch_all(
        "-- loaders.salesforce.ledger known jobs\n"
        f"select job_id from {connection.table('ops', 'salesforce_jobs')} "
        "where object = ?",
        [object_name],
    )
    return {job_id for (job_id,) in rows if job_id}


def add_chunks(connection: Connection, sync: Sync, chunks: Iterable[Chunk]) -> None:
    """Note chunks that are about to be sent."""
    columns = ["sync_id", "object", "job_id", "chunk", "chunk_fingerprint", "rows"]
    columns += ["state", "created_at", "updated_at"]
    rows = [
        [
            *(chunk.sync_id, sync.object, chunk.job_id, chunk.chunk),
            *(chunk.fingerprint, chunk.rows, chunk.state),
            *(chunk.created_at, chunk.created_at),
        ]
        for chunk in chunks
    ]
    connection.insert(connection.table("ops", "salesforce_jobs"), columns, rows)


def set_chunk(
    connection: Connection, sync_id: str, *, chunk: int, state: str, job_id: str
) -> None:
    """Note a chunk's job and state."""
    connection.execute(
        f"-- loaders.salesforce.ledger chunk {state}\n"
        f"update {connection.table('ops', 'salesforce_jobs')} "
        "set job_id = ?, state = ?, updated_at = ? where sync_id = ? and chunk = ?",
        [job_id, state, now(), sync_id, chunk],
    )


def record_chunk(
    connection: Connection, sync: Sync, *, workbook: Workbook, chunk: int, job_id: str
) -> None:
    """Append what became of a chunk's rows and close it; call it in a transaction.

    Only rows that Salesforce accepted move the state of their keys.
    """
    at = now()
    columns = ["object", "key", "payload_hash", "payload", "mapping_version"]
    columns += ["salesforce_id", "sync_id", "data_date", "accepted_at"]
    told = workbook.database.execute(
        "select ?, key, hash, payload, ?, salesforce_id, ?, ?, ? from rows"
        " where chunk = ? and outcome = 'accepted' order by folded",
        [
            *(sync.object, sync.mapping_version, sync.sync_id),
            *(sync.data_date.isoformat(), at.isoformat(" "), chunk),
        ],
    )
    bulk_rows.append(connection, "salesforce_rows", columns, told)
    record_failures(connection, sync, workbook.failures(chunk))
    set_chunk(connection, sync.sync_id, chunk=chunk, state=RECORDED, job_id=job_id)


def record_failures(
    connection: Connection, sync: Sync, failures: Iterable[Failure]
) -> None:
    """Append refused rows with their reasons."""
    at = now()
    columns = ["sync_id", "object", "key", "code", "message", "fields"]
    columns += ["attempt", "job_id", "payload_hash", "is_transient", "rejected_at"]
    columns += ["run_id"]
    rows = (
        [
            *(sync.sync_id, sync.object, item.key, item.code),
            item.message[:MESSAGE_LENGTH],
            *(item.fields, item.attempt, item.job_id, item.hash, item.is_transient),
            *(at, sync.run_id),
        ]
        for item in failures
    )
    bulk_rows.append(connection, "salesforce_rejects", columns, rows)


def record_sync(connection: Connection, sync: Sync, figures: dict[str, Any]) -> None:
    """Append the sync itself; `figures` are the other columns of its ledger."""
    row = {
        "sync_id": sync.sync_id,
        "object": sync.object,
        "data_date": sync.data_date,
        "run_id": sync.run_id,
        "finished_at": now(),
        **figures,
    }
    table = connection.table("ops", "salesforce_syncs")
    connection.insert(table, list(row), [list(row.values())])
