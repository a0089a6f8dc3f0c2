"""`nightshift erase`: remove the personal data of an org or a user."""

import sys
from typing import Annotated

import typer

from loaders import warehouse
from loaders.config import settings
from loaders.erasures.subjects import ORG, USER
from loaders.errors import ConfigError
from loaders.removal import erase as erasing
from loaders.removal import files
from loaders.removal.erase import Found
from orchestrate.cli.options import AsJson, require_id
from orchestrate.cli.tables import make_table
from orchestrate.run_id import RUN_ID
from orchestrate.runs import run_lock
from reports.console import console, error_console, print_json, printable

MAX_SHOWN = 20


def erase(
    org: Annotated[
        int | None,
        typer.Option(
            "--org", callback=require_id, help="Id of the org, with its users."
        ),
    ] = None,
    user: Annotated[
        int | None,
        typer.Option("--user", callback=require_id, help="Id of the user."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask for confirmation.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be erased; change nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase the personal data of an org or a user, and list what remains.

    Removes it from staging, rejects, models, ledgers, archive and logs, and keeps it
    out of later loads. Waits for a running run. After an interruption, the same command
    resumes. Raw objects on S3 and records in Salesforce are listed, not changed.
    """
    kind, value = _subject(org, user)
    settings.load()
    found = None
    if warehouse.exists():
        warehouse.create_missing_tables()
        found = erasing.find(kind, value)
    if found is None or not found.is_known:
        raise ConfigError(
            f"Nothing of {kind} {value} was found in the warehouse, the archive or the "
            "logs, and it was never erased. Nothing was changed. Check the id."
        )
    is_erased = found.is_anywhere and not dry_run
    if is_erased:
        if not yes:
            _confirm(found, as_json=as_json)
        with run_lock.held("nightshift erase"):
            # A run that it waited for may have loaded more.
            found = erasing.erase(
                erasing.find(kind, value), run_id=RUN_ID, on_step=error_console.print
            )
    if as_json:
        print_json(_document(found, dry_run=dry_run))
        return
    _print_erased(found, dry_run=dry_run)
    _print_remaining(found)


def _subject(org: int | None, user: int | None) -> tuple[str, int]:
    if org is not None and user is None:
        return ORG, org
    if user is not None and org is None:
        return USER, user
    raise ConfigError("Give either --org ID or --user ID.")


def _confirm(found: Found, *, as_json: bool) -> None:
    """Ask whether to erase; `ConfigError` if there is nobody to ask, or for a no."""
    if as_json or not sys.stdin.isatty():
        raise ConfigError(
            "An erasure cannot be undone, so it asks for confirmation. Add --yes, or "
            "see what it would erase with --dry-run."
        )
    _print_erased(found, dry_run=True)
    name = f"{found.identity.kind} {found.identity.value}"
    if not typer.confirm(f"Erase {name}? It cannot be undone.", err=True):
        raise ConfigError("Nothing was erased.")


def _document(found: Found, *, dry_run: bool) -> dict[str, object]:
    remaining = found.remaining
    return {
        "subject": found.identity.kind,
        "id": found.identity.value,
        "dry_run": dry_run,
        "was_erased_before": found.earlier.is_recorded,
        "users": len(found.identity.users),
        "lines": found.lines,
        "rows": found.counts,
        "files": found.files,
        "remaining": {
            "raw_partitions": {
                source: [str(day) for day in days]
                for source, days in remaining.days.items()
            },
            "raw_objects": remaining.object_keys,
            "partitions_not_searched": remaining.partitions_not_searched,
            "salesforce_records": [
                {"object": name, "id": record_id}
                for name, record_id in remaining.salesforce_records
            ],
            "local_files": [str(path) for path in files.find_spooled()],
        },
    }


def _print_erased(found: Found, *, dry_run: bool) -> None:
    name = f"{found.identity.kind} {found.identity.value}"
    if not found.is_anywhere:
        console.print(f"Nothing to do: {name} was erased before.")
        return
    counts = found.counts
    if counts:
        title = f"Rows of {name} {'to erase' if dry_run else 'erased'}"
        table = make_table(title, "table", "rows")
        for relation, count in counts.items():
            table.add_row(relation, f"{count:,}")
        console.print_table(table)
    what = "would be counted as erased" if dry_run else "are counted as erased"
    console.print(f"{found.lines:,} raw lines {what} in ops.loads.")
    verb = "would be rewritten" if dry_run else "were rewritten"
    console.print(f"{len(found.files):,} files of the archive and of var/ {verb}.")
    if not dry_run:
        console.print(
            "The next run recomputes the days of its lines without them. Do it now: "
            "nightshift run --date D, with the latest data date."
        )


def _print_remaining(found: Found) -> None:
    remaining = found.remaining
    keys = remaining.object_keys
    if keys:
        console.print(
            f"\nS3 still has it in {len(keys):,} raw objects. Ask the producer to "
            "delete its lines there; a later load leaves them out."
        )
        for key in keys[:MAX_SHOWN]:
            console.print(f"  {printable(key)}")
        if len(keys) > MAX_SHOWN:
            console.print(f"  and {len(keys) - MAX_SHOWN:,} more: add --json")
    if remaining.partitions_not_searched:
        console.print(
            f"\n{remaining.partitions_not_searched:,} partitions that retention has "
            "removed from staging were not searched. Their objects may have it too."
        )
    if remaining.salesforce_records:
        console.print("\nSalesforce still has these records. Delete them there:")
        for name, record_id in remaining.salesforce_records:
            console.print(f"  {printable(name)} {printable(record_id)}")
    for path in files.find_spooled():
        console.print(
            f"\n{path} is of an interrupted sync and may have it. The next sync "
            "deletes it."
        )
