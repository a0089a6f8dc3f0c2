"""Alerts: one when a run has failed, one when a later run recovers.

They are sent at the end of a run, after its last retry: by mail to on call, and to the
services of NIGHTSHIFT_ALERTS__URLS. Services get one alert for all reruns that fail in
the same way, and the recovery if they got an alert.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import luigi
import structlog

from loaders import alerts as services
from loaders import warehouse
from loaders.config import dbt_profile, redaction
from loaders.errors import NightshiftError
from loaders.ledger import alerts as ledger
from loaders.ledger import now
from loaders.ledger.mails import ALERT, SERVICE_ALERT, Mail
from loaders.ledger.runs import RunRecord, unresolved_runs
from loaders.mime import Message
from orchestrate.dbt import graph
from orchestrate.runs import alert_delivery, links
from orchestrate.runs.alert_text import Alert, wordings
from orchestrate.runs.blocked import Blocked, find_blocked, sort_by_flow
from orchestrate.runs.outcome import ExitCode, Outcome, TaskResult
from orchestrate.runs.remedy import SEVERITIES, can_wait, fingerprint, resume_command
from reports.morning import rendering

MAX_ERROR_LENGTH = 1500
MAX_SHOWN_FAILURES = 8
log = structlog.get_logger()


def unresolved_runs_of(root: luigi.Task) -> list[RunRecord]:
    """Return earlier runs of the same data dates that failed or left rejects."""
    if not warehouse.exists():
        return []
    first = root.data_date_from or root.data_date
    with warehouse.session() as connection:
        return unresolved_runs(
            connection, first, root.data_date, env=root.env, version=root.version
        )


def send_failure_alert(root: luigi.Task, outcome: Outcome) -> None:
    """Send what failed, what is blocked downstream, and how to resume the run."""
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
    severity = SEVERITIES[answer]
    title = f"The run for {root.data_date} failed: {root_cause.name}"
    alert = Alert(
        severity=severity,
        title=f"{title} ({context['environment']})",
        root_cause=root_cause.name,
        error=_shorten(root_cause.error),
        command=context["command"],
        can_wait=answer,
        reason=reason,
        others=[list(_failure_context(failure).values()) for failure in others],
        blocked=_blocked_lists(blocked),
        links=links.of_run(root),
        notes=_notes(context),
    )
    same = fingerprint(severity, root_cause)
    earlier = _earlier_alert(root, same)
    _send(root, alert, "failed", context, same_failure=same, earlier=earlier)


def send_recovery_alert(
    root: luigi.Task, outcome: Outcome, unresolved: Sequence[RunRecord]
) -> None:
    """Send that earlier failed runs are resolved; send nothing if there are none.

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
    alert = Alert(
        severity=services.RECOVERED,
        title=f"The run for {first.data_date} recovered ({context['environment']})",
        error=context["root_cause"],
        notes=[_recovery_note(context), *_notes(context)],
        links=links.of_run(root),
    )
    with _reported("The recovery alert"):
        _send(root, alert, "recovered", context, resolved=resolved)


def send_open_alerts(root: luigi.Task) -> None:
    """Send alerts of earlier runs to the recipients who still wait for them."""
    with _reported("An earlier alert"):
        alert_delivery.send_open(root)


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


def _blocked_lists(blocked: Blocked) -> dict[str, list[str]]:
    """Return what is blocked by kind, without kinds of which nothing is blocked."""
    lists = {
        "models": list(blocked.models),
        "archive": list(blocked.datasets),
        "publishing": [
            *(["Salesforce"] if blocked.salesforce else []),
            *(["the morning report"] if blocked.report else []),
        ],
    }
    if blocked.is_everything:
        return {"everything": ["the whole run"]}
    return {kind: names for kind, names in lists.items() if names}


def _recovery_note(context: dict[str, Any]) -> str:
    since = f"{context['since']:%Y-%m-%d %H:%M} UTC"
    times = "once" if context["attempts"] == 1 else f"{context['attempts']} times"
    note = (
        f"It failed {times}, first at {since}."
        if context["had_failed"]
        else f"Salesforce has accepted the rows that it rejected since {since}."
    )
    rejects = " Salesforce still rejects rows: nightshift salesforce rejects"
    return note + (" No action is needed." if context["is_done"] else rejects)


def _notes(context: dict[str, Any]) -> list[str]:
    return [f"Run {context['run_id']}, {context['done']} task(s) done."]


def _earlier_alert(root: luigi.Task, same_failure: str) -> str:
    """Return the first alert about the same failure since the last complete run."""
    alert = Mail("", SERVICE_ALERT, root.data_date, root.env, root.version)
    try:
        run_ids = {run.run_id for run in unresolved_runs_of(root)}
        if not run_ids:
            return ""
        with warehouse.session() as connection:
            found = ledger.find_alerts(connection, alert, run_ids)
    except NightshiftError as error:
        log.error("earlier alerts not known", error=str(error))
        return ""
    return next((name for name, other in found if other == same_failure), "")


def _services_that_know(root: luigi.Task, resolved: Sequence[RunRecord]) -> set[str]:
    """Return the services that have an alert about one of these runs."""
    known: set[str] = set()
    run_ids = {run.run_id for run in resolved}
    with warehouse.session() as connection:
        for day in {run.data_date for run in resolved}:
            alert = Mail("", SERVICE_ALERT, day, root.env, root.version)
            found = ledger.find_alerts(connection, alert, run_ids)
            references = {name for name, _ in found}
            known |= ledger.services_with(connection, alert, references)
    return known


def _send(
    root: luigi.Task,
    alert: Alert,
    template: str,
    context: dict[str, Any],
    *,
    same_failure: str = "",
    earlier: str = "",
    resolved: Sequence[RunRecord] = (),
) -> None:
    """Record an alert, and send it by mail and to the services that lack it."""
    is_recovery = alert.severity == services.RECOVERED
    urls = alert_delivery.service_urls("" if is_recovery else alert.severity)
    has_mail = alert_delivery.has_mail()
    if not has_mail and not urls:
        return
    reference = f"{template}.{context['run_id']}"
    key = (root.data_date, root.env, root.version)
    message = Message(
        subject=alert.title,
        text=rendering.render_alert(f"{template}.txt", context),
        html=rendering.render_alert(f"{template}.html", context),
        reference=reference,
    )
    mail = Mail(reference, ALERT, *key)
    if has_mail or not earlier:
        content = ledger.AlertRecord(
            message.subject,
            message.text if has_mail else wordings(alert)[0].plain,
            alert.severity,
            same_failure,
            asdict(alert),
        )
        alert_delivery.record(mail, content, run_id=context["run_id"])
    if has_mail:
        with _reported("The alert by mail"):
            alert_delivery.send_mail(root, mail, message)
    if urls:
        known = _services_that_know(root, resolved) if is_recovery else None
        entry = Mail(earlier or reference, SERVICE_ALERT, *key)
        alert_delivery.send_to_services(root, entry, alert, urls, only=known)


@contextmanager
def _reported(name: str) -> Iterator[None]:
    """Report an error of an alert, of whatever kind, instead of raising it.

    The failure that the alert is about is more important: its exit code and its row in
    `ops.runs` do not depend on the alert.
    """
    try:
        yield
    except NightshiftError as error:
        alert_delivery.warn(f"{name} was not sent: {error}")
    except Exception as error:
        log.exception("alert not sent")
        alert_delivery.warn(f"{name} was not sent: {type(error).__name__}: {error}")
