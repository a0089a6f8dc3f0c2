"""`nightshift looker`: generates the LookML of the marts."""

import json
from typing import Annotated

import typer

from looker.generate import files, marts
from orchestrate.dbt import manifest
from orchestrate.runs.outcome import ExitCode
from reports.console import console

app = typer.Typer(
    no_args_is_help=True,
    help="Generate the LookML of the marts from their YAML.",
)


@app.callback()
def looker() -> None:
    """Make Typer keep `build` a subcommand although it is the only one."""


@app.command()
def build(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file differs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write looker/ from the YAML of the marts; leave unchanged files alone."""
    declared = marts.read_marts(manifest.read())
    changed = files.find_outdated(declared) if check else files.write_files(declared)
    if as_json:
        print(json.dumps({"views": len(declared), "changed": changed}, indent=2))
    elif check and changed:
        for name in changed:
            console.print(f"[red]✘[/] looker/{name} differs from the YAML")
        console.print("Update it: nightshift looker build")
    else:
        for name in changed:
            console.print(f"[green]✔[/] looker/{name}")
        state = f"{len(changed)} file(s) changed" if changed else "up to date"
        console.print(f"{len(declared)} views: {state}.")
    if check and changed:
        raise typer.Exit(int(ExitCode.FAILED))
