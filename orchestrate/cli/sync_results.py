"""What `nightshift salesforce` prints about a plan, a dry run and a sync."""

from collections.abc import Sequence

from loaders.salesforce.context import SyncRequest
from loaders.salesforce.plan import DRY_RUN, SUPERSEDED, Change, Plan, SyncResult
from reports.console import console, styled

MAX_SHOWN_FIELDS = 6
NOT_SENT = ("unchanged", "rejected", "held", "skipped")


def print_plan(request: SyncRequest, plan: Plan) -> None:
    """Print what a sync would send, and the command that sends it."""
    counts = ", ".join(f"{count:,} {name}" for name, count in plan.actions.items())
    if not counts:
        counts = "no values" if request.as_of else "the mart is empty"
    console.print(f"{_values_of(request)}: {counts}.")
    _print_next_step(request, plan.plan_id, plan.changes, plan)


def print_result(request: SyncRequest, result: SyncResult) -> None:
    """Print the counts of a sync or a dry run, and what to know about it."""
    if result.status == DRY_RUN:
        _print_dry_run(request, result)
        return
    console.print(
        f"{result.status}: {result.sent:,} sent, {result.accepted:,} accepted "
        f"({result.created:,} created), {result.unchanged:,} unchanged, "
        f"{result.rejected:,} rejected."
    )
    if result.status == SUPERSEDED:
        console.print("Salesforce has values of a later data date.")
    elif request.approved_plan_id and not result.sent:
        console.print(f"Plan {request.approved_plan_id} was sent before.")
    _print_codes(result.codes)


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
        f"{result.unchanged:,} unchanged, {result.rejected:,} rejected."
    )
    _print_codes(result.codes)
    _print_next_step(request, result.plan_id, result.sample, result)
    for file in result.files:
        console.print(f"CSV file: {file}")


def _print_codes(codes: dict[str, int]) -> None:
    for code, count in codes.items():
        console.print(f"  {code}: {count:,}")


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
        console.print(f"  {change.key}: {text}")
