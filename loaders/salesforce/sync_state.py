"""Read what Salesforce accepted and rejected in earlier syncs.

The state comes from `ops.salesforce_rows` and `ops.salesforce_rejects`, where the
latest row of a key is the valid one. Results are streamed, so that a million keys need
little memory. `mapping_version` begins with the Salesforce org's id, and every query
selects one Salesforce org.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from loaders.salesforce.ledger import INTERRUPTED, OUTCOME_UNKNOWN, WITHDRAWN
from loaders.warehouse import Connection


@dataclass(frozen=True)
class AcceptedState:
    """What Salesforce last accepted for a key."""

    key: str
    hash: str
    payload: str
    accepted_at: datetime


@dataclass(frozen=True)
class RejectedState:
    """The latest reject of a key.

    `rejected_at` is None if the reject was withdrawn. `outcome_unknown_at` is the
    latest time at which the outcome was unknown; a withdrawal does not change it.
    """

    key: str
    hash: str
    is_transient: bool
    rejected_at: datetime | None
    outcome_unknown_at: datetime | None


def read_accepted(
    connection: Connection, object_name: str, *, salesforce_org_id: str
) -> Iterator[AcceptedState]:
    """Yield what this Salesforce org last accepted for each key, in bounded memory."""
    table = connection.table("ops", "salesforce_rows")
    # A window function would keep every payload in memory; this join does not.
    query = f"""-- loaders.salesforce.sync_state accepted {object_name}
select
    accepted.key, accepted.payload_hash, accepted.payload, accepted.accepted_at
from {table} as accepted
inner join (
    select key, max(accepted_at) as accepted_at
    from {table}
    where object = ? and mapping_version like ?
    group by 1
) as latest
    on accepted.key = latest.key
    and accepted.accepted_at = latest.accepted_at
where accepted.object = ? and accepted.mapping_version like ?"""
    object_and_org = [object_name, f"{salesforce_org_id}/%"]
    yield from _stream_accepted(connection, query, [*object_and_org, *object_and_org])


def read_accepted_as_of(
    connection: Connection, object_name: str, *, salesforce_org_id: str, day: date
) -> Iterator[AcceptedState]:
    """Yield, for each key, the values accepted for a data date or the last one before.

    If there are several rows for one data date, the last accepted one is used.
    """
    query = f"""-- loaders.salesforce.sync_state accepted as of {object_name}
select key, payload_hash, payload, accepted_at
from (
    select *, row_number() over (
        partition by key order by data_date desc, accepted_at desc
    ) as recency
    from {connection.table("ops", "salesforce_rows")}
    where object = ? and mapping_version like ? and data_date <= ?
) as accepted
where recency = 1"""
    yield from _stream_accepted(
        connection, query, [object_name, f"{salesforce_org_id}/%", day]
    )


def _stream_accepted(
    connection: Connection, query: str, parameters: list[object]
) -> Iterator[AcceptedState]:
    for batch in connection.stream(query, parameters):
        for key, payload_hash, payload, accepted_at in batch:
            yield AcceptedState(key, payload_hash, json_text(payload), accepted_at)


def read_rejected(connection: Connection, object_name: str) -> Iterator[RejectedState]:
    """Yield the keys with an open reject or an outcome that was once unknown."""
    table = connection.table("ops", "salesforce_rejects")
    query = f"""-- loaders.salesforce.sync_state rejected {object_name}
select key, payload_hash, is_transient, open_rejected_at, outcome_unknown_at
from (
    select
        *,
        case when code != ? then rejected_at end as open_rejected_at,
        max(case when code = ? then rejected_at end) over (
            partition by key
        ) as outcome_unknown_at,
        row_number() over (
            partition by key order by rejected_at desc, attempt desc
        ) as recency
    from {table}
    where object = ?
) as rejects
where recency = 1 and coalesce(open_rejected_at, outcome_unknown_at) is not null"""
    parameters = [WITHDRAWN, OUTCOME_UNKNOWN, object_name]
    for batch in connection.stream(query, parameters):
        for row in batch:
            yield RejectedState(*row)


def has_completed_sync(
    connection: Connection, object_name: str, *, salesforce_org_id: str
) -> bool:
    """Return whether a sync to this Salesforce org completed, even with rejects."""
    row = connection.fetch_one(
        "-- loaders.salesforce.sync_state has completed sync\n"
        f"select count(*) from {connection.table('ops', 'salesforce_syncs')} "
        "where object = ? and status != ? and sync_id in (select sync_id "
        f"from {connection.table('ops', 'salesforce_rows')} "
        "where mapping_version like ?)",
        [object_name, INTERRUPTED, f"{salesforce_org_id}/%"],
    )
    return bool(row and row[0])


def newest_data_date(
    connection: Connection, object_name: str, *, salesforce_org_id: str
) -> date | None:
    """Return the latest data date for which this org accepted rows."""
    row = connection.fetch_one(
        "-- loaders.salesforce.sync_state newest data date\n"
        f"select max(data_date) from {connection.table('ops', 'salesforce_rows')} "
        "where object = ? and mapping_version like ?",
        [object_name, f"{salesforce_org_id}/%"],
    )
    return row[0] if row else None


def json_text(value: object) -> str:
    """Return a JSON column's value as text; some drivers encode it a second time."""
    text = str(value)
    return str(json.loads(text)) if text.startswith('"') else text
