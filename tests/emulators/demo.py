"""The demo: the pipeline over sixty days of a sample company, on this machine.

`make demo` calls it; `make demo TARGET=redshift` uses the Redshift emulator. All data
is stored under `var/`, so that a second run has nothing to do.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loaders import warehouse
from tests.emulators import up
from tests.emulators.sample.rates import Rates
from tests.emulators.sample.world import World, WorldSummary
from tests.emulators.sample.write import write_to_s3

PROJECT = Path(__file__).resolve().parents[2]
VAR = PROJECT / "var"
PAGE = "{}/v1/report/dt={}/index.html"
# All its billing plans are in the seed `billing_plans`, so `dbt build` does not warn.
KNOWN_PLANS = Rates(unknown_plan=0)
WORLD = World(orgs=300, days=60, until=date(2026, 11, 24), seed=7, rates=KNOWN_PLANS)
SINGLE_RUNS = 2
DONE, ROWS_REJECTED = 0, 2
NIGHTSHIFT = "from orchestrate.cli.main import main; main()"
PARSE_PROJECT = "from orchestrate.dbt import graph; graph.load()"

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class DemoSetup:
    """The dbt target, data folder and emulators of a demo, and hints for the user."""

    target: str
    data: Path
    services: str
    components: tuple[str, ...]
    warehouse: str
    restart: str


SETUPS = {
    "local": DemoSetup(
        target="local",
        data=VAR / "demo",
        services="S3, Salesforce and mail",
        components=("s3", "smtp", "salesforce"),
        warehouse="var/nightshift.duckdb (a DuckDB file; `dbt test` works on it)",
        restart="python -m tests.emulators up --data var/demo",
    ),
    "redshift": DemoSetup(
        target="dev",
        data=VAR / "demo-redshift",
        services="S3, Salesforce, mail and Redshift",
        components=("s3", "smtp", "salesforce", "redshift"),
        warehouse="schemas dev_marts, dev_ops, ... of database dev, started as below",
        restart="python -m tests.emulators up --with redshift --data var/demo-redshift",
    ),
}


def main(arguments: list[str]) -> int:
    """Start the emulators, run the pipeline on a sample world, show the results."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.demo")
    parser.add_argument("--target", choices=sorted(SETUPS), default="local")
    setup = SETUPS[parser.parse_args(arguments).target]
    started_at = time.monotonic()
    setup.data.mkdir(parents=True, exist_ok=True)
    console.print(f"[bold]1. Starting emulators[/] of {setup.services}")
    with up.running(*setup.components, data=setup.data) as started:
        environment = _environment(started.environment)
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
    console.print(f"[dim]{time.monotonic() - started_at:.0f} s[/]")
    return 0


def _environment(emulators: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the demo's own settings only."""
    for name in list(os.environ):
        if name.startswith(("NIGHTSHIFT_", "DBT_", "LUIGI_", "AWS_")):
            del os.environ[name]
    return {**os.environ, **emulators}


@contextmanager
def _parsing_the_project(environment: Mapping[str, str]) -> Iterator[None]:
    """Let dbt parse the project in the background, to save the first run's time."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARSE_PROJECT], cwd=PROJECT, env=dict(environment)
    )
    try:
        yield
    finally:
        process.wait()


def _run_all_dates(environment: Mapping[str, str]) -> list[dict[str, Any]] | None:
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
        console.print(f"\n[bold]3. nightshift {' '.join(command)}[/]")
        process = subprocess.run(
            [sys.executable, "-c", NIGHTSHIFT, *command, "--json"],
            cwd=PROJECT,
            env=dict(environment),
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
        org_days = connection.table("marts", "fct_org_day")
        [(trials,)] = connection.fetch_all(
            f"-- demo\nselect count(*) from {org_days} where is_in_trial "
            "and metric_date = ?",
            [WORLD.until],
        )
        console.print(
            f"\nModels built: {models['done']}; tests run: {models['tests']}, "
            f"{models['tests_warned']} warned. Orgs in trial: {trials}."
        )
        _show_targets(connection)
    counts = ", ".join(
        f"{figures['salesforce'][name]:,} {name}"
        for name in ("sent", "accepted", "unchanged", "rejected")
    )
    console.print(f"\nSalesforce: {counts}.")


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
    locations = {
        "the morning report": _short(archive / PAGE.format(setup.target, WORLD.until)),
        "the warehouse": setup.warehouse,
        "the archive": _short(archive.parent),
        "models, tests and lineage": "make docs",
        "records in Salesforce": f"{setup.restart}, then open the printed address",
        "the latest runs": "nightshift status",
    }
    console.print("\n[bold]Where to look next[/]")
    for name, location in locations.items():
        console.print(f"  {name + ':':<27}{location}", markup=False)


def _short(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
