"""`nightshift looker`: the LookML of the marts, generated and kept in step."""

import json
from typing import Annotated

import typer

from looker.generate import files, marts
from orchestrate.dbt import manifest
from orchestrate.runs.execution import ExitCode
from reports.console import console

app = typer.Typer(
    no_args_is_help=True,
    help="What Looker shows of the marts: generate it from their YAML.",
)


@app.callback()
def looker() -> None:
    """Keep the one command a subcommand."""


@app.command()
def build(
    check: Annotated[
        bool, typer.Option("--check", help="write nothing; fail if anything differs")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead")] = False,
) -> None:
    """Write looker/ from the marts' YAML; what is right already stays untouched."""
    found = marts.read(manifest.read())
    changed = files.differing(found) if check else files.write(found)
    if as_json:
        print(json.dumps({"views": len(found), "changed": changed}, indent=2))
    elif check and changed:
        for name in changed:
            console.print(f"[red]✘[/] looker/{name} is not what the YAML says")
        console.print("Bring it up: nightshift looker build")
    else:
        for name in changed:
            console.print(f"[green]✔[/] looker/{name}")
        told = f"{len(changed)} file(s) changed" if changed else "up to date"
        console.print(f"{len(found)} views: {told}.")
    if check and changed:
        raise typer.Exit(int(ExitCode.FAILED))
