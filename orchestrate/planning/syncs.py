"""Whether the built exports must be synced to Salesforce, and why."""

from datetime import date

from loaders import ledger
from orchestrate.planning.exports import TRIAL_METRICS, Export, scheduled_exports
from orchestrate.planning.later_dates import ACCEPTED_STATUSES, last_dates
from orchestrate.planning.run_state import RERUN_REQUESTED, RunState


def own_reason(state: RunState, export: Export = TRIAL_METRICS) -> str:
    """Return why the export must be synced even if it is not rebuilt, or ''."""
    day = last_dates(state).synced
    record = state.completed.syncs.get((export.object, day))
    if record is not None and record[1] == ledger.RERUN:
        return RERUN_REQUESTED
    if superseding_date(state, export):
        return ""
    if record is None:
        return f"never synced for {day}"
    fingerprint, status = record
    if status not in ACCEPTED_STATUSES:
        return f"the last sync ended with status {status}"
    expected = state.built_fingerprint(export.model, day)
    return "" if fingerprint == expected else f"{export.model} changed"


def incomplete_reason(state: RunState) -> str:
    """Return why the last sync of a scheduled export is incomplete, or ''."""
    day = last_dates(state).synced
    for export in scheduled_exports():
        record = state.completed.syncs.get((export.object, day))
        if record is None or record[1] in ACCEPTED_STATUSES:
            continue
        if not superseding_date(state, export):
            return f"the sync of {day} to {export.object} ended with status {record[1]}"
    return ""


def superseding_date(state: RunState, export: Export = TRIAL_METRICS) -> date | None:
    """Return the latest date after the synced one that Salesforce has accepted."""
    return max(
        (
            day
            for (name, day), (_, status) in state.completed.syncs.items()
            if name == export.object
            and day > last_dates(state).synced
            and status in ACCEPTED_STATUSES
        ),
        default=None,
    )


def newer_date_sent(state: RunState) -> date | None:
    """Return the data date whose values Salesforce has instead of the run's, if any."""
    synced = last_dates(state).synced
    return synced if synced > state.data_date else superseding_date(state)
