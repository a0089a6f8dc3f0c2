"""`nightshift salesforce`: what would be sent, send it, and what was refused."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from loaders.config import settings
from loaders.errors import ConfigError
from loaders.salesforce import history as sent_history
from loaders.salesforce import mapping, plan, rejects, sync
from loaders.salesforce.mapping import SALESFORCE_MODEL
from loaders.salesforce.sync import SyncRequest
from orchestrate.planning import run_state
from orchestrate.run_id import RUN_ID
from orchestrate.runs.execution import ExitCode
from orchestrate.tasks.export import SPOOL
from orchestrate.tasks.parameters import DEFAULT_ENV, DEFAULT_VERSION
from reports.console import console

app = typer.Typer(
    no_args_is_help=True,
    help="What sales sees in Salesforce: compare, send, look at refusals.",
)
Day = Annotated[
    datetime | None,
    typer.Option(
        "--date",
        formats=["%Y-%m-%d"],
        help="data date of the mart; without it, the newest that was built",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead")]
SHOWN_FIELDS = 6


@app.command()
def diff(
    day: Day = None,
    limit: Annotated[int, typer.Option(min=1, help="changed rows to show")] = 20,
    as_json: AsJson = False,
) -> None:
    """Say what a sync would create, change field by field, and leave alone."""
    request = _request(day)
    found = plan.make(request, settings.load().salesforce, limit=limit)
    if as_json:
        print(json.dumps(asdict(found), indent=2, default=str))
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in found.verdicts.items())
    console.print(f"{request.data_date}: {counts or 'the mart is empty'}.")
    _show_changes(found)
    for objection in found.objections:
        console.print(f"[yellow]The sync would stop:[/] {objection}")
    console.print(f"Plan {found.plan_id}. Send it: nightshift salesforce sync")


@app.command("sync")
def sync_now(
    day: Day = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="all checks, no write")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="unchanged rows too")] = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="send that night's values again"),
    ] = None,
    approve: Annotated[
        str | None, typer.Option(help="id of a plan that the brake stopped")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send the mart to Salesforce; only what changed, unless --full."""
    request = _request(
        day,
        dry_run=dry_run,
        full=full,
        as_of=as_of.date() if as_of else None,
        approve=approve,
    )
    _send(request, as_json=as_json)


@app.command("rejects")
def show_rejects(
    retry: Annotated[
        bool, typer.Option("--retry", help="send the refused rows again")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the rows that Salesforce refused and has not accepted since."""
    settings.load()
    if retry:
        _send(_request(None, only_refused=True), as_json=as_json)
        return
    found = rejects.standing(run_state.SALESFORCE_OBJECT)
    if as_json:
        told = [asdict(reject) for reject in found]
        print(json.dumps({"rejects": told}, indent=2, default=str))
        return
    if not found:
        console.print("Nothing is refused.")
        return
    table = Table(box=None, pad_edge=False, title="Refused rows", title_justify="left")
    for column in ("org", "code", "fields", "message", "at (UTC)"):
        table.add_column(column)
    for reject in found:
        when = f"{reject.rejected_at:%Y-%m-%d %H:%M}"
        table.add_row(reject.key, reject.code, reject.fields, reject.message, when)
    console.print(table)
    console.print("Mend them in the product or in Salesforce; the next night sends")
    console.print("them again, or now: nightshift salesforce rejects --retry")


@app.command()
def history(
    org: Annotated[str, typer.Argument(help="the org's number")],
    as_json: AsJson = False,
) -> None:
    """Show what was sent of one org, when, and what Salesforce answered."""
    settings.load()
    found = sent_history.of(run_state.SALESFORCE_OBJECT, org)
    if as_json:
        told = [asdict(event) for event in found]
        print(json.dumps({"history": told}, indent=2, default=str))
        return
    if not found:
        console.print(f"Nothing of org {org} was ever sent.")
    for event in found:
        console.print(f"{event.at:%Y-%m-%d %H:%M} {event.code} {event.message}".strip())
        for name, (old, new) in event.fields.items():
            console.print(f"    {name}: {old!s} → {new!s}", markup=False)


def _request(day: datetime | None, **options: Any) -> SyncRequest:  # noqa: ANN401
    state = run_state.refreshed(
        day.date() if day else datetime.min.date(),
        env=DEFAULT_ENV,
        version=DEFAULT_VERSION,
    )
    built = [date for model, date in state.marks.models if model == SALESFORCE_MODEL]
    if not built:
        raise ConfigError(
            f"{SALESFORCE_MODEL} was never built with its tests. "
            "Run a night first: nightshift run --date D"
        )
    data_date = day.date() if day else max(built)
    return SyncRequest(
        mapping=mapping.load(model=SALESFORCE_MODEL),
        data_date=data_date,
        spool=SPOOL,
        env=DEFAULT_ENV,
        version=DEFAULT_VERSION,
        run_id=RUN_ID,
        fingerprint=state.model_fingerprint(SALESFORCE_MODEL, data_date),
        **options,
    )


def _send(request: SyncRequest, *, as_json: bool) -> None:
    result = sync.run(request, settings.load().salesforce)
    if as_json:
        print(json.dumps(asdict(result), indent=2, default=str))
    else:
        console.print(
            f"{result.status}: {result.sent:,} sent, {result.accepted:,} accepted "
            f"({result.created:,} created), {result.unchanged:,} unchanged, "
            f"{result.rejected:,} rejected."
        )
        for code, count in result.codes.items():
            console.print(f"  {code}: {count:,}", markup=False)
    if not result.is_complete:
        raise typer.Exit(int(ExitCode.REJECTED))


def _show_changes(found: plan.Plan) -> None:
    for change in found.changes:
        fields = list(change.fields.items())
        told = ", ".join(
            f"{name}: {old!s} → {new!s}" for name, (old, new) in fields[:SHOWN_FIELDS]
        )
        more = len(fields) - SHOWN_FIELDS
        told += f" and {more} more" if more > 0 else ""
        console.print(f"  {change.key}: {told}", markup=False)
