"""Read the Salesforce ledgers: open chunks, open rejects, the history of a key.

They are read without a login. A reject is open until Salesforce accepts its key, or
until a sync withdraws it because there is no longer anything to send for the key.
"""

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from loaders import warehouse
from loaders.warehouse import Connection

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


def open_chunks(connection: Connection, object_name: str) -> list[Chunk]:
    """Return every chunk that is not closed yet, oldest first."""
    rows = connection.fetch_all(
        "-- loaders.ledger.salesforce open chunks\n"
        'select sync_id, chunk, chunk_fingerprint, "rows", job_id, state, created_at '
        f"from {connection.table('ops', 'salesforce_jobs')} "
        "where object = ? and state not in (?, ?) order by created_at, chunk",
        [object_name, *CLOSED_STATES],
    )
    return [Chunk(*row) for row in rows]


def unfinished_sync_ids(connection: Connection, object_name: str) -> list[str]:
    """Return the ids of syncs that have chunks but no row in `salesforce_syncs`."""
    rows = connection.fetch_all(
        "-- loaders.ledger.salesforce unfinished syncs\n"
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
        "-- loaders.ledger.salesforce sent\n"
        f'select coalesce(sum("rows"), 0), min(created_at) from {jobs} '
        "where sync_id = ? and state = ?",
        [sync_id, RECORDED],
    )[0]
    accepted, data_date = connection.fetch_all(
        "-- loaders.ledger.salesforce accepted rows\n"
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
        "-- loaders.ledger.salesforce recorded jobs\n"
        f"select job_id from {connection.table('ops', 'salesforce_jobs')} "
        "where object = ?",
        [object_name],
    )
    return {job_id for (job_id,) in rows if job_id}


@dataclass(frozen=True)
class Reject:
    """The latest reject of a key; `attempt` is 0 if the row was never sent.

    `first_rejected_at` is when the key was first rejected for the same cause.
    """

    key: str
    code: str
    message: str
    fields: str
    attempt: int
    job_id: str
    is_transient: bool
    sync_id: str
    rejected_at: datetime
    first_rejected_at: datetime


def open_rejects(object_name: str, *, limit: int = 1_000) -> list[Reject]:
    """Return the open rejects of an object, latest first."""
    with warehouse.session() as connection:
        warehouse.add_columns(connection, "salesforce_rejects")
        rows = connection.fetch_all(
            f"""-- loaders.ledger.salesforce open rejects {object_name}
select
    key, code, message, fields, attempt, job_id, is_transient, sync_id, rejected_at,
    first_rejected_at
from ({_open_rejects(connection)}) as rejects
where object = ?
order by rejected_at desc, key
limit {int(limit)}""",
            [WITHDRAWN, object_name],
        )
    return [Reject(*row) for row in rows]


def count_open_rejects(connection: Connection) -> list[tuple[str, str, int, datetime]]:
    """Return (object, code, number of keys, when the first was rejected)."""
    warehouse.add_columns(connection, "salesforce_rejects")
    return connection.fetch_all(
        f"""-- loaders.ledger.salesforce count open rejects
select object, code, count(*), min(first_rejected_at)
from ({_open_rejects(connection)}) as rejects
group by 1, 2
order by 1, 3 desc, 2""",
        [WITHDRAWN],
    )


def _open_rejects(connection: Connection) -> str:
    """Return a query for the latest reject of each key that was not accepted since."""
    return f"""select *
from (
    select
        rejects.*,
        row_number() over (
            partition by rejects.object, rejects.key
            order by rejected_at desc, attempt desc
        ) as recency,
        min(rejected_at) over (
            partition by
                rejects.object, rejects.key, code, coalesce(cause_hash, sync_id)
        ) as first_rejected_at
    from {connection.table("ops", "salesforce_rejects")} as rejects
    left join (
        select object, key, max(accepted_at) as accepted_at
        from {connection.table("ops", "salesforce_rows")}
        group by 1, 2
    ) as accepted
        on rejects.object = accepted.object and rejects.key = accepted.key
    where accepted_at is null or accepted_at < rejected_at
) as latest
where recency = 1 and code != ?"""


def latest_rejects(
    connection: Connection, object_name: str, *, salesforce_org_id: str
) -> list[tuple[Any, ...]]:
    """Return the latest reject of each key, if it is permanent and not withdrawn.

    Each has (key, payload hash, code, fields, message, hash of the cause, time).
    """
    return connection.fetch_all(
        f"""-- loaders.ledger.salesforce latest rejects
select key, payload_hash, code, fields, message, cause_hash, rejected_at
from (
    select
        *,
        row_number() over (
            partition by key order by rejected_at desc, attempt desc
        ) as recency
    from {connection.table("ops", "salesforce_rejects")}
    where object = ? and coalesce(salesforce_org_id, ?) = ?
) as rejects
where recency = 1 and cause_hash != ''""",
        [object_name, salesforce_org_id, salesforce_org_id],
    )


def reported_causes(
    connection: Connection, object_name: str, *, salesforce_org_id: str, before: date
) -> list[tuple[str, str, datetime]]:
    """Return (key, hash of the cause, time) of the permanent rejects reported last.

    Only syncs of data dates before `before` count that ended, and of these, for each
    key, the last one that rejected it. A key whose reject was withdrawn has none.
    """
    return connection.fetch_all(
        f"""-- loaders.ledger.salesforce reported causes
select key, cause_hash, rejected_at
from (
    select
        key,
        cause_hash,
        rejected_at,
        max(rejected_at) over (partition by key) as latest_at,
        max(rejected_at) over (partition by key, sync_id) as latest_of_sync_at
    from {connection.table("ops", "salesforce_rejects")}
    where
        object = ? and salesforce_org_id = ?
        and (
            code = ?
            or sync_id in (
                select sync_id
                from {connection.table("ops", "salesforce_syncs")}
                where object = ? and data_date < ? and status != ?
            )
        )
) as reported
where latest_of_sync_at = latest_at and cause_hash != ''""",
        [object_name, salesforce_org_id, WITHDRAWN, object_name, before, INTERRUPTED],
    )


@dataclass(frozen=True)
class Event:
    """One result for one key.

    `code` is `accepted` or the code of the rejection. `fields` has the fields changed
    since the previous acceptance in the same Salesforce org, as (old, new) text.
    """

    at: datetime
    sync_id: str
    salesforce_org_id: str
    data_date: date | None
    code: str
    message: str = ""
    salesforce_id: str = ""
    fields: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)


def read_history(object_name: str, key: str) -> list[Event]:
    """Return every result for a key, oldest first; empty if it was never sent."""
    with warehouse.session() as connection:
        accepted = connection.fetch_all(
            "-- loaders.ledger.salesforce accepted\n"
            "select accepted_at, sync_id, mapping_version, data_date, salesforce_id, "
            f"payload from {connection.table('ops', 'salesforce_rows')} "
            "where object = ? and key = ? order by accepted_at",
            [object_name, key],
        )
        rejected = connection.fetch_all(
            "-- loaders.ledger.salesforce rejected\n"
            "select rejected_at, sync_id, code, message "
            f"from {connection.table('ops', 'salesforce_rejects')} "
            "where object = ? and key = ? order by rejected_at, attempt",
            [object_name, key],
        )
    events = [
        Event(at, sync_id, "", None, code, message)
        for at, sync_id, code, message in rejected
    ]
    values_by_org: dict[str, dict[str, str | None]] = {}
    for at, sync_id, version, data_date, salesforce_id, payload in accepted:
        salesforce_org_id = version.partition("/")[0]
        values = json.loads(json_text(payload))
        old = values_by_org.get(salesforce_org_id, {})
        changed = {
            name: (old.get(name), text)
            for name, text in values.items()
            if old.get(name) != text
        }
        values_by_org[salesforce_org_id] = {**old, **values}
        events.append(
            Event(
                at,
                sync_id,
                salesforce_org_id,
                data_date,
                "accepted",
                salesforce_id=salesforce_id,
                fields=changed,
            )
        )
    return sorted(events, key=lambda event: event.at)


def json_text(value: object) -> str:
    """Return a JSON column's value as text; some drivers encode it a second time."""
    text = str(value)
    return str(json.loads(text)) if text.startswith('"') else text
