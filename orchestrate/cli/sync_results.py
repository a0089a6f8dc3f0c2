"""What `nightshift salesforce` prints about a plan, a dry run, a sync and rejects."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from loaders.config.salesforce_mapping import SALESFORCE_OBJECT
from loaders.ledger.drift import Drift, check_command, repair_command
from loaders.ledger.salesforce import Reject, count_open_rejects
from loaders.salesforce.context import SyncRequest
from loaders.salesforce.plan import DRY_RUN, SUPERSEDED, Change, Plan, SyncResult
from loaders.salesforce_api import row_errors
from loaders.warehouse import Connection
from reports.console import Table, console, indented, print_json, printable, styled

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
        f"{result.rejected:,} rejected{_known(result)}{_unmatched(request, result)}."
    )
    if result.status == SUPERSEDED:
        console.print("Salesforce has values of a later data date.")
    elif request.approved_plan_id and not result.sent:
        console.print(f"Plan {request.approved_plan_id} was sent before.")
    _print_codes(result.codes)
    if result.drift and (message := result.drift.message or result.drift.error):
        console.print(styled("Drift:", "yellow"), indented(message))
        _print_drift(request, result.drift, limit=MAX_SHOWN_DRIFT)


def rejects_command(object_name: str) -> str:
    """Return the command that lists the rejected rows of an object."""
    option = "" if object_name == SALESFORCE_OBJECT else f" --object {object_name}"
    return f"nightshift salesforce rejects{option}"


def print_rejects(
    object_name: str, rejects: Sequence[Reject], *, as_json: bool
) -> None:
    """Print the open rejects of an object, and how to correct them."""
    if as_json:
        rows = [
            {
                **asdict(reject),
                "is_permanent": row_errors.is_permanent(reject.code),
                "remedy": row_errors.remedy(reject.code),
            }
            for reject in rejects
        ]
        print_json({"rejects": rows})
        return
    if not rejects:
        console.print("No rows are rejected.")
        return
    table = Table(box=None, pad_edge=False, title="Rejected rows", title_justify="left")
    for column in ("key", "code", "fields", "message", "since (UTC)", "last (UTC)"):
        table.add_column(column)
    for reject in rejects:
        times = (reject.first_rejected_at, reject.rejected_at)
        table.add_row(
            *(reject.key, reject.code, reject.fields, reject.message),
            *(f"{time:%Y-%m-%d %H:%M}" for time in times),
        )
    console.print_table(table)
    codes = sorted({reject.code for reject in rejects})
    for code in codes:
        kind = "permanent" if row_errors.is_permanent(code) else "not permanent"
        console.print(printable(f"{code} ({kind}): {row_errors.remedy(code)}."))
    if any(map(row_errors.is_permanent, codes)):
        console.print(
            "A permanent reject counts for one data date only, until its values, the "
            "mapping or the field change."
        )
    console.print(
        "The next run sends all of them again, or now: "
        f"{rejects_command(object_name)} --retry"
    )


def read_permanent_rejects(connection: Connection) -> list[dict[str, Any]]:
    """Return the rows that Salesforce will always reject, by object and code."""
    return [
        {
            "object": name,
            "code": code,
            "rows": rows,
            "since": since,
            "remedy": row_errors.remedy(code),
            "command": rejects_command(name),
        }
        for name, code, rows, since in count_open_rejects(connection)
        if row_errors.is_permanent(code)
    ]


def print_permanent_rejects(rejects: Sequence[dict[str, Any]]) -> None:
    """Print what `read_permanent_rejects` returns."""
    for item in rejects:
        console.print(
            styled(f"\nPermanent rejects of {item['object']}:", "bold"),
            f"{item['rows']:,} with {item['code']}, since {item['since']:%Y-%m-%d}. "
            f"{item['remedy']}.",
        )
        console.print(f"  Show them: {item['command']}")


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


def _known(result: SyncResult) -> str:
    """Return how many of the rejected rows an earlier data date's sync reported."""
    return f" ({result.known_rejects:,} as before)" if result.known_rejects else ""


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
        f"{_known(result)}{_unmatched(request, result)}."
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
        console.print(styled("The sync would stop:", "yellow"), indented(blocker))
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
