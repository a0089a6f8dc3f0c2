"""`nightshift looker`: generates views, explores and dashboards."""

from typing import Annotated

import typer

from looker.generate import files, marts
from orchestrate import startup
from orchestrate.dbt import manifest
from orchestrate.runs.outcome import ExitCode
from reports.console import console, print_json, styled

app = typer.Typer(
    no_args_is_help=True,
    help="Generate LookML from the YAML of marts, ledgers and dashboards.",
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
    """Write the LookML in looker/ from the YAML; leave unchanged files alone."""
    startup.restore_umask()
    declared = marts.read_marts(manifest.read())
    changed = files.find_outdated(declared) if check else files.write_files(declared)
    if as_json:
        print_json({"views": len(declared), "changed": changed})
    elif check and changed:
        for name in changed:
            console.print(styled("✘", "red"), f"looker/{name} differs from the YAML")
        console.print("Update it: nightshift looker build")
    else:
        for name in changed:
            console.print(styled("✔", "green"), f"looker/{name}")
        state = f"{len(changed)} file(s) changed" if changed else "up to date"
        console.print(f"{len(declared)} views: {state}.")
    if check and changed:
        raise typer.Exit(int(ExitCode.FAILED))
