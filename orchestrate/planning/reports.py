"""Which reports a run must publish, and why: new ones and outdated ones."""

import hashlib
from dataclasses import asdict
from datetime import date

from loaders import archive, ledger, warehouse
from loaders.config import settings
from loaders.config.dbt_project import project_vars
from loaders.ledger.reports import OPEN, PENDING, count_rerun_requests, latest
from orchestrate.planning import archives, run_state
from orchestrate.planning.changed_partitions import find_changed_partitions
from orchestrate.planning.exports import TRIAL_METRICS, scheduled_exports
from orchestrate.planning.later_dates import last_dates
from orchestrate.planning.run_state import RERUN_REQUESTED, RunState
from orchestrate.planning.stale_models import sync_stale_reason
from orchestrate.run_id import RUN_ID
from reports.morning.data import MODELS
from reports.morning.request import ReportRequest

REPORT = "report"


def affected_days(state: RunState) -> list[date]:
    """Return the run's data date, and other days whose report may have changed."""
    published = [
        day for day in archives.affected_days(state) if day in state.completed.reports
    ]
    return sorted({*published, state.data_date})


def stale_reason(state: RunState, day: date) -> str:
    """Return why the day's report must be published, or ''."""
    record = state.completed.reports.get(day)
    reason = page_stale_reason(state, day)
    # The mail of another date is sent by the run of that date.
    is_own = day == state.data_date
    if not reason and is_own and record and record[1] == PENDING:
        return "its mail was not sent"
    return reason


def open_mail_days(state: RunState) -> list[date]:
    """Return the dates up to the run's whose mail has recipients who wait for it."""
    return sorted(
        day
        for day, (_, mail_status) in state.completed.reports.items()
        if mail_status == OPEN and day <= state.data_date
    )


def open_mail_reason(state: RunState) -> str:
    """Return which mail must be sent again, or '' if this run has done so already."""
    days = open_mail_days(state)
    if not days:
        return ""
    key = {"env": state.env, "version": state.version}
    with warehouse.session() as connection:
        waiting = [
            str(day)
            for day in days
            if latest(connection, day, **key).get("run_id") != RUN_ID
        ]
    return f"recipients wait for the mail of {', '.join(waiting)}" if waiting else ""


def mail_reference(state: RunState, day: date) -> str:
    """Return the reference of the day's mail, which changes with a requested rerun.

    A mail that is sent twice, because the server's confirmation was lost, has the same
    reference both times.
    """
    with warehouse.session() as connection:
        requests = count_rerun_requests(
            connection, day, env=state.env, version=state.version
        )
    identity = f"{archives.root_url(state)}\0{day}\0{requests}"
    return f"{REPORT}.{day}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def page_stale_reason(state: RunState, day: date) -> str:
    """Return why the day's page must be written, or ''."""
    record = state.completed.reports.get(day)
    if record is None:
        return "never written"
    is_later = day > state.data_date
    if record[0] == ledger.RERUN:
        return "" if is_later else RERUN_REQUESTED
    if day == last_dates(state).synced and any(
        sync_stale_reason(state, export) for export in scheduled_exports()
    ):
        return "Salesforce will be synced"
    if record[0] != fingerprint(state, day):
        return "its figures changed"
    is_written = day in archive.complete_days(archives.root_url(state), REPORT)
    return "" if is_written or is_later else "missing on S3"


def fingerprint(state: RunState, day: date) -> str:
    """Digest the inputs of the day's report: its models' rows and the sync."""
    syncs = [
        text
        for export in scheduled_exports()
        for text in state.completed.syncs.get((export.object, day), ("", ""))
    ]
    models = [state.expected_fingerprint(model, day) for model in MODELS]
    return hashlib.sha256("\0".join([*models, *syncs]).encode()).hexdigest()


def report_request(state: RunState, day: date) -> ReportRequest:
    """Return the request from which the day's report is made."""
    config = settings.load()
    own = run_state.load(day, env=state.env, version=state.version)
    return ReportRequest(
        data_date=day,
        env=state.env,
        version=state.version,
        variables=project_vars(),
        salesforce_object=TRIAL_METRICS.object,
        salesforce_url=config.salesforce.instance_url or "",
        looker_url=config.report.looker_url or "",
        changed_partitions=[asdict(item) for item in find_changed_partitions(own)],
    )
