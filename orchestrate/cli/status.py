"""The latest data dates, read from the ledgers, as a table or as JSON."""

from typing import Any

from loaders import ledger, warehouse
from orchestrate.cli.tables import make_table
from reports.console import console, print_json


def read_runs(count: int, *, env: str, version: str) -> list[dict[str, Any]]:
    """Return the figures of the last `count` data dates, newest first."""
    if not warehouse.exists():
        return []
    with warehouse.session() as connection:
        if not ledger.table_exists(connection):
            return []
        days = ledger.last_data_dates(connection, count, env=env, version=version)
        return [
            {"data_date": day}
            | ledger.run_figures(connection, day, env=env, version=version)
            for day in days
        ]


def print_runs(runs: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print one row per data date."""
    if as_json:
        print_json({"runs": runs})
        return
    if not runs:
        console.print("No run yet. Start one: nightshift run --date D")
        return
    columns = ["data date", "lines", "rejects", "models", "failed", "tests warned"]
    columns += ["archived", "sf sent", "sf accepted", "sf rejected", "finished (UTC)"]
    table = make_table("Latest runs", *columns)
    for run in runs:
        loads, models, sync = run["loads"], run["models"], run["salesforce"]
        table.add_row(
            str(run["data_date"]),
            f"{sum(load['lines'] for load in loads):,}",
            f"{sum(load['rejects'] for load in loads):,}",
            str(models["done"]),
            str(models["failed"]),
            str(models["tests_warned"]),
            str(run["archives"]),
            str(sync.get("sent", "-")),
            str(sync.get("accepted", "-")),
            str(sync.get("rejected", "-")),
            f"{run['finished_at']:%Y-%m-%d %H:%M}" if run["finished_at"] else "-",
        )
    console.print(table)
