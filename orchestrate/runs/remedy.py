"""What to do about a failed run: how urgent it is, and the command that resumes it."""

import re
import shlex
from collections.abc import Sequence
from hashlib import sha256

import luigi

from loaders import warehouse
from loaders.config.alert_urls import CRITICAL, ERROR, WARNING
from loaders.errors import NightshiftError
from loaders.ledger.salesforce import open_chunks
from orchestrate.planning.exports import scheduled_exports
from orchestrate.runs.blocked import SYNCS, Blocked
from orchestrate.runs.outcome import TaskResult
from orchestrate.tasks.parameters import (
    DEFAULT_ENV,
    DEFAULT_VERSION,
    result_name,
)

PARTITION = "RawPartition"
# Whether the fix can wait, and the severity of the alert for each answer.
NO = "No"
BEFORE_BUSINESS_HOURS = "Yes, but fix it before business hours"
YES = "Yes"
SEVERITIES = {NO: CRITICAL, BEFORE_BUSINESS_HOURS: ERROR, YES: WARNING}
# What differs between two errors with the same cause: numbers, ids, times.
VARYING = re.compile(r"\b[0-9a-fA-F-]*\d[0-9a-fA-F-]*\b|\d+")


def can_wait(failures: Sequence[TaskResult], blocked: Blocked) -> tuple[str, str]:
    """Return whether the fix can wait until morning, and why."""
    tasks = {failure.task for failure in failures}
    if tasks.intersection(SYNCS) and _has_open_sync():
        return (
            NO,
            "Some of the run's values were sent to Salesforce, but the results are not "
            "recorded. Running again finishes the sync. Until then, Salesforce may "
            "show old values beside new ones.",
        )
    if blocked.is_everything or blocked.salesforce or tasks.intersection(SYNCS):
        needs_producer = (
            " Only the producer of the raw data can complete the partition; running "
            "again before that does not help."
            if tasks == {PARTITION}
            else ""
        )
        return (
            BEFORE_BUSINESS_HOURS,
            "No data is lost. Until the run is complete, Looker and Salesforce keep "
            "their last values, which are outdated." + needs_producer,
        )
    return (
        YES,
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


def fingerprint(severity: str, root_cause: TaskResult) -> str:
    """Return a hash that is equal for failures of the same cause and urgency."""
    error = VARYING.sub("#", " ".join(root_cause.error.split()))
    text = "\n".join((severity, root_cause.name, root_cause.error_type, error))
    return sha256(text.encode(errors="replace")).hexdigest()


def _has_open_sync() -> bool:
    """Return whether rows were sent to Salesforce whose results are not recorded."""
    try:
        with warehouse.session() as connection:
            return any(
                open_chunks(connection, export.object) for export in scheduled_exports()
            )
    except NightshiftError:
        return False
