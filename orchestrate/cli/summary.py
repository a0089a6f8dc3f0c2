"""What a person or a script reads after a run, before it, and days later.

Figures come from the ledgers; tables for people, dictionaries for --json.
"""

import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import luigi
from luigi.task import flatten
from rich.table import Table

from loaders import ledger, warehouse
from loaders.ledger import reports
from orchestrate.run_id import RUN_ID
from orchestrate.runs.execution import ExitCode, Outcome
from orchestrate.tasks.load import LoadRawTable, RawPartition
from reports.console import console


@dataclass(frozen=True)
class Step:
    """One task that a run would do, and why."""

    task: str
    what: str
    data_date: date
    why: str


def plan(root: luigi.Task) -> list[Step]:
    """Return the stale tasks of a night in the order of the flow."""
    steps = []
    for task in flatten(root.requires()):
        why = task.why()
        if not why:
            continue
        if isinstance(task, LoadRawTable):
            waiting = task.clone(RawPartition).why()
            why = f"{why}; cannot start: {waiting}" if waiting else why
        steps.append(
            Step(
                task=task.task_family,
                what=_what(task),
                data_date=task.data_date,
                why=why,
            )
        )
    return steps


def show_plan(steps: list[Step], root: luigi.Task, *, as_json: bool) -> None:
    """Print the plan."""
    if as_json:
        told = {"data_date": root.data_date, "steps": [asdict(step) for step in steps]}
        print(json.dumps(told, indent=2, default=str))
        return
    if not steps:
        console.print(f"Nothing to do: the night of {root.data_date} is done.")
        return
    table = _table(f"{len(steps)} task(s) to do", "task", "what", "date", "why")
    for step in steps:
        table.add_row(step.task, step.what, str(step.data_date), step.why)
    console.print(table)
    console.print(f"Do it: nightshift run --date {root.data_date}")


def nights(count: int, *, env: str, version: str) -> list[dict[str, Any]]:
    """Return the last `count` data dates, newest first, each with its figures."""
    if not warehouse.exists():
        return []
    with warehouse.session() as connection:
        if not ledger.is_set_up(connection):
            return []
        days = ledger.last_nights(connection, count, env=env, version=version)
        return [
            {"data_date": day}
            | ledger.night_figures(connection, day, env=env, version=version)
            for day in days
        ]


def show_nights(found: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print the last nights."""
    if as_json:
        print(json.dumps({"nights": found}, indent=2, default=str))
        return
    if not found:
        console.print("No night has run yet. Start one: nightshift run --date D")
        return
    columns = ["data date", "lines", "rejects", "models", "failed", "tests warned"]
    columns += ["archived", "sf sent", "sf accepted", "sf rejected", "finished (UTC)"]
    table = _table("Last nights", *columns)
    for night in found:
        loads, models, sync = night["loads"], night["models"], night["salesforce"]
        table.add_row(
            str(night["data_date"]),
            f"{sum(load['lines'] for load in loads):,}",
            f"{sum(load['rejects'] for load in loads):,}",
            str(models["done"]),
            str(models["failed"]),
            str(models["tests_warned"]),
            str(night["archives"]),
            str(sync.get("sent", "-")),
            str(sync.get("accepted", "-")),
            str(sync.get("rejected", "-")),
            f"{night['finished_at']:%Y-%m-%d %H:%M}" if night["finished_at"] else "-",
        )
    console.print(table)


def as_dict(root: luigi.Task, outcome: Outcome) -> dict[str, Any]:
    """Return everything that `show` tells, for --json."""
    return {
        "run_id": outcome.run_id,
        "data_date": root.data_date,
        "data_date_from": root.data_date_from or root.data_date,
        "exit_code": int(outcome.exit_code),
        "status": outcome.exit_code.name.lower(),
        "tasks_done": len(outcome.done),
        "tasks_failed": len(outcome.failures),
        "failures": [asdict(failure) for failure in outcome.failures],
        "night": figures(root),
    }


def figures(root: luigi.Task) -> dict[str, Any]:
    """Return the night's figures from the ledgers; empty without a warehouse."""
    if not warehouse.exists():
        return {}
    with warehouse.session() as connection:
        if not ledger.is_set_up(connection):
            return {}
        mine = {"env": root.env, "version": root.version}
        return {
            **ledger.night_figures(connection, root.data_date, **mine),
            "report": reports.latest(connection, root.data_date, **mine),
        }


def show(root: luigi.Task, outcome: Outcome) -> None:
    """Print how the run ended: loads, models, archive, Salesforce, failures."""
    if not outcome.done and not outcome.failures and not outcome.exit_code:
        console.print(f"Nothing to do: the night of {root.data_date} is done.")
        return
    found = figures(root)
    if found:
        _show_figures(found)
    for failure in outcome.failures:
        console.print(f"[bold red]✘ {failure.task}[/]", end=" ")
        console.print(failure.what, style="dim", markup=False)
        console.print(f"  {failure.error}", markup=False)
    _show_end(root, outcome)


def _show_figures(found: dict[str, Any]) -> None:
    table = _table("Loaded", "source", "lines", "rows", "rejects", "objects")
    for load in found["loads"]:
        table.add_row(
            load["source"],
            *(f"{load[name]:,}" for name in ("lines", "rows", "rejects", "objects")),
        )
    console.print(table)
    models = found["models"]
    console.print(
        f"Models: {models['done']} built, {models['failed']} failed; tests: "
        f"{models['tests']} run, {models['tests_warned']} warned. "
        f"Archive: {found['archives']} partition(s)."
    )
    sync = found["salesforce"]
    if sync:
        console.print(
            f"Salesforce: {sync['sent']:,} sent, {sync['accepted']:,} accepted, "
            f"{sync['unchanged']:,} unchanged, {sync['rejected']:,} rejected."
        )
    if found["report"]:
        _show_report(found["report"])


def _show_report(report: dict[str, Any]) -> None:
    console.print(f"Report: {report['url']}", markup=False)
    if report["mail_status"] == reports.SENT:
        console.print(f"Mailed to {report['recipients']} recipient(s).", end=" ")
        console.print(report["message"], markup=False)
    elif report["mail_status"] == reports.LEFT_OUT:
        console.print(f"No mail: {report['message']}.", markup=False)
    else:
        console.print("Its mail is not sent yet.")


def _show_end(root: luigi.Task, outcome: Outcome) -> None:
    again = f"nightshift run --date {root.data_date}"
    if outcome.exit_code == ExitCode.DONE:
        console.print(
            f"[bold green]The night of {root.data_date} is done[/]: "
            f"{len(outcome.done)} task(s), run {RUN_ID}."
        )
    elif outcome.exit_code == ExitCode.REJECTED:
        console.print(
            f"[bold yellow]The night of {root.data_date} is done, but Salesforce "
            f"rejected rows[/]. See them: nightshift salesforce rejects"
        )
    else:
        console.print(
            f"[bold red]The night of {root.data_date} is not done[/]. Mend what is "
            f"named above, then: {again}"
        )


def _what(task: luigi.Task) -> str:
    for name in ("source", "model", "dataset"):
        if hasattr(task, name):
            return str(getattr(task, name))
    return "Trial_Metrics__c"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    numbers = {"lines", "rows", "rejects", "objects", "models", "failed", "archived"}
    for column in columns:
        is_number = column in numbers or column.startswith(("sf ", "tests "))
        table.add_column(column, justify="right" if is_number else "left")
    return table
