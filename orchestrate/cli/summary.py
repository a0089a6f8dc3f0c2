"""The results of one run, as text or as JSON.

The figures count what this run did. The failures are printed here and nowhere else, on
standard error.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import luigi

from loaders import ledger, warehouse
from loaders.config.salesforce_mapping import SALESFORCE_OBJECT
from loaders.errors import NightshiftError
from loaders.ledger import reports
from loaders.salesforce.plan import SUPERSEDED
from orchestrate.cli.tables import make_table
from orchestrate.runs.outcome import ExitCode, Outcome
from orchestrate.runs.remedy import resume_command
from reports.console import console, error_console, indented, print_json, styled

NO_FIGURES: dict[str, Any] = {
    "loads": [],
    "models": {"done": 0, "failed": 0, "tests": 0, "tests_warned": 0},
    "archives": 0,
    "salesforce": {},
    "salesforce_objects": {},
    "report": {},
}


def print_outcome(root: luigi.Task, outcome: Outcome, *, as_json: bool) -> None:
    """Print the results of a run: loads, models, archive, Salesforce, failures."""
    figures = read_figures(root, outcome)
    if as_json:
        print_json(as_dict(root, outcome, figures))
    elif outcome.done or outcome.failures or outcome.exit_code:
        _print_figures(outcome, figures)
    _print_failures(outcome)
    if not as_json:
        _print_exit_status(root, outcome)


def read_figures(root: luigi.Task, outcome: Outcome) -> dict[str, Any]:
    """Return what this run did; nothing if the warehouse cannot be read."""
    try:
        if not warehouse.exists():
            return NO_FIGURES
        with warehouse.session() as connection:
            if not ledger.table_exists(connection):
                return NO_FIGURES
            return ledger.run_figures(connection, outcome.run_id, root.data_date)
    except NightshiftError:
        return NO_FIGURES  # The failed run has reported this error already.


def as_dict(
    root: luigi.Task, outcome: Outcome, figures: dict[str, Any]
) -> dict[str, Any]:
    """Return the outcome and figures of a run for --json."""
    return {
        "run_id": outcome.run_id,
        "data_date": root.data_date,
        "data_date_from": root.data_date_from or root.data_date,
        "exit_code": int(outcome.exit_code),
        "status": outcome.exit_code.status,
        "tasks_done": len(outcome.done),
        "tasks_failed": len(outcome.failures),
        "failures": [asdict(failure) for failure in outcome.failures],
        "resume": "" if _is_complete(outcome) else resume_command(root),
        "figures": figures,
    }


def _print_figures(outcome: Outcome, figures: dict[str, Any]) -> None:
    """Print a line for each part of the work, and which parts this run did not do."""
    if figures["loads"]:
        _print_loads(figures["loads"])
    for line in _describe(figures):
        console.print(line)
    parts = {
        "loads": figures["loads"],
        "models": any(figures["models"].values()),
        "archive": figures["archives"],
        "Salesforce": figures["salesforce_objects"],
        "report": figures["report"],
    }
    missing = [name for name, is_present in parts.items() if not is_present]
    if missing:
        is_complete = _is_complete(outcome)
        label = "Done before this run" if is_complete else "Not done by this run"
        console.print(f"{label}: {', '.join(missing)}.")


def _print_loads(loads: list[dict[str, Any]]) -> None:
    names = ("partitions", "lines", "rows", "rejects", "objects")
    table = make_table("Loaded", "source", *names)
    for load in loads:
        table.add_row(load["source"], *(f"{load[name]:,}" for name in names))
    console.print_table(table)


def _describe(figures: dict[str, Any]) -> Iterator[str]:
    models = figures["models"]
    if models["done"] or models["failed"]:
        failed = f", {models['failed']:,} failed" if models["failed"] else ""
        warned = (
            f", {models['tests_warned']:,} warned" if models["tests_warned"] else ""
        )
        yield (
            f"Models: {models['done']:,} built{failed}; "
            f"tests: {models['tests']:,} run{warned}."
        )
    if figures["archives"]:
        yield f"Archive: {figures['archives']:,} partition(s) written."
    for name, sync in figures["salesforce_objects"].items():
        is_main = name == SALESFORCE_OBJECT
        title = "Salesforce" if is_main else f"Salesforce {name}"
        if sync["status"] == SUPERSEDED:
            yield f"{title}: nothing sent, it has values of a later data date."
            continue
        known = f" ({sync['known_rejects']:,} as before)"
        known = known if sync["known_rejects"] else ""
        unmatched = f", {sync['unmatched']:,} unmatched" if sync["unmatched"] else ""
        yield (
            f"{title}: {sync['sent']:,} sent, {sync['accepted']:,} accepted, "
            f"{sync['unchanged']:,} unchanged, {sync['rejected']:,} rejected"
            f"{known}{unmatched}."
        )
    for item in figures.get("drift", ()):
        yield (
            f"Drift of {item['object']}: {item['message']} Send these alone: "
            f"{item['repair']}"
        )
    if report := figures["report"]:
        yield f"Report: {report['url']}"
        yield _describe_mail(report)


def _describe_mail(report: dict[str, Any]) -> str:
    if report["mail_status"] == reports.SENT:
        message = f"; {report['message']}" if report["message"] else ""
        return f"Mailed to {report['recipients'] or 0} recipient(s){message}."
    if report["mail_status"] == reports.LEFT_OUT:
        return f"No mail: {report['message']}."
    message = f": {report['message']}" if report["message"] else ""
    return f"The mail is not sent to everybody yet{message}."


def _print_failures(outcome: Outcome) -> None:
    """Print each failed task with its error: on a line of its own beside a log."""
    for failure in outcome.failures:
        parameters = failure.task_id.removeprefix(failure.task)
        title = styled(f"✘ {failure.task}", "bold red"), styled(parameters, "dim")
        if error_console.has_on_line:
            error = " ".join(failure.error.split())
            error_console.print_for_people(*title, error)
        else:
            error_console.print(*title)
            error_console.print(f"  {indented(failure.error)}")


def _print_exit_status(root: luigi.Task, outcome: Outcome) -> None:
    run = f"The run for {_dates(root)}"
    if outcome.exit_code == ExitCode.DONE and not outcome.done:
        console.print(f"Nothing to do: the run for {_dates(root)} is complete.")
    elif outcome.exit_code == ExitCode.DONE:
        console.print(
            styled(f"{run} is complete:", "bold green"),
            f"{len(outcome.done)} task(s), run {outcome.run_id}.",
        )
    elif outcome.exit_code == ExitCode.REJECTED:
        console.print(
            styled(f"{run} is complete, but Salesforce rejected rows.", "bold yellow"),
            "Show them: nightshift salesforce rejects",
        )
    else:
        console.print(
            styled(f"{run} is not complete.", "bold red"),
            f"Fix the errors of its tasks, then resume: {resume_command(root)}",
        )


def _is_complete(outcome: Outcome) -> bool:
    return outcome.exit_code in (ExitCode.DONE, ExitCode.REJECTED)


def _dates(root: luigi.Task) -> str:
    first = root.data_date_from or root.data_date
    if first == root.data_date:
        return str(root.data_date)
    return f"{first} to {root.data_date}"
