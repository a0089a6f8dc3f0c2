"""`nightshift retention`: remove what is older than it may be kept."""

from typing import Annotated

import typer

from loaders import warehouse
from loaders.config import settings
from loaders.ledger import ARCHIVE, STAGING
from loaders.removal import retention
from loaders.removal.retention import Removal
from orchestrate.cli.options import AsJson
from orchestrate.cli.tables import make_table
from orchestrate.run_id import RUN_ID
from orchestrate.runs import run_lock
from reports.console import console, error_console, print_json, printable

NO_POLICY = (
    "Nothing is set to be removed. Set NIGHTSHIFT_RETENTION__STAGING_DAYS, "
    "REJECTS_DAYS, PAYLOADS_DAYS or ARCHIVE_DAYS; docs/retention.md explains them."
)

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Show what would be removed; change nothing."),
]


def remove_old_data(dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Remove staging rows, rejects, payloads and archives that are too old.

    NIGHTSHIFT_RETENTION__* set the days to keep, counted back from the newest loaded
    date. Waits for a running run. Days without staging rows are final.
    """
    configured = settings.load()
    policy = configured.retention
    retention.check(policy)
    removals: list[Removal] = []
    if warehouse.exists():
        warehouse.create_missing_tables()
        removals = _find()
        if removals and not dry_run:
            with run_lock.held("nightshift retention"):
                removals = _find()
                for removal in removals:
                    name = printable(removal.name)
                    error_console.print(f"Removing {removal.kind} {name}")
                    retention.remove(removal, run_id=RUN_ID)
    if as_json:
        print_json({"dry_run": dry_run, "removed": [_figures(r) for r in removals]})
        return
    if not any(days for _, days in policy):
        console.print(NO_POLICY)
    elif not removals:
        console.print("Nothing to do: nothing is older than it may be kept.")
    else:
        _print_table(removals, dry_run=dry_run)


def _find() -> list[Removal]:
    configured = settings.load()
    return retention.find(configured.retention, archive_url=configured.archive_url)


def _figures(removal: Removal) -> dict[str, object]:
    return {
        "kind": removal.kind,
        "name": removal.name,
        "first_date": min(removal.days),
        "last_date": max(removal.days),
        "days": len(removal.days),
        "rows": removal.rows,
        "bytes": removal.bytes,
    }


def _print_table(removals: list[Removal], *, dry_run: bool) -> None:
    title = "Would be removed" if dry_run else "Removed"
    table = make_table(title, "kind", "name", "from", "to", "rows", "bytes")
    for removal in removals:
        table.add_row(
            removal.kind,
            removal.name,
            str(min(removal.days)),
            str(max(removal.days)),
            f"{removal.rows:,}{' files' if removal.kind == ARCHIVE else ''}",
            f"{removal.bytes:,}{' on S3' if removal.kind == STAGING else ''}",
        )
    console.print_table(table)
