"""The demo: the pipeline over sixty days of a sample company, on this machine.

`make demo` calls it; `make demo TARGET=redshift` uses the Redshift emulator. All data
is stored under `var/`, so that a second run has nothing to do. The emulators keep
running in the background, and `var/demo/nightshift.env` connects `nightshift` to them.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

from rich.table import Table

from loaders import warehouse
from reports.morning.trials import read_trial_days, trials_of
from tests.emulators import demo_setup
from tests.emulators.background import Background
from tests.emulators.component import PortInUseError
from tests.emulators.demo_accounts import create_accounts
from tests.emulators.demo_setup import PROJECT, SETUPS, DemoSetup, console
from tests.emulators.sample.rates import Rates
from tests.emulators.sample.world import World, WorldSummary
from tests.emulators.sample.write import write_to_s3

PAGE = "{}/v1/report/dt={}/index.html"
# All its billing plans are in the seed `billing_plans`, so `dbt build` does not warn.
KNOWN_PLANS = Rates(unknown_plan=0)
WORLD = World(orgs=300, days=60, until=date(2026, 11, 24), seed=7, rates=KNOWN_PLANS)
SINGLE_RUNS = 2
DONE, ROWS_REJECTED = 0, 2
# The demo's commands read its own file in place of a developer's `.env`.
NIGHTSHIFT = (
    "from loaders.config import environment as e; e.DOTENV = e.DEMO_FILE; "
    "from orchestrate.cli.main import main; main()"
)
PARSE_PROJECT = "from orchestrate.dbt import graph; graph.load()"


def main(arguments: list[str]) -> int:
    """Start the emulators, run the pipeline on a sample world, show the results."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.demo")
    parser.add_argument("--target", choices=sorted(SETUPS), default="local")
    demo_setup.add_first_port(parser)
    options = parser.parse_args(arguments)
    setup = SETUPS[options.target]
    console.print(f"[bold]1. Starting emulators[/] of {setup.services}")
    try:
        started = demo_setup.start_emulators(setup, options.first_port)
    except (PortInUseError, RuntimeError) as error:
        return demo_setup.report_error(error, "demo")
    return _run_demo(setup, started)


def _run_demo(setup: DemoSetup, started: Background) -> int:
    started_at = time.monotonic()
    environment = _environment(started)
    os.environ.clear()
    os.environ.update(environment)
    console.print(
        f"[bold]2. Generating the sample world[/]: {WORLD.orgs} orgs, "
        f"{WORLD.days} days up to {WORLD.until}, deliberately dirty"
    )
    with _parsing_the_project(environment):
        summary = write_to_s3(WORLD, environment["NIGHTSHIFT_RAW_URL"])
    runs = _run_all_dates(environment)
    if runs is None:
        return 1
    if any(run["tasks_done"] for run in runs):
        _show_results(summary, runs)
    else:
        console.print("\n[bold green]Nothing to do[/]: all dates are done.")
    _show_where_to_look(setup)
    demo_setup.show_emulators(started)
    console.print(f"[dim]{time.monotonic() - started_at:.0f} s[/]")
    return 0


def _environment(started: Background) -> dict[str, str]:
    """Return the process environment with the demo's own settings only."""
    others = ("NIGHTSHIFT_", "DBT_", "LUIGI_", "AWS_", "OPENLINEAGE_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    # Its progress is for people, also in a file.
    for_people = {"NIGHTSHIFT_LOG_FORMAT": "human"}
    return {**kept, **for_people, **dict(demo_setup.variables(started))}


@contextmanager
def _parsing_the_project(environment: dict[str, str]) -> Iterator[None]:
    """Let dbt parse the project in the background, to save the first run's time."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARSE_PROJECT], cwd=PROJECT, env=environment
    )
    try:
        yield
    finally:
        process.wait()


def _run_all_dates(environment: dict[str, str]) -> list[dict[str, Any]] | None:
    """Backfill the history, then run the last dates one by one.

    Returns the JSON summary of each command, or None after a failure.
    """
    last = WORLD.until - timedelta(days=SINGLE_RUNS)
    commands = [["backfill", "--from", str(WORLD.first_date), "--to", str(last)]]
    commands += [
        ["run", "--date", str(last + timedelta(days=number + 1))]
        for number in range(SINGLE_RUNS)
    ]
    runs = []
    for command in commands:
        if command is commands[-1]:
            accounts = create_accounts()
            console.print(f"\nSalesforce has accounts for {accounts} customers.")
        console.print(f"\n[bold]3. nightshift {' '.join(command)}[/]")
        process = subprocess.run(
            [sys.executable, "-c", NIGHTSHIFT, *command, "--json"],
            cwd=PROJECT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        if process.returncode not in (DONE, ROWS_REJECTED):
            console.print(process.stdout, markup=False)
            return None
        runs.append(json.loads(process.stdout))
        if not runs[-1]["tasks_done"]:
            console.print("nothing to do")
    return runs


def _show_results(summary: WorldSummary, runs: list[dict[str, Any]]) -> None:
    figures = runs[-1]["figures"]
    console.print(f"\n[bold]Results of {WORLD.until}[/]")
    with warehouse.session() as connection:
        _show_loads(connection, summary)
        models = figures["models"]
        today = trials_of(read_trial_days(connection, WORLD.until), WORLD.until)
        console.print(
            f"\nModels built: {models['done']}; tests run: {models['tests']}, "
            f"{models['tests_warned']} warned. "
            f"Trials in progress: {today['in_progress']}."
        )
        _show_targets(connection)
    for name, sync in figures["salesforce_objects"].items():
        parts = ("sent", "accepted", "unchanged", "rejected", "unmatched")
        counts = ", ".join(f"{sync[part]:,} {part}" for part in parts)
        console.print(f"\nSalesforce {name}: {counts}.")


def _show_loads(connection: warehouse.Connection, summary: WorldSummary) -> None:
    table = Table(title="Loaded from S3, all dates", box=None, title_justify="left")
    for column in ("source", "lines", "rows", "rejects", "made dirty"):
        table.add_column(column, justify="left" if column == "source" else "right")
    loads = connection.fetch_all(
        "-- demo\nselect source, sum(lines), sum(rows_loaded), sum(rejects) "
        f"from {connection.table('ops', 'loads')} group by 1 order by 1"
    )
    for source, *counts in loads:
        made_dirty = sum(summary.sources[source].dirt.values())
        table.add_row(source, *(f"{int(count):,}" for count in (*counts, made_dirty)))
    console.print(table)


def _show_targets(connection: warehouse.Connection) -> None:
    """Print the medians of converted trials beside those of the others."""
    table = Table(title="\nMedians of trials", box=None, title_justify="left")
    for column in ("metric", "converted", "not converted"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    rows = connection.fetch_all(
        "-- demo\nselect metric_name, "
        "max(case when cohort = 'converted' then median_value end), "
        "max(case when cohort = 'not_converted' then median_value end) "
        f"from {connection.table('marts', 'trial_target_metrics')} "
        "where generated_date = ? group by 1 order by 1",
        [WORLD.until],
    )
    for metric, *medians in rows:
        cells = ("none" if median is None else f"{median:,.1f}" for median in medians)
        table.add_row(metric, *cells)
    console.print(table)


def _show_where_to_look(setup: DemoSetup) -> None:
    archive = setup.data / "s3" / "nightshift-archive" / "archive"
    page = archive / PAGE.format(setup.target, WORLD.until)
    demo_setup.show_table(
        "Where to look next",
        {
            "the morning report": demo_setup.short(page),
            "the warehouse": setup.warehouse,
            "the archive": demo_setup.short(archive.parent),
            "models, tests and lineage": "make docs",
        },
    )
    commands = {
        "the latest runs": "status",
        "what a run would do": f"plan --date {WORLD.until}",
        "the report in a browser": f"report --date {WORLD.until} --open",
        "check the setup": "doctor",
        "compare with Salesforce": "salesforce diff",
        "and with its accounts": "salesforce diff --object Account",
    }
    demo_setup.show_table(
        "Commands to try",
        {name: f".venv/bin/nightshift {line}" for name, line in commands.items()},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
