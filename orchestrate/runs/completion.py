"""Determines the outcome of a run: what failed, and what is not done."""

from collections.abc import Iterator
from dataclasses import replace

import luigi
from luigi.task import flatten

from loaders.errors import ConfigError, NightshiftError
from orchestrate.planning import archives, run_state
from orchestrate.run_id import RUN_ID
from orchestrate.runs import recording, scheduler
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from orchestrate.tasks.export import AcceptedBySalesforce, SyncTrialMetricsToSalesforce
from orchestrate.tasks.report import MailReport

MAX_SHOWN_TASKS = 3


def determine_outcome(root: luigi.Task, *, is_done: bool) -> Outcome:
    """Return the outcome of a run from the results of its tasks.

    `is_done` means that Luigi found everything complete. If it is false and no task
    failed, every task is checked again.
    """
    results = recording.results()
    if is_done:
        return Outcome(RUN_ID, ExitCode.DONE, results)
    if not Outcome(RUN_ID, ExitCode.FAILED, results).failures:
        try:
            error = scheduler.unreachable_error() or _incomplete_tasks_error(root)
        except NightshiftError as caught:
            failure = recording.failure(root, caught, was_scheduled=False)
            results = (*results, failure)
        else:
            if not error:
                code = ExitCode.DONE if root.complete() else ExitCode.REJECTED
                return Outcome(RUN_ID, code, results)
            failure = TaskResult(
                root.get_task_family(), str(root), "failed", error=error
            )
            results = (*results, failure)
    outcome = Outcome(RUN_ID, ExitCode.FAILED, results)
    is_misconfigured = not outcome.done and any(
        failure.error_type == ConfigError.__name__ for failure in outcome.failures
    )
    return (
        replace(outcome, exit_code=ExitCode.MISCONFIGURED)
        if is_misconfigured
        else outcome
    )


def _incomplete_tasks_error(root: luigi.Task) -> str:
    """Return an error that names the incomplete tasks, or ''.

    Rows that Salesforce rejected are no failure of the run. Every run sends and reports
    them again, so the sync and the report are not checked while there are any.
    """
    run_state.clear_cache()
    archives.clear_cache()
    has_rejects = not root.clone(AcceptedBySalesforce).complete()
    unchecked = (SyncTrialMetricsToSalesforce, MailReport) if has_rejects else ()
    incomplete = [
        str(task)
        for task in _required_tasks(root)
        if not isinstance(task, unchecked) and not task.complete()
    ]
    if not incomplete:
        return ""
    shown = ", ".join(incomplete[:MAX_SHOWN_TASKS])
    more = len(incomplete) - MAX_SHOWN_TASKS
    return (
        f"The run ended before all tasks were done. Not done: {shown}"
        f"{f' and {more} more' if more > 0 else ''}.{scheduler.lost_tasks_hint()}"
    )


def _required_tasks(root: luigi.Task) -> Iterator[luigi.Task]:
    """Yield all tasks of a run; `Backfill` is a wrapper of it."""
    if hasattr(root, "all_tasks"):
        yield from root.all_tasks()
        return
    for task in flatten(root.requires()):
        yield from _required_tasks(task)
