"""Open rejects: rows that were rejected and not accepted since.

They are read from the ledgers without a login. `sync.run` with `only_rejected` sends
them again. A reject is closed when Salesforce accepts its key, or when a sync withdraws
it because there is no longer anything to send for the key.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from loaders import warehouse
from loaders.salesforce.ledger import WITHDRAWN
from loaders.salesforce.staging_db import Failure, StagingDb


@dataclass(frozen=True)
class Reject:
    """The latest reject of a key; `attempt` is 0 if the row was never sent."""

    key: str
    code: str
    message: str
    fields: str
    attempt: int
    job_id: str
    is_transient: bool
    sync_id: str
    rejected_at: datetime


def open_rejects(object_name: str, *, limit: int = 1_000) -> list[Reject]:
    """Return the open rejects of an object, latest first."""
    with warehouse.session() as connection:
        rows = connection.fetch_all(
            f"""-- loaders.salesforce.rejects open {object_name}
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
) as accepted
    on latest.key = accepted.key
where
    recency = 1 and code != ?
    and (accepted_at is null or accepted_at < rejected_at)
order by rejected_at desc, latest.key
limit {int(limit)}""",
            [object_name, object_name, WITHDRAWN],
        )
    return [Reject(*row) for row in rows]


def withdrawn_rejects(staging_db: StagingDb) -> Iterator[Failure]:
    """Yield a withdrawal for each open reject whose key has nothing to send."""
    is_open = "rejected_at > accepted_at"
    for key, payload_hash, message in staging_db.database.execute(
        "select rows.key, rows.hash,"
        " 'The mart has the same values as Salesforce again.'"
        " from rows inner join state on state.folded_key = rows.folded_key"
        f" where rows.action = 'unchanged' and {is_open}"
        " union all select key, '', 'The key is no longer in the mart.' from state"
        f" where {is_open} and folded_key not in (select folded_key from rows)"
    ):
        yield Failure(key, payload_hash, WITHDRAWN, message, "", is_transient=True)
