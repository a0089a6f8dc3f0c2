"""Later data dates: what a run recomputes of them, and what it leaves to their runs.

A run depends on its own and on earlier partitions. Dates after it depend on it, so a
rebuild includes each later date that is already built. A later date that is waiting,
failed or half done changes nothing: its results are not part of the rebuild, and it is
built, archived and sent by its own run.
"""

from datetime import date

from loaders import ledger
from orchestrate.planning.exports import TRIAL_METRICS, is_exported
from orchestrate.planning.run_state import LastDates, RunState

# A sync with one of these statuses left nothing to send.
ACCEPTED_STATUSES = ("success", "superseded", "rolled_back")
# A run with one of these statuses did everything but what Salesforce rejected.
FINISHED_STATUSES = ("done", "rejected")
STALE_MARKS = (ledger.RERUN, ledger.STARTED, ledger.DISCARDED)


def last_dates(state: RunState) -> LastDates:
    """Return the last dates of the run's results, as they were at its start."""
    key = (state.data_date, state.data_date_from, state.env, state.version)
    if key not in state.known_last_dates:
        state.known_last_dates[key] = _find_last_dates(state)
    return state.known_last_dates[key]


def last_build_date(state: RunState, model: str) -> date:
    """Return the last data date that a build of the model must cover.

    An exported mart contains one date only: the one to send.
    """
    dates = last_dates(state)
    return dates.synced if is_exported(model) else dates.built


def has_finished(state: RunState, day: date) -> bool:
    """Return whether the last run that included the date finished, if there was one."""
    including = [
        (time, status)
        for (first, last), (status, time) in state.completed.runs.items()
        if first <= day <= last
    ]
    return not including or max(including)[1] in FINISHED_STATUSES


def is_built(state: RunState, model: str, day: date) -> bool:
    """Return whether the model's latest build for the date has passed its tests."""
    record = state.builds_of(model).get(day)
    return record is not None and record[1] not in STALE_MARKS


def contains_later_date(state: RunState, model: str, last: date) -> bool:
    """Return whether a build for a date after `last` has changed the model's table.

    The latest build counts, also one that failed or was interrupted.
    """
    times = state.completed.times
    built_at = times.get(("model", model, last))
    return built_at is not None and any(
        day > last
        and record[1] != ledger.DISCARDED
        and times.get(("model", model, day), built_at) >= built_at
        for day, record in state.builds_of(model).items()
    )


def later_dates(state: RunState, model: str, last: date) -> list[date]:
    """Return the dates after `last` for which the model was built or is requested."""
    return sorted(
        day
        for day, record in state.builds_of(model).items()
        if day > last and record[1] != ledger.DISCARDED
    )


def _find_last_dates(state: RunState) -> LastDates:
    own = state.data_date
    days = {day for _, day in state.completed.models}
    later = sorted((day for day in days if day > own), reverse=True)
    built = next((day for day in later if _is_built(state, day)), own)
    return LastDates(
        built=built,
        published=built if _is_published(state, built) else own,
        synced=built if built > own and _is_synced(state, built) else own,
    )


def _is_built(state: RunState, day: date) -> bool:
    """Return whether every model that reads raw data is built for the date.

    If their inputs have changed since, the date's own run must have finished. Then an
    earlier partition has changed, and the run that loads it rebuilds this date too.
    """
    models = [
        node
        for node in state.graph.nodes.values()
        if node.sources
        # An export contains one date only, whichever was built last.
        and not is_exported(node.name)
        and any(
            is_built(state, node.name, built) for built in state.builds_of(node.name)
        )
    ]
    if not models or not all(is_built(state, node.name, day) for node in models):
        return False
    return has_finished(state, day) or all(
        state.completed.models[node.name, day][1] == state.input_fingerprint(node, day)
        for node in models
    )


def _is_published(state: RunState, day: date) -> bool:
    """Return whether the date's own run finished and archived every dataset."""
    archives = state.completed.archives
    return has_finished(state, day) and all(
        (name, day) in archives for name, _ in archives
    )


def _is_synced(state: RunState, day: date) -> bool:
    """Return whether the date was sent, and a later change is not its own run's."""
    fingerprint, status = state.completed.syncs.get(
        (TRIAL_METRICS.object, day), ("", ledger.RERUN)
    )
    if status not in ACCEPTED_STATUSES:
        return False
    is_current = fingerprint == state.built_fingerprint(TRIAL_METRICS.model, day)
    return is_current or has_finished(state, day)
