"""The plan of a run: its stale tasks and why, as a table or as JSON."""

from dataclasses import asdict, dataclass
from datetime import date

import luigi

from orchestrate import progress
from orchestrate.cli.tables import make_table
from orchestrate.planning import finality, run_state, syncs
from orchestrate.planning.changed_partitions import (
    ChangedPartition,
    find_changed_partitions,
)
from orchestrate.runs.remedy import resume_command
from orchestrate.tasks.load import LoadRawTable, RawPartition
from reports.console import console, print_json


@dataclass(frozen=True)
class Step:
    """One task that a run would execute.

    `subject` is its source, model, dataset or object, `reason` why it is stale, and
    `cause` what is furthest upstream of it: partitions, code or rerun requests.
    """

    task: str
    subject: str
    data_date: date
    reason: str
    cause: str = ""


@dataclass(frozen=True)
class RunPlan:
    """What a run would do, and what it leaves to other runs.

    `changed_partitions` changed on S3 and are older than the run's window.
    `superseded_by` is the later data date whose values Salesforce has already. Of a
    date that `is_final` nothing can be done.
    """

    steps: list[Step]
    changed_partitions: list[ChangedPartition]
    superseded_by: date | None
    is_final: bool = False


def plan(root: luigi.Task) -> RunPlan:
    """Return the plan of a run."""
    state = run_state.load(
        root.data_date, root.data_date_from, env=root.env, version=root.version
    )
    if state.data_date_from < finality.first_open_date(state.completed):
        return RunPlan([], [], None, is_final=True)
    steps = stale_steps(root)
    changed = find_changed_partitions(state)
    return RunPlan(steps, changed, syncs.newer_date_sent(state))


def stale_steps(root: luigi.Task) -> list[Step]:
    """Return the stale tasks of a run in the order of the data flow."""
    steps = []
    for task in root.all_tasks():
        reason = task.stale_reason()
        if not reason:
            continue
        if isinstance(task, LoadRawTable):
            missing = task.clone(RawPartition).stale_reason()
            reason = f"{reason}; cannot start: {missing}" if missing else reason
        steps.append(
            Step(
                task=task.get_task_family(),
                subject=progress.subject(task) or task.export.object,
                data_date=task.data_date,
                reason=reason,
                cause="" if isinstance(task, LoadRawTable) else task.upstream_cause(),
            )
        )
    return steps


def print_plan(plan: RunPlan, root: luigi.Task, *, as_json: bool) -> None:
    """Print the plan of a run."""
    if as_json:
        print_json({"data_date": root.data_date, **asdict(plan)})
        return
    if plan.is_final:
        console.print(
            f"Nothing to do: {root.data_date_from or root.data_date} is final. "
            "`nightshift retention` has removed staging rows that its run needs."
        )
    elif plan.steps:
        title = f"{len(plan.steps)} task(s) to run"
        table = make_table(title, "task", "subject", "date", "reason")
        for step in plan.steps:
            reason = f"{step.reason}: {step.cause}" if step.cause else step.reason
            table.add_row(step.task, step.subject, str(step.data_date), reason)
        console.print_table(table)
        console.print(f"Run them: {resume_command(root)}")
    else:
        console.print(f"Nothing to do: the run for {root.data_date} is complete.")
    if plan.superseded_by:
        console.print(
            f"Salesforce has the values of {plan.superseded_by} already; "
            f"those of {root.data_date} are not sent."
        )
    print_changed_partitions(plan.changed_partitions)


def print_changed_partitions(changed: list[ChangedPartition]) -> None:
    """Print the changed partitions outside of a run's window, one line each."""
    for partition in changed:
        console.print(
            f"{partition.source} {partition.dt} changed on S3 after it was loaded. "
            f"Take it in: {partition.command}"
        )
