"""Alerts by mail: one when a run has failed, one when a later run recovers.

They are sent at the end of a run, after its last retry, if mail is configured. A mail
that cannot be sent is logged and does not change the run's outcome.
"""

import shlex
from collections.abc import Sequence
from typing import Any

import luigi
import structlog

from loaders import mail, warehouse
from loaders.config import dbt_profile, redaction, settings
from loaders.errors import NightshiftError
from loaders.ledger import now
from loaders.ledger.runs import RunRecord
from loaders.salesforce.ledger import open_chunks
from orchestrate import progress
from orchestrate.dbt import graph
from orchestrate.planning import run_state
from orchestrate.runs.blocked import SYNC, Blocked, find_blocked, sort_by_flow
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from orchestrate.tasks.parameters import (
    DEFAULT_ENV,
    DEFAULT_VERSION,
    result_name,
)
from reports.morning import rendering

MAX_ERROR_LENGTH = 1500
MAX_SHOWN_FAILURES = 8
PARTITION = "RawPartition"

log = structlog.get_logger()


def send_failure_alert(root: luigi.Task, outcome: Outcome) -> None:
    """Mail what failed, what is blocked downstream, and how to resume the run."""
    models = _load_graph()
    root_cause, *others = sort_by_flow(outcome.failures, models)
    blocked = find_blocked(outcome.failures, models)
    answer, reason = can_wait(outcome.failures, blocked)
    shown = others[:MAX_SHOWN_FAILURES]
    context = {
        **_run_context(root, outcome),
        "root_cause": _failure_context(root_cause),
        "others": [_failure_context(failure) for failure in shown],
        "more": len(others) - len(shown),
        "blocked": blocked,
        "can_wait": answer,
        "reason": reason,
    }
    subject = f"The run for {root.data_date} failed: {root_cause.name}"
    _send(subject, "failed", context)


def send_recovery_alert(
    root: luigi.Task, outcome: Outcome, unresolved: Sequence[RunRecord]
) -> None:
    """Mail that earlier failed runs are resolved; send nothing if there are none.

    A run in which Salesforce rejects rows resolves failures, but not earlier rejects.
    """
    is_done = outcome.exit_code == ExitCode.DONE
    resolved = [run for run in unresolved if is_done or run.has_failed]
    if not resolved:
        return
    first = resolved[0]
    context = {
        **_run_context(root, outcome),
        "since": first.finished_at,
        "attempts": len(resolved),
        "root_cause": _shorten(first.message),
        "had_failed": any(run.has_failed for run in resolved),
        "is_done": is_done,
    }
    _send(f"The run for {first.data_date} recovered", "recovered", context)


def can_wait(failures: Sequence[TaskResult], blocked: Blocked) -> tuple[str, str]:
    """Return whether the fix can wait until morning, and why."""
    tasks = {failure.task for failure in failures}
    if SYNC in tasks and _has_open_sync():
        return (
            "No",
            "Some of the run's values were sent to Salesforce, but the results are not "
            "recorded. Running again finishes the sync. Until then, Salesforce may "
            "show old values beside new ones.",
        )
    if blocked.is_everything or blocked.salesforce or SYNC in tasks:
        needs_producer = (
            " Only the producer of the raw data can complete the partition; running "
            "again before that does not help."
            if tasks == {PARTITION}
            else ""
        )
        return (
            "Yes, but fix it before business hours",
            "No data is lost. Until the run is complete, Looker and Salesforce keep "
            "their last values, which are outdated." + needs_producer,
        )
    return (
        "Yes",
        "The failure does not affect Salesforce. The missing results can be rebuilt "
        "from the warehouse at any time.",
    )


def resume_command(root: luigi.Task) -> str:
    """Return the command that resumes the run."""
    first = root.data_date_from or root.data_date
    arguments = ["nightshift", "run", "--date", str(root.data_date)]
    if first != root.data_date:
        arguments = ["nightshift", "backfill", "--from", str(first)]
        arguments += ["--to", str(root.data_date)]
    if root.env != result_name("env", DEFAULT_ENV):
        arguments += ["--env", root.env]
    if root.version != DEFAULT_VERSION:
        arguments += ["--version", root.version]
    return shlex.join(arguments)


def _load_graph() -> graph.Graph | None:
    """Return the graph of models, or None if the dbt project cannot be parsed."""
    try:
        return graph.load()
    except NightshiftError:
        return None


def _run_context(root: luigi.Task, outcome: Outcome) -> dict[str, Any]:
    return {
        "data_date": root.data_date,
        "environment": f"{root.env}/{root.version} on {dbt_profile.target().name}",
        "run_id": outcome.run_id,
        "command": resume_command(root),
        "done": len(outcome.done),
        "written_at": now(),
        "is_mail": True,
    }


def _failure_context(failure: TaskResult) -> dict[str, str]:
    return {"name": failure.name, "error": _shorten(failure.error)}


def _shorten(error: str) -> str:
    """Return the error without secrets, cut at `MAX_ERROR_LENGTH`."""
    text = redaction.redact(error.strip())
    return text if len(text) <= MAX_ERROR_LENGTH else f"{text[:MAX_ERROR_LENGTH]} …"


def _has_open_sync() -> bool:
    """Return whether rows were sent to Salesforce whose results are not recorded."""
    try:
        with warehouse.session() as connection:
            return bool(open_chunks(connection, run_state.SALESFORCE_OBJECT))
    except NightshiftError:
        return False


def _send(subject: str, template: str, context: dict[str, Any]) -> None:
    config = settings.load()
    recipients = mail.on_call_recipients(config)
    if mail.missing_setting(config.smtp, recipients):
        return
    message = mail.Message(
        subject=f"{subject} ({context['environment']})",
        text=rendering.render_alert(f"{template}.txt", context),
        html=rendering.render_alert(f"{template}.html", context),
        reference=f"{template}.{context['run_id']}",
    )
    try:
        mail.send(message, config.smtp, recipients)
    except NightshiftError as error:
        log.error("alert not sent", subject=message.subject, error=str(error))
        progress.print_line(
            f"Alert “{subject}” was not sent: {error}", outcome="failed"
        )
