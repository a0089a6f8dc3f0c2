"""Which models a run must build, and why."""

from datetime import date, datetime, timedelta
from functools import lru_cache

from loaders import ledger
from orchestrate.dbt.graph import Node
from orchestrate.planning import finality, syncs
from orchestrate.planning.exports import TRIAL_METRICS, Export, scheduled_exports
from orchestrate.planning.later_dates import (
    contains_later_date,
    is_built,
    last_build_date,
    last_dates,
)
from orchestrate.planning.run_state import RERUN_REQUESTED, RunState

MARK_REASONS = {
    ledger.RERUN: RERUN_REQUESTED,
    ledger.STARTED: "its last build failed or was interrupted",
    ledger.DISCARDED: "an earlier date was rebuilt",
}


# States change seldom, and every task of a run asks.
CACHED_STATES = 8


def build_stale_reason(state: RunState, model: str) -> str:
    """Return why the model must be built for the run's data dates, or ''."""
    return find_stale_models(state).get(model, "")


def sync_stale_reason(state: RunState, export: Export = TRIAL_METRICS) -> str:
    """Return why the export must be synced to Salesforce, or ''."""
    is_superseded = syncs.superseding_date(state, export) is not None
    if build_stale_reason(state, export.model) and not is_superseded:
        return f"{export.model} will be rebuilt"
    return syncs.own_reason(state, export)


def build_window(state: RunState, models: list[str]) -> tuple[date, date]:
    """Return the first and last data date that a build of `models` must cover.

    It ends at the latest date that is built, because earlier dates affect later ones.
    The models must have the same last date.
    """
    starts = [_first_day_to_build(state, state.graph.nodes[name]) for name in models]
    return min([state.data_date, *starts]), last_build_date(state, models[0])


@lru_cache(maxsize=CACHED_STATES)
def find_stale_models(state: RunState) -> dict[str, str]:
    """Return the reason of each model that must be built for the run's data dates.

    If a later date is not complete, its builds may have changed tables that a stale
    model reads, or the exported mart. These models are stale, too.
    """
    stale = {
        name: reason
        for name, node in state.graph.nodes.items()
        if (reason := _own_reason(state, node))
    }
    day = last_dates(state).synced
    for export in scheduled_exports():
        model = export.model
        if model not in state.graph.nodes or not syncs.own_reason(state, export):
            continue
        if not is_built(state, model, day):
            stale.setdefault(model, f"never built for {day}")
        elif contains_later_date(state, model, day):
            stale.setdefault(model, f"it contains a date after {day}")
    for name in state.graph.with_ancestors(*stale):
        last = last_build_date(state, name)
        if contains_later_date(state, name, last):
            reason = f"it contains a date after {last} that is not complete"
            stale.setdefault(name, reason)
    return stale


def has_code_changed(state: RunState, model: str) -> bool:
    """Return whether the model's table was built by different code.

    The latest build counts, also one that failed or was interrupted.
    """
    node = state.graph.nodes[model]
    times = state.completed.times
    checksums = [
        (times.get(("model", model, day), datetime.min), day, record[0])
        for day, record in state.builds_of(model).items()
        if record[0]
    ]
    if not checksums or not state.node_exists(node):
        return False
    return max(checksums)[-1] != node.code_checksum


def _first_day_to_build(state: RunState, node: Node) -> date:
    """Return the first stale day, or the first day of the gap without loads before it.

    An org that is missing in an export is carried forward, also into days of a gap.
    """
    stale = state.first_stale_day(node)
    earlier = [
        day
        for source, day in state.completed.loads
        if source in node.sources and day < stale
    ]
    if not earlier:
        return stale
    after_loads = max(earlier) + timedelta(days=1)
    return min(stale, max(after_loads, finality.first_open_date(state.completed)))


def _own_reason(state: RunState, node: Node) -> str:
    for day in state.data_dates():
        record = state.completed.models.get((node.name, day))
        if record is None:
            return f"never built for {day}"
        if not state.node_exists(node):
            return "its table is missing"
        code_checksum, fingerprint = record
        if fingerprint in MARK_REASONS:
            return MARK_REASONS[fingerprint]
        if code_checksum != node.code_checksum:
            return "its code changed"
        if fingerprint != state.input_fingerprint(node, day):
            return "its inputs changed"
    return ""
