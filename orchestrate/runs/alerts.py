"""What people are told of a run that failed, and that it is well again: one mail each.

Sent when the run is over, after the last retry; nothing when no mail is set up. A mail
server that does not take them is told of in the log, for the run has ended already.
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
from loaders.ledger import runs as run_ledger
from loaders.salesforce import ledger as salesforce
from orchestrate import progress
from orchestrate.dbt import graph as dbt_graph
from orchestrate.planning import run_state
from orchestrate.runs.blocked import SYNC, Blocked, blocked, in_order
from orchestrate.runs.outcome import ExitCode, Outcome, TaskEnd
from orchestrate.tasks.parameters import DEFAULT_ENV, DEFAULT_VERSION
from reports.morning import rendering

MESSAGE_LETTERS = 1500
SHOWN_FAILURES = 8
PARTITION = "RawPartition"

log = structlog.get_logger()


def tell_failure(root: luigi.Task, outcome: Outcome) -> None:
    """Mail one digest of the run: what failed, what waits for it, what to do."""
    graph = _graph()
    failures = in_order(outcome.failures, graph)
    found = blocked(failures, graph)
    answer, reason = can_wait(failures, found)
    first = failures[0]
    told = {
        **_of_run(root, outcome),
        "first": _of_failure(first),
        "others": [_of_failure(end) for end in failures[1 : SHOWN_FAILURES + 1]],
        "more": max(0, len(failures) - SHOWN_FAILURES - 1),
        "blocked": found,
        "can_wait": answer,
        "reason": reason,
    }
    name = " ".join(filter(None, (first.task, first.thing)))
    _send(f"The night of {root.data_date} failed: {name}", "failed", told)


def tell_recovery(
    root: luigi.Task, outcome: Outcome, troubles: Sequence[run_ledger.Run]
) -> None:
    """Mail that what had failed, or was left over, is well; nothing without trouble."""
    is_done = outcome.exit_code == ExitCode.DONE
    over = [run for run in troubles if is_done or run.has_failed]
    if not over:
        return
    first = over[0]
    told = {
        **_of_run(root, outcome),
        "since": first.finished_at,
        "tries": len(over),
        "cause": _shown(first.message),
        "had_failed": any(run.has_failed for run in over),
        "is_done": is_done,
    }
    _send(f"The night of {first.data_date} is well again", "recovered", told)


def can_wait(failures: Sequence[TaskEnd], found: Blocked) -> tuple[str, str]:
    """Say whether it can wait until morning, and why."""
    tasks = {end.task for end in failures}
    if SYNC in tasks and _is_half_sent():
        return (
            "No",
            "A part of the night's values is on its way to Salesforce and its answers "
            "are not recorded. Running again finishes it; until then sales may see old "
            "values beside new ones.",
        )
    if found.is_whole_night or found.salesforce or SYNC in tasks:
        waits_for = (
            " Only the producer of the raw data can finish the partition; until then "
            "running again changes nothing."
            if tasks == {PARTITION}
            else ""
        )
        return (
            "Yes, until sales begins its day",
            "Nothing is lost: Looker shows the last finished night and Salesforce "
            "keeps its last values. Sales should not call by them for long."
            + waits_for,
        )
    return (
        "Yes",
        "Salesforce has the night's values, or gets them all the same. What is missing "
        "can be made at any time, from what is in the warehouse.",
    )


def resume_command(root: luigi.Task) -> str:
    """Return the line that goes on where the run stopped."""
    first = root.data_date_from or root.data_date
    words = ["nightshift", "run", "--date", str(root.data_date)]
    if first != root.data_date:
        words = ["nightshift", "backfill", "--from", str(first)]
        words += ["--to", str(root.data_date)]
    if root.env != DEFAULT_ENV:
        words += ["--env", root.env]
    if root.version != DEFAULT_VERSION:
        words += ["--version", root.version]
    return shlex.join(words)


def _graph() -> dbt_graph.Graph | None:
    """Return the graph of models; None when that is what cannot be read."""
    try:
        return dbt_graph.load()
    except NightshiftError:
        return None


def _of_run(root: luigi.Task, outcome: Outcome) -> dict[str, Any]:
    return {
        "data_date": root.data_date,
        "place": f"{root.env}/{root.version} on {dbt_profile.target().name}",
        "run_id": outcome.run_id,
        "command": resume_command(root),
        "done": len(outcome.done),
        "written_at": now(),
        "is_mail": True,
    }


def _of_failure(end: TaskEnd) -> dict[str, str]:
    return {
        "name": " ".join(filter(None, (end.task, end.thing))),
        "error": _shown(end.error),
    }


def _shown(error: str) -> str:
    text = redaction.hidden(error.strip())
    return text if len(text) <= MESSAGE_LETTERS else f"{text[:MESSAGE_LETTERS]} …"


def _is_half_sent() -> bool:
    """Say whether rows went to Salesforce whose fate nobody has noted."""
    try:
        with warehouse.session() as connection:
            return bool(salesforce.open_chunks(connection, run_state.SALESFORCE_OBJECT))
    except NightshiftError:
        return False


def _send(subject: str, template: str, told: dict[str, Any]) -> None:
    given = settings.load()
    to = mail.on_call(given)
    if mail.why_no_mail(given.smtp, to):
        return
    letter = mail.Letter(
        subject=f"{subject} ({told['place']})",
        text=rendering.notice(f"{template}.txt", told),
        html=rendering.notice(f"{template}.html", told),
        reference=f"{template}.{told['run_id']}",
    )
    try:
        mail.send(letter, given.smtp, to)
    except NightshiftError as error:
        log.error("notice not mailed", subject=letter.subject, error=str(error))
        progress.line(f"Mail “{subject}” was not sent: {error}", outcome="failed")
