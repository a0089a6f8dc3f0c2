"""`nightshift rejects`: list the lines that loads rejected, and locate them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

import typer

from loaders import ledger, warehouse
from loaders.config import settings
from loaders.errors import ConfigError, NightshiftError
from loaders.ledger import rejects as reject_ledger
from loaders.ledger.rejects import LoadRejects, RejectExample, RejectGroup
from loaders.raw import locate_rejects, unknown_keys
from loaders.warehouse import Connection, schema_changes
from loaders.warehouse.declared_tables import raw_tables
from loaders.warehouse.schema_changes import Change
from orchestrate.cli.options import AsJson
from orchestrate.cli.tables import print_rows
from orchestrate.runs.outcome import ExitCode
from reports.console import console, error_console, print_json, printable, styled

HELP = (
    "List the lines that the latest loads rejected, by reason, with examples."
    "\n\nA rejected line is not loaded, but kept in ops.load_rejects with its "
    "reason, object and line number. docs/runbook.md explains each reason."
    "\n\nOn Redshift, a load leaves object and line number out for partitions of "
    "more than NIGHTSHIFT_LOCATE_REJECTS_MAX_GIB. `locate` finds them later."
)
app = typer.Typer()
Source = Annotated[
    str | None, typer.Option(help="Raw source, for example orgs. Default: all.")
]
Day = Annotated[
    datetime | None,
    typer.Option(
        "--date", formats=["%Y-%m-%d"], help="Date of the partition. Default: all."
    ),
]
MAX_SHOWN_CHARACTERS = 100


@app.callback(invoke_without_command=True, help=HELP)
def list_rejects(
    context: typer.Context,
    source: Source = None,
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """List the rejects, unless a subcommand is given."""
    if context.invoked_subcommand:
        if source or day or as_json:
            raise ConfigError(
                f"Write the options after `{context.invoked_subcommand}`, for example: "
                f"nightshift rejects {context.invoked_subcommand} --date 2026-11-24"
            )
        return
    groups = _read_groups(source, day.date() if day else None)
    if as_json:
        print_json({"rejects": [asdict(group) for group in groups]})
        return
    if not groups:
        console.print("No lines were rejected.")
    for group in groups:
        _print_group(group)
    if not_located := sum(group.not_located for group in groups):
        console.print(
            f"{not_located:,} rejected lines have no object and line number. Find them:"
        )
        console.print(_command("nightshift rejects locate", source, day))


@app.command()
def locate(source: Source = None, day: Day = None, as_json: AsJson = False) -> None:
    """Find object and line number of rejected lines that have none.

    Reads the objects of each load with such lines from S3 until all are found, and
    stores the places in ops.load_rejects. Loads are not repeated.
    """
    loads = _read_loads(source, day.date() if day else None)
    results = [_locate(load) for load in loads]
    if as_json:
        print_json({"loads": results})
    elif not loads:
        console.print("All rejected lines have an object and a line number.")
    failed = [result["error"] for result in results if result["error"]]
    for error in failed:
        error_console.print_error("nightshift", error)
    if failed:
        raise typer.Exit(int(ExitCode.FAILED))


@app.command("keys")
def list_keys(source: Source = None, as_json: AsJson = False) -> None:
    """List keys that raw records have, but their table has no column for.

    Each with its first partition, the number of records in that load and a value from
    the partition, which may be personal data. The values of all records are in the
    table's column `extra`. Columns that were added, or kept although they are no longer
    declared, are listed too.
    """
    changes, examples = _read_changes(source)
    if as_json:
        keys = [
            {"changed_at": at, **asdict(change), "example": examples.get(change.key)}
            for at, change in changes
        ]
        print_json({"keys": keys})
        return
    if not changes:
        console.print("All keys of raw records have a column, and none has changed.")
        return
    rows = [
        {
            "noticed (UTC)": f"{at:%Y-%m-%d %H:%M}",
            "table": change.table,
            "key": printable(change.column),
            "change": change.change,
            "type": change.data_type,
            "records": "" if change.records is None else f"{change.records:,}",
            "example": printable(examples.get(change.key, "")),
        }
        for at, change in changes
    ]
    print_rows("Raw keys", rows, optional=("noticed (UTC)", "type", "example"))


def _read_changes(
    source: str | None,
) -> tuple[list[tuple[datetime, Change]], dict[tuple[str, str], str]]:
    """Return the changes with their times, and an example by table and unknown key."""
    tables = [t for t in raw_tables().values() if source in (None, t.source)]
    examples: dict[tuple[str, str], str] = {}
    with _ledger(source, table=schema_changes.TABLE) as connection:
        if connection is None:
            return [], {}
        names = {table.full_name for table in tables}
        changes = [
            (at, change)
            for at, change in schema_changes.read_all(connection, schema="staging")
            if source is None or change.table in names
        ]
        for table in tables:
            days = {c.dt for _, c in changes if c.table == table.full_name and c.dt}
            if days:
                found = unknown_keys.read_examples(connection, table, days)
                examples |= {(table.full_name, key): v for key, v in found.items()}
    return changes, examples


def _locate(load: LoadRejects) -> dict[str, object]:
    """Locate the rejects of a load; return its figures and the error if it failed."""
    found, error = 0, ""
    try:
        found = locate_rejects.locate(load)
    except NightshiftError as problem:
        error = f"{load.source} {load.dt}: {problem}"
    else:
        text = f"{load.source} {load.dt}: {found:,} of {load.not_located:,} located."
        if found < load.not_located:
            text += " COPY refused the others without naming their lines."
        error_console.print(text)
    return {
        "source": load.source,
        "dt": load.dt,
        "rejects": load.not_located,
        "located": found,
        "error": error,
    }


def _read_groups(source: str | None, dt: date | None) -> Sequence[RejectGroup]:
    with _ledger(source) as connection:
        if connection is None:
            return []
        return reject_ledger.count_by_reason(connection, source=source, dt=dt)


def _read_loads(source: str | None, dt: date | None) -> Sequence[LoadRejects]:
    with _ledger(source) as connection:
        if connection is None:
            return []
        return reject_ledger.loads_to_locate(connection, source=source, dt=dt)


@contextmanager
def _ledger(
    source: str | None, *, table: str = "load_rejects"
) -> Iterator[Connection | None]:
    """Open a session; yield None if there is no ledger, without creating a warehouse.

    Raises `ConfigError` if there is no such raw source.
    """
    settings.load()
    if source is not None and source not in raw_tables():
        raise ConfigError(
            f"There is no raw source {source!r}. Use one of: {', '.join(raw_tables())}."
        )
    if not warehouse.exists():
        yield None
        return
    with warehouse.session() as connection:
        exists = ledger.table_exists(connection, table)
        yield connection if exists else None


def _print_group(group: RejectGroup) -> None:
    dates = f"{group.first_date}"
    if group.last_date != group.first_date:
        dates += f" to {group.last_date}"
    console.print(
        styled(printable(f"{group.source}: {group.reason}"), "bold"),
        f"({group.rejects:,} on {dates})",
    )
    for example in group.examples:
        console.print(f"  {_place(example)}")
        line = printable(example.line)
        more = "…" * (len(line) > MAX_SHOWN_CHARACTERS)
        console.print(f"    {line[:MAX_SHOWN_CHARACTERS]}{more}")


def _place(example: RejectExample) -> str:
    if example.object_key is None:
        return f"{example.dt}, not located"
    return f"{printable(example.object_key)} line {example.line_number}"


def _command(command: str, source: str | None, day: datetime | None) -> str:
    """Return the command with the options that were given."""
    if source:
        command += f" --source {source}"
    return f"{command} --date {day.date()}" if day else command
