"""Which reports a run must publish, and why: new ones and outdated ones."""

import hashlib
from datetime import date

from loaders import archive, ledger
from loaders.config.dbt_project import project_vars
from loaders.ledger.reports import PENDING
from loaders.salesforce.mapping import SALESFORCE_MODEL
from orchestrate.planning import archives
from orchestrate.planning.run_state import RERUN_REQUESTED, SALESFORCE_OBJECT, RunState
from reports.morning.data import MODELS, ReportRequest

REPORT = "report"


def affected_days(state: RunState) -> list[date]:
    """Return the run's data date, and earlier days whose report may have changed."""
    earlier = [
        day for day in archives.affected_days(state) if day in state.completed.reports
    ]
    return sorted({*earlier, state.data_date})


def stale_reason(state: RunState, day: date) -> str:
    """Return why the day's report must be published, or ''."""
    record = state.completed.reports.get(day)
    reason = page_stale_reason(state, day)
    if not reason and record and record[1] == PENDING:
        return "its mail was not sent"
    return reason


def page_stale_reason(state: RunState, day: date) -> str:
    """Return why the day's page must be written, or ''."""
    record = state.completed.reports.get(day)
    if record is None:
        return "never written"
    if record[0] == ledger.RERUN:
        return RERUN_REQUESTED
    if day == state.newest_data_date and state.sync_stale_reason(SALESFORCE_MODEL):
        return "Salesforce will be synced"
    if record[0] != fingerprint(state, day):
        return "its figures changed"
    if day not in archive.complete_days(archives.root_url(state), REPORT):
        return "missing on S3"
    return ""


def fingerprint(state: RunState, day: date) -> str:
    """Digest the inputs of the day's report: its models' rows and the sync."""
    sync = state.completed.syncs.get((SALESFORCE_OBJECT, day), ("", ""))
    models = [state.expected_fingerprint(model, day) for model in MODELS]
    return hashlib.sha256("\0".join([*models, *sync]).encode()).hexdigest()


def report_request(state: RunState, day: date, *, salesforce_url: str) -> ReportRequest:
    """Return the request from which the day's report is made."""
    return ReportRequest(
        data_date=day,
        env=state.env,
        version=state.version,
        variables=project_vars(),
        salesforce_object=SALESFORCE_OBJECT,
        salesforce_url=salesforce_url,
    )
