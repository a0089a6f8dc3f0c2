"""Rejects that stand: rows refused and not accepted since, with the reason.

Read from the ledgers alone, without a login. `sync.run` with `only_refused` sends
them again; a rejected row leaves this list when Salesforce has accepted its key, or
when a sync finds nothing to send of it and withdraws it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from loaders import warehouse
from loaders.salesforce.ledger import WITHDRAWN
from loaders.salesforce.staging_db import Failure, Workbook


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
where
    recency = 1 and code != ?
    and (accepted_at is null or accepted_at < rejected_at)
order by rejected_at desc, latest.key
limit {int(limit)}""",
            [object_name, object_name, WITHDRAWN],
        )
    return [Reject(*row) for row in rows]


def withdrawn(workbook: Workbook) -> Iterator[Failure]:
    """Yield, of the standing rejects, those that nothing is to be sent of any more."""
    stands = "refused_at > accepted_at"
    for key, text_hash, message in workbook.database.execute(
        "select rows.key, rows.hash, 'the mart is back at what Salesforce holds'"
        " from rows inner join state on state.folded = rows.folded"
        f" where rows.verdict = 'unchanged' and {stands}"
        " union all select key, '', 'the org has left the mart' from state"
        f" where {stands} and folded not in (select folded from rows)"
    ):
        yield Failure(key, text_hash, WITHDRAWN, message, "", is_transient=True)
