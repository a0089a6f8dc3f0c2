"""What `nightshift salesforce` prints about a plan, a dry run and a sync."""

from collections.abc import Sequence

from loaders.ledger.drift import Drift, check_command, repair_command
from loaders.salesforce.context import SyncRequest
from loaders.salesforce.plan import DRY_RUN, SUPERSEDED, Change, Plan, SyncResult
from reports.console import console, printable, styled

MAX_SHOWN_FIELDS = 6
MAX_SHOWN_DRIFT = 5
NOT_SENT = ("unchanged", "rejected", "held", "skipped", "unmatched", "gone")


def print_plan(request: SyncRequest, plan: Plan, *, limit: int) -> None:
    """Print what a sync would send and the command that sends it, and any drift.

    `limit` is the number of records shown.
    """
    counts = ", ".join(f"{count:,} {name}" for name, count in plan.actions.items())
    if not counts:
        counts = "no values" if request.as_of else "the mart is empty"
    console.print(f"{_values_of(request)}: {counts}.")
    _print_next_step(request, plan.plan_id, plan.changes, plan)
    if plan.drift:
        console.print(plan.drift.message or "No record was changed by somebody else.")
        _print_drift(request, plan.drift, limit=limit)


def print_result(request: SyncRequest, result: SyncResult) -> None:
    """Print the counts of a sync or a dry run, and what to know about it."""
    if result.status == DRY_RUN:
        _print_dry_run(request, result)
        return
    console.print(
        f"{result.status}: {result.sent:,} sent, {result.accepted:,} accepted "
        f"({result.created:,} created), {result.unchanged:,} unchanged, "
        f"{result.rejected:,} rejected{_unmatched(request, result)}."
    )
    if result.status == SUPERSEDED:
        console.print("Salesforce has values of a later data date.")
    elif request.approved_plan_id and not result.sent:
        console.print(f"Plan {request.approved_plan_id} was sent before.")
    _print_codes(result.codes)
    if result.drift and (message := result.drift.message or result.drift.error):
        console.print(styled("Drift:", "yellow"), message)
        _print_drift(request, result.drift, limit=MAX_SHOWN_DRIFT)


def _print_drift(request: SyncRequest, drift: Drift, *, limit: int) -> None:
    name = request.mapping.object
    for record in drift.records[:limit]:
        author = f" by user {record.modified_by}" if record.modified_by else ""
        at = f" at {record.modified_at}" if record.modified_at else ""
        fields = f": {record.fields}" if record.fields else ""
        console.print(printable(f"  {record.key} {record.kind}{author}{at}{fields}"))
    if drift.count > limit:
        console.print(f"  See all of them: {check_command(name)}")
    if drift.count:
        console.print(f"Send these alone: {repair_command(name)}")


def _unmatched(request: SyncRequest, result: SyncResult) -> str:
    """Return the number of rows without a record, if the sync creates none."""
    return "" if request.mapping.creates else f", {result.unmatched:,} unmatched"


def _values_of(request: SyncRequest) -> str:
    if request.as_of:
        return f"Rollback to {request.as_of}"
    return str(request.data_date)


def _print_dry_run(request: SyncRequest, result: SyncResult) -> None:
    would_send = {
        action: count
        for action, count in result.actions.items()
        if action not in NOT_SENT
    }
    actions = ", ".join(f"{count:,} {action}" for action, count in would_send.items())
    console.print(
        f"Dry run of {_values_of(request)}, nothing was sent. It would send "
        f"{sum(would_send.values()):,} rows{f' ({actions})' if actions else ''}; "
        f"{result.unchanged:,} unchanged, {result.rejected:,} rejected"
        f"{_unmatched(request, result)}."
    )
    _print_codes(result.codes)
    _print_next_step(request, result.plan_id, result.sample, result)
    if result.drift and result.drift.message and not request.repair_drift:
        console.print(styled("Drift:", "yellow"), result.drift.message)
        _print_drift(request, result.drift, limit=MAX_SHOWN_DRIFT)
    for file in result.files:
        console.print(f"CSV file: {file}")


def _print_codes(codes: dict[str, int]) -> None:
    for code, count in codes.items():
        console.print(printable(f"  {code}: {count:,}"))


def _print_next_step(
    request: SyncRequest,
    plan_id: str,
    changes: Sequence[Change],
    plan: Plan | SyncResult,
) -> None:
    """Print changes, what would stop them, and the command that sends them."""
    _print_changes(changes)
    if not changes:
        console.print("There is nothing to send.")
        return
    for blocker in plan.blockers:
        console.print(styled("The sync would stop:", "yellow"), blocker)
    if plan.blockers and not plan.needs_approval:
        return
    approved_id = plan_id if plan.needs_approval else request.approved_plan_id
    approval = f" --approve {approved_id}" if approved_id else ""
    verb = "Approve and send" if plan.needs_approval else "Send"
    console.print(f"Plan {plan_id}. {verb} it: {request.command}{approval}")


def _print_changes(changes: Sequence[Change]) -> None:
    for change in changes:
        fields = list(change.fields.items())
        text = ", ".join(
            f"{name}: {old!s} → {new!s}"
            for name, (old, new) in fields[:MAX_SHOWN_FIELDS]
        )
        more = len(fields) - MAX_SHOWN_FIELDS
        text += f" and {more} more" if more > 0 else ""
        console.print(printable(f"  {change.key}: {text}"))
