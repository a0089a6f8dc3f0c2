"""The outcome of a run, as tables or as JSON.

Its figures come from the ledger tables.
"""

from dataclasses import asdict
from typing import Any

import luigi

from loaders import ledger, warehouse
from loaders.ledger import reports
from orchestrate.cli.tables import make_table
from orchestrate.run_id import RUN_ID
from orchestrate.runs.outcome import ExitCode, Outcome
from reports.console import console, styled


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
        console.print(
            styled(f"✘ {failure.task}", "bold red"), styled(failure.task_id, "dim")
        )
        console.print(f"  {failure.error}")
    _print_exit_status(root, outcome)


def _print_figures(figures: dict[str, Any]) -> None:
    table = make_table("Loaded", "source", "lines", "rows", "rejects", "objects")
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
    console.print(f"Report: {report['url']}")
    if report["mail_status"] == reports.SENT:
        console.print(f"Mailed to {report['recipients']} recipient(s).", end=" ")
        console.print(report["message"])
    elif report["mail_status"] == reports.LEFT_OUT:
        console.print(f"No mail: {report['message']}.")
    else:
        console.print("The mail is not sent yet.")


def _print_exit_status(root: luigi.Task, outcome: Outcome) -> None:
    if outcome.exit_code == ExitCode.DONE:
        console.print(
            styled(f"The run for {root.data_date} is complete:", "bold green"),
            f"{len(outcome.done)} task(s), run {RUN_ID}.",
        )
    elif outcome.exit_code == ExitCode.REJECTED:
        console.print(
            styled(
                f"The run for {root.data_date} is complete, but Salesforce rejected "
                "rows.",
                "bold yellow",
            ),
            "Show them: nightshift salesforce rejects",
        )
    else:
        console.print(
            styled(f"The run for {root.data_date} is not complete.", "bold red"),
            "Fix the errors above, then resume: nightshift run --date "
            f"{root.data_date}",
        )
