"""The demo: a made-up company's sixty days through the whole night, on this machine.

`make demo` calls it, `make demo TARGET=redshift` with the stand-in for a cluster.
Everything is kept under `var/`: a second run finds it done.
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
# Every plan of its orgs is in the seed of plans, so that `dbt build` has no warning.
PLANS_KNOWN = Rates(unknown_plan=0)
WORLD = World(orgs=300, days=60, until=date(2026, 11, 24), seed=7, rates=PLANS_KNOWN)
NIGHTS_ONE_BY_ONE = 2
DONE, ROWS_REJECTED = 0, 2
NIGHTSHIFT = "from orchestrate.cli.main import main; main()"
READ_PROJECT = "from orchestrate import dbt_graph; dbt_graph.load()"

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Place:
    """Where the demo runs: the profile's target, its own data, what it starts."""

    target: str
    data: Path
    outside: str
    components: tuple[str, ...]
    warehouse: str
    restart: str


PLACES = {
    "local": Place(
        target="local",
        data=VAR / "demo",
        outside="S3, Salesforce and mail",
        components=("s3", "smtp", "salesforce"),
        warehouse="var/nightshift.duckdb (a DuckDB file; `dbt test` works on it)",
        restart="python -m tests.emulators up --data var/demo",
    ),
    "redshift": Place(
        target="dev",
        data=VAR / "demo-redshift",
        outside="S3, Salesforce, mail and a stand-in for Redshift",
        components=("s3", "smtp", "salesforce", "redshift"),
        warehouse="schemas dev_marts, dev_ops, ... of database dev, started as below",
        restart="python -m tests.emulators up --with redshift --data var/demo-redshift",
    ),
}


def main(arguments: list[str]) -> int:
    """Bring the world up, do its nights, and show what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.emulators.demo")
    parser.add_argument("--target", choices=sorted(PLACES), default="local")
    place = PLACES[parser.parse_args(arguments).target]
    started = time.monotonic()
    place.data.mkdir(parents=True, exist_ok=True)
    console.print(f"[bold]1. The world outside[/]: {place.outside} start here")
    with up.running(*place.components, data=place.data) as stack:
        environment = _environment(stack.environment)
        os.environ.update(environment)
        console.print(
            f"[bold]2. The sample world[/]: {WORLD.orgs} orgs, {WORLD.days} days up to "
            f"{WORLD.until}, dirty on purpose"
        )
        with _reading_the_project(environment):
            summary = write_to_s3(WORLD, environment["NIGHTSHIFT_RAW_URL"])
        nights = _do_nights(environment)
        if nights is None:
            return 1
        if any(night["tasks_done"] for night in nights):
            _show(summary, nights)
        else:
            console.print("\n[bold green]Nothing to do[/]: all nights are done.")
    _show_where_to_look(place)
    console.print(f"[dim]{time.monotonic() - started:.0f} s[/]")
    return 0


def _environment(stack: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which only the demo's own settings count."""
    for name in list(os.environ):
        if name.startswith(("NIGHTSHIFT_", "DBT_", "LUIGI_", "AWS_")):
            del os.environ[name]
    return {**os.environ, **stack}


@contextmanager
def _reading_the_project(environment: Mapping[str, str]) -> Iterator[None]:
    """Let dbt read the project meanwhile, as the first night would have to."""
    reading = subprocess.Popen(
        [sys.executable, "-c", READ_PROJECT], cwd=PROJECT, env=dict(environment)
    )
    try:
        yield
    finally:
        reading.wait()


def _do_nights(environment: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """Backfill the history, then do the last nights one by one; None on a failure."""
    last = WORLD.until - timedelta(days=NIGHTS_ONE_BY_ONE)
    lines = [["backfill", "--from", str(WORLD.first), "--to", str(last)]]
    lines += [
        ["run", "--date", str(last + timedelta(days=number + 1))]
        for number in range(NIGHTS_ONE_BY_ONE)
    ]
    nights = []
    for line in lines:
        console.print(f"\n[bold]3. nightshift {' '.join(line)}[/]")
        ended = subprocess.run(
            [sys.executable, "-c", NIGHTSHIFT, *line, "--json"],
            cwd=PROJECT,
            env=dict(environment),
            stdout=subprocess.PIPE,
            text=True,
        )
        if ended.returncode not in (DONE, ROWS_REJECTED):
            console.print(ended.stdout, markup=False)
            return None
        nights.append(json.loads(ended.stdout))
        if not nights[-1]["tasks_done"]:
            console.print("nothing to do")
    return nights


def _show(summary: WorldSummary, nights: list[dict[str, Any]]) -> None:
    console.print(f"\n[bold]The night of {WORLD.until}[/]")
    with warehouse.session() as connection:
        _show_loads(connection, summary)
        models = nights[-1]["night"]["models"]
        days = connection.table("marts", "fct_org_day")
        [(trials,)] = connection.fetch_all(
            f"-- demo\nselect count(*) from {days} where is_in_trial "
            "and metric_date = ?",
            [WORLD.until],
        )
        console.print(
            f"\nModels built: {models['done']}; tests run: {models['tests']}, "
            f"{models['tests_warned']} warned. Orgs in trial: {trials}."
        )
        _show_targets(connection)
    synced = nights[-1]["night"]["salesforce"]
    told = ", ".join(
        f"{synced[name]:,} {name}"
        for name in ("sent", "accepted", "unchanged", "rejected")
    )
    console.print(f"\nSalesforce: {told}.")


def _show_loads(connection: warehouse.Connection, summary: WorldSummary) -> None:
    table = Table(title="Loaded from S3, all nights", box=None, title_justify="left")
    for column in ("source", "lines", "rows", "rejects", "made dirty"):
        table.add_column(column, justify="left" if column == "source" else "right")
    loads = connection.fetch_all(
        "-- demo\nselect source, sum(lines), sum(rows_loaded), sum(rejects) "
        f"from {connection.table('ops', 'loads')} group by 1 order by 1"
    )
    for source, *counts in loads:
        dealt = sum(summary.sources[source].dirt.values())
        table.add_row(source, *(f"{int(count):,}" for count in (*counts, dealt)))
    console.print(table)


def _show_targets(connection: warehouse.Connection) -> None:
    """Print the medians that converted trials reached, beside the others'."""
    table = Table(title="\nWhat trials reach: medians", box=None, title_justify="left")
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
        told = ("none" if median is None else f"{median:,.1f}" for median in medians)
        table.add_row(metric, *told)
    console.print(table)


def _show_where_to_look(place: Place) -> None:
    archive = place.data / "s3" / "nightshift-archive" / "archive"
    places = {
        "the morning's report, worth opening": _short(
            archive / PAGE.format(place.target, WORLD.until)
        ),
        "the warehouse": place.warehouse,
        "the archive": _short(archive.parent),
        "the models, their tests and lineage": "make docs",
        "what Salesforce holds": f"{place.restart}, then open the address it prints",
        "the last nights": "nightshift status",
    }
    console.print("\n[bold]Where to look next[/]")
    for what, where in places.items():
        console.print(f"  {what + ':':<37}{where}", markup=False)


def _short(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
