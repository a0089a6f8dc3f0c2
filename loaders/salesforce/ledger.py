"""The Salesforce ledgers: the `salesforce_*` tables of schema `ops`.

`salesforce_rows` and `salesforce_rejects` are append-only; the latest row of a key is
the valid one. `salesforce_jobs` has a row for every chunk before it is sent, so that
the next sync can finish an interrupted one. `mapping_version` is the Salesforce org's
id, a slash and the version of the mapping, because each org has its own state.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from loaders.salesforce.staging_db import Failure, StagingDb
from loaders.warehouse import Connection, bulk_rows

# States of a chunk; a chunk with a bulk job has the job's state until it is closed.
PLANNED = "Planned"  # its bulk job is about to be created
SENDING = "Sending"  # its rows are sent as a collection
RECORDED = "Recorded"
ABANDONED = "Abandoned"  # none of its rows was processed
CLOSED_STATES = (RECORDED, ABANDONED)

# Codes of rejects that do not come from Salesforce.
OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"  # the row may or may not have been accepted
WITHDRAWN = "WITHDRAWN"  # the earlier reject is obsolete: there is nothing to send

SUCCESS = "success"
INTERRUPTED = "interrupted"
MAX_MESSAGE_LENGTH = 4_000


@dataclass(frozen=True)
class Sync:
    """The identity of one sync, which is part of each of its ledger rows."""

    sync_id: str
    object: str
    data_date: date
    mapping_version: str
    run_id: str

    @property
    def salesforce_org_id(self) -> str:
        """The id of the Salesforce org that the sync writes to."""
        return self.mapping_version.partition("/")[0]

    def as_dict(self) -> dict[str, str]:
        """Return the identity as a dictionary that can be stored as JSON."""
        return {**asdict(self), "data_date": self.data_date.isoformat()}

    @classmethod
    def from_dict(cls, values: dict[str, str]) -> "Sync":
        """Return the sync that `as_dict` turned into `values`."""
        return cls(
            sync_id=values["sync_id"],
            object=values["object"],
            data_date=date.fromisoformat(values["data_date"]),
            mapping_version=values["mapping_version"],
            run_id=values["run_id"],
        )


@dataclass(frozen=True)
class Chunk:
    """One chunk of rows: its number, content hash, row count, job id and state."""

    sync_id: str
    chunk: int
    fingerprint: str
    rows: int
    job_id: str
    state: str
    created_at: datetime


def now() -> datetime:
    """Return the current time as the ledgers store it: UTC without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def open_chunks(connection: Connection, object_name: str) -> list[Chunk]:
    """Return every chunk that is not closed yet, oldest first."""
    rows = connection.fetch_all(
        "-- loaders.salesforce.ledger open chunks\n"
        'select sync_id, chunk, chunk_fingerprint, "rows", job_id, state, created_at '
        f"from {connection.table('ops', 'salesforce_jobs')} "
        "where object = ? and state not in (?, ?) order by created_at, chunk",
        [object_name, *CLOSED_STATES],
    )
    return [Chunk(*row) for row in rows]


def unfinished_sync_ids(connection: Connection, object_name: str) -> list[str]:
    """Return the ids of syncs that have chunks but no row in `salesforce_syncs`."""
    rows = connection.fetch_all(
        "-- loaders.salesforce.ledger unfinished syncs\n"
        f"select distinct sync_id from {connection.table('ops', 'salesforce_jobs')} "
        "where object = ? and sync_id not in "
        f"(select sync_id from {connection.table('ops', 'salesforce_syncs')})",
        [object_name],
    )
    return sorted(sync_id for (sync_id,) in rows)


def count_sync_rows(connection: Connection, sync_id: str) -> dict[str, object]:
    """Return a sync's columns of `salesforce_syncs`, computed from other ledgers."""
    jobs = connection.table("ops", "salesforce_jobs")
    sent, started_at = connection.fetch_all(
        "-- loaders.salesforce.ledger sent\n"
        f'select coalesce(sum("rows"), 0), min(created_at) from {jobs} '
        "where sync_id = ? and state = ?",
        [sync_id, RECORDED],
    )[0]
    accepted, data_date = connection.fetch_all(
        "-- loaders.salesforce.ledger accepted rows\n"
        "select count(*), max(data_date) "
        f"from {connection.table('ops', 'salesforce_rows')} where sync_id = ?",
        [sync_id],
    )[0]
    counts: dict[str, object] = {"sent": sent, "accepted": accepted}
    counts |= {"rejected": int(sent) - int(accepted), "started_at": started_at}
    return counts | ({"data_date": data_date} if data_date else {})


def recorded_job_ids(connection: Connection, object_name: str) -> set[str]:
    """Return the ids of all jobs of an object that the ledger contains."""
    rows = connection.fetch_all(
        "-- loaders.salesforce.ledger recorded jobs\n"
        f"select job_id from {connection.table('ops', 'salesforce_jobs')} "
        "where object = ?",
        [object_name],
    )
    return {job_id for (job_id,) in rows if job_id}


def add_chunks(connection: Connection, sync: Sync, chunks: Iterable[Chunk]) -> None:
    """Record chunks that are about to be sent."""
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


def update_chunk(
    connection: Connection, sync_id: str, *, chunk: int, state: str, job_id: str
) -> None:
    """Record a chunk's job and state."""
    connection.execute(
        f"-- loaders.salesforce.ledger chunk {state}\n"
        f"update {connection.table('ops', 'salesforce_jobs')} "
        "set job_id = ?, state = ?, updated_at = ? where sync_id = ? and chunk = ?",
        [job_id, state, now(), sync_id, chunk],
    )


def record_chunk(
    connection: Connection,
    sync: Sync,
    *,
    staging_db: StagingDb,
    chunk: int,
    job_id: str,
) -> None:
    """Append the accepted and rejected rows of a chunk and close it.

    Call it in a transaction. Only accepted rows change the state of their keys.
    """
    accepted_at = now()
    columns = ["object", "key", "payload_hash", "payload", "mapping_version"]
    columns += ["salesforce_id", "sync_id", "data_date", "accepted_at"]
    accepted = staging_db.database.execute(
        "select ?, key, hash, payload, ?, salesforce_id, ?, ?, ? from rows"
        " where chunk = ? and outcome = 'accepted' order by folded_key",
        [
            *(sync.object, sync.mapping_version, sync.sync_id),
            *(sync.data_date.isoformat(), accepted_at.isoformat(" "), chunk),
        ],
    )
    bulk_rows.append(connection, "salesforce_rows", columns, accepted)
    record_rejects(connection, sync, staging_db.failures(chunk))
    update_chunk(connection, sync.sync_id, chunk=chunk, state=RECORDED, job_id=job_id)


def record_rejects(
    connection: Connection, sync: Sync, failures: Iterable[Failure]
) -> None:
    """Append rejected rows with their reasons."""
    rejected_at = now()
    columns = ["sync_id", "object", "key", "code", "message", "fields"]
    columns += ["attempt", "job_id", "payload_hash", "is_transient", "rejected_at"]
    columns += ["run_id"]
    rows = (
        [
            *(sync.sync_id, sync.object, item.key, item.code),
            item.message[:MAX_MESSAGE_LENGTH],
            *(item.fields, item.attempt, item.job_id, item.hash, item.is_transient),
            *(rejected_at, sync.run_id),
        ]
        for item in failures
    )
    bulk_rows.append(connection, "salesforce_rejects", columns, rows)


def record_sync(connection: Connection, sync: Sync, columns: dict[str, Any]) -> None:
    """Append a sync's row; `columns` has the columns that `sync` does not have."""
    row = {
        "sync_id": sync.sync_id,
        "object": sync.object,
        "data_date": sync.data_date,
        "run_id": sync.run_id,
        "finished_at": now(),
        **columns,
    }
    table = connection.table("ops", "salesforce_syncs")
    connection.insert(table, list(row), [list(row.values())])
