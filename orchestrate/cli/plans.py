"""The plan of a run: its stale tasks and why, as a table or as JSON."""

from dataclasses import asdict, dataclass
from datetime import date

import luigi
from luigi.task import flatten

from orchestrate import progress
from orchestrate.cli.tables import make_table
from orchestrate.planning.run_state import SALESFORCE_OBJECT
from orchestrate.runs.alerts import resume_command
from orchestrate.tasks.load import LoadRawTable, RawPartition
from reports.console import console, print_json


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
        print_json(document)
        return
    if not steps:
        console.print(f"Nothing to do: the run for {root.data_date} is complete.")
        return
    title = f"{len(steps)} task(s) to run"
    table = make_table(title, "task", "subject", "date", "reason")
    for step in steps:
        table.add_row(step.task, step.subject, str(step.data_date), step.reason)
    console.print_table(table)
    console.print(f"Run them: {resume_command(root)}")
