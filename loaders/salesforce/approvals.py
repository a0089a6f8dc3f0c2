"""Approvals of plans that the safety check stopped.

Only the plan that was reviewed may be sent: the same rows, for the same data date and
options. Its rows are recorded before the first one is sent. If that sync is killed or
fails, a later one may send what is left of the plan: the approved rows whose keys have
not been accepted since. For those, no new approval is needed.
"""

from loaders.errors import ConfigError
from loaders.ledger import now
from loaders.salesforce.context import SyncContext, SyncRequest
from loaders.salesforce.staging_db import PENDING, StagingDb
from loaders.warehouse import bulk_rows

SENDER = "-- loaders.salesforce.approvals"
JOIN_STATE = (
    "from local.approved as approved left join local.state as state"
    " on state.folded_key = rows.folded_key"
    " where approved.key = rows.key and approved.hash = rows.hash"
)


def check(
    staging_db: StagingDb, context: SyncContext, request: SyncRequest, *, plan_id: str
) -> bool:
    """Return whether the approval is new; `record` it before a row is sent.

    `plan_id` is the current plan. Raises `ConfigError` if neither it nor the rest of an
    earlier one was approved. Rows that a sync of the plan has sent again are left out.
    """
    approved_id = request.approved_plan_id
    if _load(staging_db, context, request, plan_id=approved_id):
        _skip_sent_again(staging_db)
        if _is_rest(staging_db):
            return False
    if approved_id == plan_id:
        return True
    current = f"is {plan_id}" if staging_db.count_pending() else "has nothing to send"
    raise ConfigError(
        f"Plan {approved_id} was approved, but the current plan of `{request.command}` "
        f"{current}. Nothing was sent. If plan {approved_id} belongs to a command with "
        "other options, such as --as-of or --full, repeat these. Otherwise review the "
        f"current plan with `{request.review_command}`."
    )


def are_pending_rows_approved(
    staging_db: StagingDb, context: SyncContext, request: SyncRequest
) -> bool:
    """Return whether all rows that would change a record belong to approved plans."""
    return bool(_load(staging_db, context, request)) and _is_rest(staging_db)


def record(
    staging_db: StagingDb, context: SyncContext, request: SyncRequest, *, plan_id: str
) -> None:
    """Record the pending rows as approved; call it before any of them is sent."""
    constants = {
        "object": context.scope.object,
        "salesforce_org_id": context.scope.salesforce_org_id,
        "plan_id": plan_id,
        "data_date": context.sync.data_date,
        "options": request.variant,
        "sync_id": context.sync.sync_id,
        "approved_at": now(),
        "run_id": context.sync.run_id,
    }
    rows = staging_db.count_pending()
    with staging_db.ledger_transaction(rows) as connection:
        staging_db.append(
            connection,
            connection.table("ops", "salesforce_approvals"),
            [*constants, "key", "payload_hash"],
            f"select {', '.join('?' for _ in constants)}, key, hash"
            f" from local.rows where {PENDING}",
            parameters=[str(value) for value in constants.values()],
            rows=rows,
        )


def _load(
    staging_db: StagingDb,
    context: SyncContext,
    request: SyncRequest,
    *,
    plan_id: str | None = None,
) -> int:
    """Stage the rows approved for the same data date and options; return their number.

    `plan_id` restricts them to one plan.
    """
    scope = context.scope
    parameters: list[object] = [scope.object, scope.salesforce_org_id]
    parameters += [context.sync.data_date, request.variant]
    condition = "object = ? and salesforce_org_id = ? and data_date = ? and options = ?"
    if plan_id:
        condition += " and plan_id = ?"
        parameters.append(plan_id)
    staging_db.execute("delete from local.approved")
    with bulk_rows.session() as connection, staging_db.attached_to(connection):
        staging_db.fill(
            connection,
            "approved",
            ("key", "hash", "approved_at"),
            f"select key, payload_hash, max(approved_at) from"
            f" {connection.table('ops', 'salesforce_approvals')} where {condition}"
            " group by 1, 2",
            parameters,
            convert=tuple,
        )
    return staging_db.query_int("select count(*) from local.approved")


def _is_rest(staging_db: StagingDb) -> bool:
    """Return whether every pending row that changes a record is approved and unsent."""
    return not staging_db.query_int(
        f"select count(*) from local.rows as rows where {PENDING}"
        f" and action != 'resend' and not exists (select 1 {JOIN_STATE}"
        " and coalesce(state.accepted_at < approved.approved_at, true))"
    )


def _skip_sent_again(staging_db: StagingDb) -> None:
    staging_db.execute(
        "update local.rows as rows set action = 'unchanged' where action = 'resend'"
        f" and exists (select 1 {JOIN_STATE} and state.hash = rows.hash"
        " and state.accepted_at > approved.approved_at)"
    )
