"""`nightshift salesforce`: compare with Salesforce, send, and show rejected rows."""

import re
from contextlib import nullcontext
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

import typer

from loaders import ledger, warehouse
from loaders.config import salesforce_mapping as mapping
from loaders.config import settings
from loaders.config.salesforce_mapping import SALESFORCE_OBJECT
from loaders.errors import ConfigError
from loaders.ledger.salesforce import open_rejects, read_history
from loaders.salesforce import sync
from loaders.salesforce.context import SyncRequest
from loaders.salesforce.plan import make_plan
from orchestrate.cli.sync_results import print_plan, print_rejects, print_result
from orchestrate.planning import run_state
from orchestrate.planning.later_dates import contains_later_date, is_built
from orchestrate.run_id import RUN_ID
from orchestrate.runs import run_lock
from orchestrate.runs.outcome import ExitCode
from orchestrate.tasks.export import SPOOL
from orchestrate.tasks.parameters import (
    DEFAULT_ENV,
    DEFAULT_VERSION,
    result_name,
)
from reports.console import console, print_json, printable

app = typer.Typer(
    no_args_is_help=True,
    help="Compare the mart with Salesforce, send it, and show rejected rows.",
)
Day = Annotated[
    datetime | None,
    typer.Option(
        "--date",
        formats=["%Y-%m-%d"],
        help="Data date of the mart. Default: the newest that was built.",
    ),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        help="Roll back to the values sent for this data date.",
    ),
]
Approve = Annotated[
    str | None,
    typer.Option(
        help="Send the plan with this id, which the safety check stopped. The id is in "
        "its message."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Run all checks, send nothing.")
]
ObjectName = Annotated[
    str, typer.Option("--object", help="Salesforce object of the exported mart.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SYNC_COMMAND = "nightshift salesforce sync"
MAX_SHOWN_DATES = 5
PLAN_ID = re.compile(r"[0-9a-f]{16}")


@app.command()
def diff(
    object_name: ObjectName = SALESFORCE_OBJECT,
    day: Day = None,
    as_of: AsOf = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Number of changed rows to show.")
    ] = 20,
    check_drift: Annotated[
        bool,
        typer.Option(
            "--check-drift",
            help="Also compare all records in Salesforce with what was accepted: which "
            "ones has somebody deleted or edited?",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a sync would create, change (by field) and leave unchanged."""
    request = _request(object_name, day, as_of=as_of)
    plan = make_plan(
        request, settings.load().salesforce, limit=limit, check_drift=check_drift
    )
    if as_json:
        print_json(asdict(plan))
        return
    print_plan(request, plan, limit=limit)


@app.command("sync")
def run_sync(
    object_name: ObjectName = SALESFORCE_OBJECT,
    day: Day = None,
    dry_run: DryRun = False,
    full: Annotated[
        bool, typer.Option("--full", help="Send unchanged rows too.")
    ] = False,
    as_of: AsOf = None,
    repair_drift: Annotated[
        bool,
        typer.Option(
            "--repair-drift",
            help="Send only the rows whose record somebody deleted or edited in "
            "Salesforce.",
        ),
    ] = False,
    approve: Approve = None,
    as_json: AsJson = False,
) -> None:
    """Send the mart to Salesforce: the changed rows, or all rows with --full."""
    if repair_drift and (full or as_of):
        raise ConfigError(
            "--repair-drift sends the mart's rows of some records. It cannot be "
            f"combined with {'--full' if full else '--as-of'}. Nothing was sent. Leave "
            "one of them out."
        )
    request = _request(
        object_name,
        day,
        dry_run=dry_run,
        full=full,
        as_of=as_of,
        repair_drift=repair_drift,
        approve=approve,
    )
    _send(request, as_json=as_json)


@app.command("rejects")
def show_rejects(
    object_name: ObjectName = SALESFORCE_OBJECT,
    retry: Annotated[
        bool, typer.Option("--retry", help="Send the rejected rows again.")
    ] = False,
    dry_run: DryRun = False,
    approve: Approve = None,
    as_json: AsJson = False,
) -> None:
    """Show the rows that Salesforce rejected and has not accepted since."""
    settings.load()
    if retry:
        request = _request(
            object_name, None, only_rejected=True, dry_run=dry_run, approve=approve
        )
        _send(request, as_json=as_json)
        return
    if dry_run or approve is not None:
        raise ConfigError(
            "--dry-run and --approve are only for sending rejected rows again. Add "
            "--retry. Nothing was sent."
        )
    name = mapping.find(object_name).object
    rejects = open_rejects(name) if _was_ever_sent() else []
    print_rejects(name, rejects, as_json=as_json)


@app.command()
def history(
    org: Annotated[str, typer.Argument(help="The org's id.")],
    object_name: ObjectName = SALESFORCE_OBJECT,
    as_json: AsJson = False,
) -> None:
    """Show what was sent for one org, when, and the results."""
    settings.load()
    name = mapping.find(object_name).object
    events = read_history(name, org) if _was_ever_sent() else []
    if as_json:
        rows = [asdict(event) for event in events]
        print_json({"history": rows})
        return
    if not events:
        console.print(f"Org {printable(org)} was never sent to {name} in Salesforce.")
    for event in events:
        line = f"{event.at:%Y-%m-%d %H:%M} {event.code} {event.message}".strip()
        console.print(printable(line))
        for name, (old, new) in event.fields.items():
            console.print(printable(f"    {name}: {old!s} → {new!s}"))


def _was_ever_sent() -> bool:
    """Return whether the ledger of syncs exists, without creating the warehouse."""
    if not warehouse.exists():
        return False
    with warehouse.session() as connection:
        return ledger.table_exists(connection, "salesforce_rows")


def _request(
    object_name: str,
    day: datetime | None,
    *,
    as_of: datetime | None = None,
    approve: str | None = None,
    **options: bool,
) -> SyncRequest:
    plan_id = None if approve is None else approve.strip().lower()
    if plan_id is not None and not PLAN_ID.fullmatch(plan_id):
        raise ConfigError(
            f"--approve {approve!r} is not the id of a plan. Nothing was sent. Copy "
            "the id from the message of the command that was stopped."
        )
    state = run_state.reload(
        day.date() if day else datetime.min.date(),
        env=result_name("env", DEFAULT_ENV),
        version=DEFAULT_VERSION,
    )
    exported = mapping.find(object_name)
    model = exported.model
    records = state.builds_of(model)
    built = [date for date in records if is_built(state, model, date)]
    if not built:
        raise ConfigError(
            f"{model} was never built and tested. "
            "Run the pipeline first: nightshift run --date D"
        )
    if as_of:
        synced = (d for name, d in state.completed.syncs if name == exported.object)
        _require_known(as_of.date(), {*built, *synced}, model=model)
    data_date = day.date() if day else max(built)
    if not (day or as_of) and contains_later_date(state, model, data_date):
        raise ConfigError(
            f"{model} does not contain {data_date} any more, because a "
            f"build for {max(records)} did not finish. Resume that run first: "
            f"nightshift run --date {max(records)}"
        )
    return SyncRequest(
        mapping=exported,
        data_date=data_date,
        spool=SPOOL,
        env=result_name("env", DEFAULT_ENV),
        version=DEFAULT_VERSION,
        run_id=RUN_ID,
        fingerprint=state.built_fingerprint(model, data_date),
        as_of=as_of.date() if as_of else None,
        approved_plan_id=plan_id,
        is_date_given=day is not None,
        **options,
    )


def _require_known(as_of: date, known: set[date], *, model: str) -> None:
    if as_of in known:
        return
    shown = ", ".join(str(day) for day in sorted(known)[-MAX_SHOWN_DATES:])
    more = f"{min(known)} to " if len(known) > MAX_SHOWN_DATES else ""
    raise ConfigError(
        f"There are no values as of {as_of}: {model} was never built for "
        f"that date. Nothing was sent. Choose a date that was built: {more}{shown}."
    )


def _send(request: SyncRequest, *, as_json: bool) -> None:
    lock = nullcontext() if request.dry_run else run_lock.held(SYNC_COMMAND)
    with lock:
        result = sync.run(request, settings.load().salesforce)
    if as_json:
        print_json(asdict(result))
    else:
        print_result(request, result)
    if not result.is_complete:
        raise typer.Exit(int(ExitCode.REJECTED))
