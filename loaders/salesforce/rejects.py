"""Rejects that stand: rows refused and not accepted since, with the reason.

Read from the ledgers alone, without a login. `sync.run` with `only_refused` sends
them again; a rejected row leaves this list when Salesforce has accepted its key.
"""

from dataclasses import dataclass
from datetime import datetime

from loaders import warehouse


@dataclass(frozen=True)
class Reject:
    """The latest refusal of a key; attempt 0 means that it was never sent."""

    key: str
    code: str
    message: str
    fields: str
    attempt: int
    job_id: str
    is_transient: bool
    sync_id: str
    rejected_at: datetime


def standing(object_name: str, *, limit: int = 1_000) -> list[Reject]:
    """Return the rejects of an object that still stand, the latest first."""
    with warehouse.session() as connection:
        rows = connection.fetch_all(
            f"""-- loaders.salesforce.rejects standing {object_name}
select
    latest.key, code, message, fields, attempt, job_id, is_transient, sync_id,
    rejected_at
from (
    select *, row_number() over (
        partition by key order by rejected_at desc, attempt desc
    ) as recency
    from {connection.table("ops", "salesforce_rejects")}
    where object = ?
) as latest
left join (
    select key, max(accepted_at) as accepted_at
    from {connection.table("ops", "salesforce_rows")}
    where object = ?
    group by 1
) as sent
    on latest.key = sent.key
where recency = 1 and (accepted_at is null or accepted_at < rejected_at)
order by rejected_at desc, latest.key
limit {int(limit)}""",
            [object_name, object_name],
        )
    return [Reject(*row) for row in rows]
