"""Plans, outcomes and past runs, printed as tables or as JSON.

Their figures come from the ledger tables.
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
from orchestrate import progress
from orchestrate.planning.run_state import SALESFORCE_OBJECT
from orchestrate.run_id import RUN_ID
from orchestrate.runs.outcome import ExitCode, Outcome
from orchestrate.tasks.load import LoadRawTable, RawPartition
from reports.console import console

NUMBER_COLUMNS = {"lines", "rows", "rejects", "objects", "models", "failed", "archived"}
NUMBER_PREFIXES = ("sf ", "tests ")


@dataclass(frozen=True)
class Step:
    """One task that a run would execute.

    `subject` is its source, model, dataset or object, `reason` why it is stale.
    """

    task: str
    subject: str
    data_date: date
    reason: str


def plan(root: luigi.Task) -> list[Step]:
    """Return the stale tasks of a run in the order of the data flow."""
    steps = []
    for task in flatten(root.requires()):
        reason = task.stale_reason()
        if not reason:
            continue
        if isinstance(task, LoadRawTable):
            missing = task.clone(RawPartition).stale_reason()
            reason = f"{reason}; cannot start: {missing}" if missing else reason
        steps.append(
            Step(
                task=task.task_family,
                subject=progress.subject(task) or SALESFORCE_OBJECT,
                data_date=task.data_date,
                reason=reason,
            )
        )
    return steps


def print_plan(steps: list[Step], root: luigi.Task, *, as_json: bool) -> None:
    """Print the plan of a run."""
    if as_json:
        rows = [asdict(step) for step in steps]
        document = {"data_date": root.data_date, "steps": rows}
        print(json.dumps(document, indent=2, default=str))
        return
    if not steps:
        console.print(f"Nothing to do: the run for {root.data_date} is complete.")
        return
    title = f"{len(steps)} task(s) to run"
    table = _table(title, "task", "subject", "date", "reason")
    for step in steps:
        table.add_row(step.task, step.subject, str(step.data_date), step.reason)
    console.print(table)
    console.print(f"Run them: nightshift run --date {root.data_date}")


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
        print(json.dumps({"runs": runs}, indent=2, default=str))
        return
    if not runs:
        console.print("No run yet. Start one: nightshift run --date D")
        return
    columns = ["data date", "lines", "rejects", "models", "failed", "tests warned"]
    columns += ["archived", "sf sent", "sf accepted", "sf rejected", "finished (UTC)"]
    table = _table("Latest runs", *columns)
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


def as_dict(root: luigi.Task, outcome: Outcome) -> dict[str, Any]:
    """Return the outcome and figures of a run for --json."""
    return {
        "run_id": outcome.run_id,
        "data_date": root.data_date,
        "data_date_from": root.data_date_from or root.data_date,
        "exit_code": int(outcome.exit_code),
        "status": outcome.exit_code.name.lower(),
        "tasks_done": len(outcome.done),
        "tasks_failed": len(outcome.failures),
        "failures": [asdict(failure) for failure in outcome.failures],
        "figures": read_figures(root),
    }


def read_figures(root: luigi.Task) -> dict[str, Any]:
    """Return the figures of the run's data date; empty without a warehouse."""
    if not warehouse.exists():
        return {}
    with warehouse.session() as connection:
        if not ledger.table_exists(connection):
            return {}
        key = {"env": root.env, "version": root.version}
        return {
            **ledger.run_figures(connection, root.data_date, **key),
            "report": reports.latest(connection, root.data_date, **key),
        }


def print_outcome(root: luigi.Task, outcome: Outcome) -> None:
    """Print the outcome of a run: loads, models, archive, Salesforce, failures."""
    if not outcome.done and not outcome.failures and not outcome.exit_code:
        console.print(f"Nothing to do: the run for {root.data_date} is complete.")
        return
    figures = read_figures(root)
    if figures:
        _print_figures(figures)
    for failure in outcome.failures:
        console.print(f"[bold red]✘ {failure.task}[/]", end=" ")
        console.print(failure.task_id, style="dim", markup=False)
        console.print(f"  {failure.error}", markup=False)
    _print_exit_status(root, outcome)


def _print_figures(figures: dict[str, Any]) -> None:
    table = _table("Loaded", "source", "lines", "rows", "rejects", "objects")
    for load in figures["loads"]:
        table.add_row(
            load["source"],
            *(f"{load[name]:,}" for name in ("lines", "rows", "rejects", "objects")),
        )
    console.print(table)
    models = figures["models"]
    console.print(
        f"Models: {models['done']} built, {models['failed']} failed; tests: "
        f"{models['tests']} run, {models['tests_warned']} warned. "
        f"Archive: {figures['archives']} partition(s)."
    )
    sync = figures["salesforce"]
    if sync:
        console.print(
            f"Salesforce: {sync['sent']:,} sent, {sync['accepted']:,} accepted, "
            f"{sync['unchanged']:,} unchanged, {sync['rejected']:,} rejected."
        )
    if figures["report"]:
        _print_report(figures["report"])


def _print_report(report: dict[str, Any]) -> None:
    console.print(f"Report: {report['url']}", markup=False)
    if report["mail_status"] == reports.SENT:
        console.print(f"Mailed to {report['recipients']} recipient(s).", end=" ")
        console.print(report["message"], markup=False)
    elif report["mail_status"] == reports.LEFT_OUT:
        console.print(f"No mail: {report['message']}.", markup=False)
    else:
        console.print("The mail is not sent yet.")


def _print_exit_status(root: luigi.Task, outcome: Outcome) -> None:
    if outcome.exit_code == ExitCode.DONE:
        console.print(
            f"[bold green]The run for {root.data_date} is complete[/]: "
            f"{len(outcome.done)} task(s), run {RUN_ID}."
        )
    elif outcome.exit_code == ExitCode.REJECTED:
        console.print(
            f"[bold yellow]The run for {root.data_date} is complete, but Salesforce "
            f"rejected rows[/]. Show them: nightshift salesforce rejects"
        )
    else:
        console.print(
            f"[bold red]The run for {root.data_date} is not complete[/]. Fix the "
            f"errors above, then resume: nightshift run --date {root.data_date}"
        )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        is_number = column in NUMBER_COLUMNS or column.startswith(NUMBER_PREFIXES)
        table.add_column(column, justify="right" if is_number else "left")
    return table
