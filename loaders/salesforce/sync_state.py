"""What was accepted and refused before, as a sync, a rollback or a person asks it.

Read from `ops.salesforce_rows` and `ops.salesforce_rejects`; of the rows of a key the
latest counts. Streams, so that a million keys need little memory. What another org
accepted is never mixed in: `mapping_version` begins with the org's id.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from loaders.salesforce.ledger import INTERRUPTED, OUTCOME_UNKNOWN, WITHDRAWN
from loaders.warehouse import Connection


@dataclass(frozen=True)
class Accepted:
    """What Salesforce last accepted for a key."""

    key: str
    hash: str
    payload: str
    accepted_at: datetime


@dataclass(frozen=True)
class Refused:
    """The latest refusal of a key, and when last nobody knew what it holds.

    A withdrawn refusal has no time any more; that nobody knew stays true.
    """

    key: str
    hash: str
    is_transient: bool
    refused_at: datetime | None
    unsure_at: datetime | None


def accepted(
    connection: Connection, object_name: str, *, org_id: str
) -> Iterator[Accepted]:
    """Yield what each key last had accepted in this org, in bounded memory."""
    table = connection.table("ops", "salesforce_rows")
    # A join instead of a window, which would keep every payload in memory.
    query = f"""-- loaders.salesforce.sync_state accepted {object_name}
select sent.key, sent.payload_hash, sent.payload, sent.accepted_at
from {table} as sent
inner join (
    select key, max(accepted_at) as accepted_at
    from {table}
    where object = ? and mapping_version like ?
    group by 1
) as latest
    on sent.key = latest.key
    and sent.accepted_at = latest.accepted_at
where sent.object = ? and sent.mapping_version like ?"""
    mine = [object_name, f"{org_id}/%"]
    yield from _accepted(connection, query, [*mine, *mine])


def accepted_on(
    connection: Connection, object_name: str, *, org_id: str, day: date
) -> Iterator[Accepted]:
    """Yield what each key had on a data date: its row of that date or the last before.

    Of rows of one date, the one accepted last counts.
    """
    query = f"""-- loaders.salesforce.sync_state accepted on {object_name}
select key, payload_hash, payload, accepted_at
from (
    select *, row_number() over (
        partition by key order by data_date desc, accepted_at desc
    ) as recency
    from {connection.table("ops", "salesforce_rows")}
    where object = ? and mapping_version like ? and data_date <= ?
) as sent
where recency = 1"""
    yield from _accepted(connection, query, [object_name, f"{org_id}/%", day])


def _accepted(
    connection: Connection, query: str, parameters: list[object]
) -> Iterator[Accepted]:
    for batch in connection.stream(query, parameters):
        for key, payload_hash, payload, accepted_at in batch:
            yield Accepted(key, payload_hash, json_text(payload), accepted_at)


def refused(connection: Connection, object_name: str) -> Iterator[Refused]:
    """Yield the keys whose refusal stands, or of which once nobody knew."""
    table = connection.table("ops", "salesforce_rejects")
    query = f"""-- loaders.salesforce.sync_state refused {object_name}
select key, payload_hash, is_transient, refused_at, unsure_at
from (
    select
        *,
        case when code != ? then rejected_at end as refused_at,
        max(case when code = ? then rejected_at end) over (
            partition by key
        ) as unsure_at,
        row_number() over (
            partition by key order by rejected_at desc, attempt desc
        ) as recency
    from {table}
    where object = ?
) as rejects
where recency = 1 and coalesce(refused_at, unsure_at) is not null"""
    parameters = [WITHDRAWN, OUTCOME_UNKNOWN, object_name]
    for batch in connection.stream(query, parameters):
        for row in batch:
            yield Refused(*row)


def has_finished(connection: Connection, object_name: str, *, org_id: str) -> bool:
    """Say whether any sync to this org came to its end, whatever was rejected."""
    row = connection.fetch_one(
        "-- loaders.salesforce.sync_state has finished\n"
        f"select count(*) from {connection.table('ops', 'salesforce_syncs')} "
        "where object = ? and status != ? and sync_id in (select sync_id "
        f"from {connection.table('ops', 'salesforce_rows')} "
        "where mapping_version like ?)",
        [object_name, INTERRUPTED, f"{org_id}/%"],
    )
    return bool(row and row[0])


def newest_date(
    connection: Connection, object_name: str, *, org_id: str
) -> date | None:
    """Return the greatest data date of which this org accepted rows."""
    row = connection.fetch_one(
        "-- loaders.salesforce.sync_state newest date\n"
        f"select max(data_date) from {connection.table('ops', 'salesforce_rows')} "
        "where object = ? and mapping_version like ?",
        [object_name, f"{org_id}/%"],
    )
    return row[0] if row else None


def json_text(value: object) -> str:
    """Return a JSON column's value as text; some drivers quote it once more."""
    text = str(value)
    return json.loads(text) if text.startswith('"') else text
