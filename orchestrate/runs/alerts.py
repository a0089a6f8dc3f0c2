"""Alerts by mail: one when a run has failed, one when a later run recovers.

They are sent at the end of a run, after its last retry, if mail is configured. What
goes wrong with an alert is one more line on standard error and in the log. It never
changes the run's outcome. Recipients who wait for an alert get it from the next run.
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import luigi
import structlog

from loaders import warehouse
from loaders.config import dbt_profile, recipients, redaction, settings
from loaders.errors import NightshiftError
from loaders.ledger import mails, now
from loaders.ledger.mails import ALERT, OPEN, Delivery, Mail
from loaders.ledger.runs import RunRecord
from loaders.ledger.salesforce import open_chunks
from loaders.mime import Message
from orchestrate import progress
from orchestrate.dbt import graph
from orchestrate.planning import run_state
from orchestrate.run_id import RUN_ID
from orchestrate.runs.blocked import SYNC, Blocked, find_blocked, sort_by_flow
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from orchestrate.tasks.delivery import Deliveries, deliver, describe
from orchestrate.tasks.parameters import (
    DEFAULT_ENV,
    DEFAULT_VERSION,
    result_name,
)
from orchestrate.tasks.report import MailReport
from reports.morning import rendering

MAX_ERROR_LENGTH = 1500
MAX_SHOWN_FAILURES = 8
PARTITION = "RawPartition"

log = structlog.get_logger()


def send_failure_alert(root: luigi.Task, outcome: Outcome) -> None:
    """Mail what failed, what is blocked downstream, and how to resume the run."""
    with _reported("The failure alert"):
        _send_failure_alert(root, outcome)


def _send_failure_alert(root: luigi.Task, outcome: Outcome) -> None:
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
    _send(root, subject, "failed", context)


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
    with _reported("The recovery alert"):
        subject = f"The run for {first.data_date} recovered"
        _send(root, subject, "recovered", context)


def send_open_alerts(root: luigi.Task) -> None:
    """Send alerts of earlier runs to the recipients who still wait for them."""
    with _reported("An earlier alert"):
        if not warehouse.exists():
            return
        with warehouse.session() as connection:
            waiting: dict[Mail, list[str]] = {}
            for entry in mails.open_recipients(
                connection, env=root.env, version=root.version
            ):
                if entry.mail.kind == ALERT:
                    waiting.setdefault(entry.mail, []).append(entry.recipient)
            texts = {alert: mails.alert_text(connection, alert) for alert in waiting}
        for alert, content in texts.items():
            message = Message(content.subject, content.text, "", alert.reference)
            _deliver(root, alert, message, only=waiting[alert])


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


def _send(
    root: luigi.Task, subject: str, template: str, context: dict[str, Any]
) -> None:
    message = Message(
        subject=f"{subject} ({context['environment']})",
        text=rendering.render_alert(f"{template}.txt", context),
        html=rendering.render_alert(f"{template}.html", context),
        reference=f"{template}.{context['run_id']}",
    )
    alert = Mail(message.reference, ALERT, root.data_date, root.env, root.version)
    config = settings.load()
    if recipients.missing_setting(config.smtp, recipients.on_call_recipients(config)):
        return
    _deliver(root, alert, message)


def _deliver(
    root: luigi.Task, alert: Mail, message: Message, only: Sequence[str] | None = None
) -> None:
    """Send an alert to its recipients, or an earlier one to those in `only`.

    An alert is also sent if the warehouse, which has the ledger, is unavailable.
    """
    config = settings.load()
    to = recipients.on_call_recipients(config)
    wanted = list(to.parsed() if only is None else set(to.parsed()) & set(only))
    if recipients.missing_setting(config.smtp, to):
        wanted = []
    states: Deliveries = dict.fromkeys(wanted, Delivery(OPEN))
    is_recorded = False
    with _logged():
        if only is None:
            content = mails.AlertText(message.subject, message.text)
            mails.record_alert(alert, content, run_id=RUN_ID)
        states = mails.start(alert, wanted, run_id=RUN_ID)
        is_recorded = True

    def record(results: Deliveries) -> None:
        if is_recorded:
            with _logged():
                mails.record(alert, results, run_id=RUN_ID)

    report = root.clone(MailReport)
    states = deliver(
        message,
        to,
        states,
        record=record,
        num_retries=report.num_retries,
        retry_sleep=report.retry_sleep,
    )
    if problems := describe({key: states[key] for key in wanted}):
        _warn(f"Alert “{message.subject}”: {problems}")


@contextmanager
def _reported(name: str) -> Iterator[None]:
    """Report an error of an alert, of whatever kind, instead of raising it.

    The failure that the alert is about is more important: its exit code and its row in
    `ops.runs` do not depend on the alert.
    """
    try:
        yield
    except NightshiftError as error:
        _warn(f"{name} was not sent: {error}")
    except Exception as error:
        log.exception("alert not sent")
        _warn(f"{name} was not sent: {type(error).__name__}: {error}")


@contextmanager
def _logged() -> Iterator[None]:
    """Log an error of the ledger instead of raising it."""
    try:
        yield
    except NightshiftError as error:
        log.error("state of the alert not recorded", error=str(error))


def _warn(text: str) -> None:
    """Print one line if enabled, and log it; Luigi's command prints the log."""
    line = " ".join(redaction.redact(text).split())
    log.error("alert", problem=line)
    progress.print_line(line, outcome="failed")
