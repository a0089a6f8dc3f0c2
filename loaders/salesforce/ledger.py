"""The Salesforce ledgers: the `salesforce_*` tables of schema `ops`.

`salesforce_rows` and `salesforce_rejects` are append-only logs. `salesforce_state` has
one row per key with what was last accepted; it changes in the transaction that appends
to the log and closes the chunk, so that the three agree at any time. `salesforce_jobs`
has a row for every chunk before it is sent, so that the next sync can finish an
interrupted one. `mapping_version` is the Salesforce org's id, a slash and the version
of the mapping, because each org has its own state.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from loaders.ledger import now
from loaders.ledger.salesforce import RECORDED, Chunk
from loaders.salesforce.staging_db import StagingDb
from loaders.warehouse import Connection, literal

SENDER = "-- loaders.salesforce.ledger"
MAX_MESSAGE_LENGTH = 4_000


@dataclass(frozen=True)
class Scope:
    """What the state of a sync belongs to: an object of a Salesforce org."""

    object: str
    salesforce_org_id: str
    is_key_case_sensitive: bool = False

    def fold(self, text: str) -> str:
        """Return the SQL of a key as Salesforce compares it."""
        return text if self.is_key_case_sensitive else f"lower({text})"


@dataclass(frozen=True)
class Sync:
    """The identity of one sync, which is part of each of its ledger rows.

    `fields_version` is a hash of what the mapped fields in Salesforce hold.
    """

    sync_id: str
    object: str
    data_date: date
    mapping_version: str
    run_id: str
    fields_version: str = ""

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
        data_date = date.fromisoformat(values["data_date"])
        return cls(**{**values, "data_date": data_date})  # type: ignore[arg-type] # checked by as_dict


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


def update_chunks(
    connection: Connection,
    sync_id: str,
    chunks: Sequence[int],
    *,
    state: str,
    job_id: str = "",
) -> None:
    """Record the job and the state of chunks."""
    if not chunks:
        return
    numbers = ", ".join(str(int(chunk)) for chunk in chunks)
    connection.execute(
        f"{SENDER} chunks {state}\n"
        f"update {connection.table('ops', 'salesforce_jobs')} "
        "set job_id = ?, state = ?, updated_at = ? "
        f"where sync_id = ? and chunk in ({numbers})",
        [job_id, state, now(), sync_id],
    )


def record_chunks(
    connection: Connection,
    sync: Sync,
    staging_db: StagingDb,
    chunks: Sequence[int],
    *,
    scope: Scope,
    job_id: str = "",
) -> None:
    """Append the accepted and rejected rows of chunks, and close the chunks.

    Call it in a `StagingDb.ledger_transaction`. Only accepted rows change the state of
    their keys.
    """
    if not chunks:
        return
    numbers = ", ".join(str(int(chunk)) for chunk in chunks)
    accepted = f"from local.rows where chunk in ({numbers}) and outcome = 'accepted'"
    count = staging_db.query_int(f"select count(*) {accepted}")
    accepted_at = now()
    constants: dict[str, object] = {"object": sync.object, "sync_id": sync.sync_id}
    constants |= {"data_date": sync.data_date, "accepted_at": accepted_at}
    if count:
        columns = {"key": "key", "payload_hash": "hash", "payload": "payload"}
        columns["salesforce_id"] = "salesforce_id"
        _append(
            connection,
            staging_db,
            "salesforce_rows",
            {**constants, "mapping_version": sync.mapping_version},
            columns,
            source=accepted,
            rows=count,
        )
        _delete_state(connection, sync, scope, accepted_at)
        del columns["payload"]
        _append(
            connection,
            staging_db,
            "salesforce_state",
            {**constants, "salesforce_org_id": sync.salesforce_org_id},
            {**columns, "source_hash": "source_hash"},
            source=accepted,
            rows=count,
        )
    record_rejects(connection, sync, staging_db, f"chunk in ({numbers})")
    update_chunks(connection, sync.sync_id, chunks, state=RECORDED, job_id=job_id)


def _delete_state(
    connection: Connection, sync: Sync, scope: Scope, accepted_at: datetime
) -> None:
    """Delete the state of the keys that were just appended to the log."""
    connection.execute(
        f"{SENDER} replace state\n"
        f"delete from {connection.table('ops', 'salesforce_state')} "
        f"where object = ? and salesforce_org_id = ? and {scope.fold('key')} in "
        f"(select {scope.fold('key')} "
        f"from {connection.table('ops', 'salesforce_rows')} "
        "where sync_id = ? and accepted_at = ?)",
        [scope.object, scope.salesforce_org_id, sync.sync_id, accepted_at],
    )


def record_rejects(
    connection: Connection, sync: Sync, staging_db: StagingDb, condition: str
) -> None:
    """Append the failures of the staging database that fulfil a condition."""
    count = staging_db.query_int(
        f"select count(*) from local.failures where {condition}"
    )
    if not count:
        return
    names = ("key", "code", "fields", "attempt", "job_id", "is_transient")
    columns = {name: name for name in names}
    columns |= {"message": f"left(message, {MAX_MESSAGE_LENGTH})"}
    columns |= {"payload_hash": "hash", "cause_hash": cause_hash(sync)}
    constants = {
        "sync_id": sync.sync_id,
        "object": sync.object,
        "salesforce_org_id": sync.salesforce_org_id,
        "rejected_at": now(),
        "run_id": sync.run_id,
    }
    _append(
        connection,
        staging_db,
        "salesforce_rejects",
        constants,
        columns,
        source=f"from local.failures where {condition}",
        rows=count,
    )


def cause_hash(sync: Sync, cause: str = "cause") -> str:
    """Return the SQL of a failure's cause with mapping and fields; '' without one."""
    version = literal(f"{sync.mapping_version}/{sync.fields_version}\n")
    hashed = f"sha256({version} || {cause})"
    return f"case when coalesce({cause}, '') = '' then '' else {hashed} end"


def _append(
    connection: Connection,
    staging_db: StagingDb,
    name: str,
    constants: dict[str, object],
    columns: dict[str, str],
    *,
    source: str,
    rows: int,
) -> None:
    """Append rows to a ledger; `columns` has the SQL of each column over `source`."""
    values = ", ".join(["?" for _ in constants] + list(columns.values()))
    staging_db.append(
        connection,
        connection.table("ops", name),
        [*constants, *columns],
        f"select {values} {source}",
        parameters=[str(value) for value in constants.values()],
        rows=rows,
    )


def refresh_source_hashes(
    connection: Connection, staging_db: StagingDb, scope: Scope
) -> None:
    """Store the hashes of rows whose values differ, but not as they are rendered.

    Without it, every later sync would render these rows again.
    """
    unchanged = "from local.rows where action = 'unchanged' and source_hash != ''"
    count = staging_db.query_int(f"select count(*) {unchanged}")
    if not count:
        return
    state = connection.table("ops", "salesforce_state")
    connection.execute(
        f"{SENDER} create refresh\ncreate temp table salesforce_refresh as "
        f"select key, source_hash from {state} where false"
    )
    staging_db.append(
        connection,
        "salesforce_refresh",
        ("key", "source_hash"),
        f"select key, source_hash {unchanged}",
        rows=count,
    )
    connection.execute(
        f"{SENDER} refresh source hashes\n"
        f"update {state} set source_hash = refresh.source_hash "
        "from salesforce_refresh as refresh "
        "where object = ? and salesforce_org_id = ? "
        "and salesforce_state.key = refresh.key",
        [scope.object, scope.salesforce_org_id],
    )
    connection.execute(f"{SENDER} drop refresh\ndrop table salesforce_refresh")


def expire_history(
    connection: Connection, sync: Sync, scope: Scope, *, days: int
) -> None:
    """Delete accepted values older than some days, except the latest of each key."""
    log = connection.table("ops", "salesforce_rows")
    before = now() - timedelta(days=days)
    of_org = [scope.object, f"{sync.salesforce_org_id}/%", before]
    condition = "object = ? and mapping_version like ? and accepted_at < ?"
    ((old,),) = connection.fetch_all(
        f"{SENDER} count old rows\nselect count(*) from {log} where {condition}", of_org
    )
    if old:
        connection.execute(
            f"{SENDER} expire history\ndelete from {log} where {condition} and "
            "(key, accepted_at) not in (select key, max(accepted_at) "
            f"from {log} where {condition} group by 1)",
            [*of_org, *of_org],
        )


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
