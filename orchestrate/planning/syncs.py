"""Whether the built export must be synced to Salesforce, and why."""

from datetime import date

from loaders import ledger
from loaders.config.salesforce_mapping import SALESFORCE_MODEL
from orchestrate.planning.later_dates import ACCEPTED_STATUSES, last_dates
from orchestrate.planning.run_state import (
    RERUN_REQUESTED,
    SALESFORCE_OBJECT,
    RunState,
)


def own_reason(state: RunState) -> str:
    """Return why the export must be synced even if it is not rebuilt, or ''."""
    day = last_dates(state).synced
    record = state.completed.syncs.get((SALESFORCE_OBJECT, day))
    if record is not None and record[1] == ledger.RERUN:
        return RERUN_REQUESTED
    if superseding_date(state):
        return ""
    if record is None:
        return f"never synced for {day}"
    fingerprint, status = record
    if status not in ACCEPTED_STATUSES:
        return f"the last sync ended with status {status}"
    expected = state.built_fingerprint(SALESFORCE_MODEL, day)
    return "" if fingerprint == expected else f"{SALESFORCE_MODEL} changed"


def incomplete_reason(state: RunState) -> str:
    """Return why the last sync is incomplete, or ''."""
    day = last_dates(state).synced
    record = state.completed.syncs.get((SALESFORCE_OBJECT, day))
    if record is None or record[1] in ACCEPTED_STATUSES or superseding_date(state):
        return ""
    return f"the sync of {day} ended with status {record[1]}"


def superseding_date(state: RunState) -> date | None:
    """Return the latest date after the synced one that Salesforce has accepted."""
    return max(
        (
            day
            for (name, day), (_, status) in state.completed.syncs.items()
            if name == SALESFORCE_OBJECT
            and day > last_dates(state).synced
            and status in ACCEPTED_STATUSES
        ),
        default=None,
    )


def newer_date_sent(state: RunState) -> date | None:
    """Return the data date whose values Salesforce has instead of the run's, if any."""
    synced = last_dates(state).synced
    return synced if synced > state.data_date else superseding_date(state)
