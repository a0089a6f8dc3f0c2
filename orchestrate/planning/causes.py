"""The upstream cause of each stale task: what changed, or what it waits for."""

from collections.abc import Callable
from datetime import date

from loaders import ledger
from orchestrate.planning import reports
from orchestrate.planning.exports import TRIAL_METRICS, Export
from orchestrate.planning.later_dates import is_built
from orchestrate.planning.run_state import RERUN_REQUESTED, RunState
from orchestrate.planning.stale_models import build_stale_reason
from reports.morning.data import MODELS

MAX_SHOWN = 3


def cause_of_model(state: RunState, model: str) -> str:
    """Return which partitions, code or requests make the model stale, or ''.

    Names what is furthest upstream: a changed macro of a staging view, for example,
    is the cause of all models that read the view.
    """
    if not build_stale_reason(state, model):
        return ""
    causes = [
        _partitions_to_load(state, model),
        _origins(state, model, "the code of {} changed", _has_changed_code),
        _origins(state, model, f"{RERUN_REQUESTED} for {{}}", _is_requested),
        _origins(state, model, "the build of {} did not finish", _is_unfinished),
        _origins(state, model, "{} is missing", _is_missing),
        _reloaded_partitions(state, model),
    ]
    return "; ".join(filter(None, causes))


def cause_of_sync(state: RunState, export: Export = TRIAL_METRICS) -> str:
    """Return why the exported mart is stale, or ''."""
    return cause_of_model(state, export.model)


def cause_of_report(state: RunState) -> str:
    """Return why the models that the report of the data date reads are stale, or ''."""
    causes = [cause_of_model(state, model) for model in MODELS]
    if not any(causes) and reports.page_stale_reason(state, state.data_date):
        causes.append(cause_of_sync(state))
    return "; ".join(dict.fromkeys(filter(None, causes)))


def _partitions_to_load(state: RunState, model: str) -> str:
    parts = []
    for source in sorted(state.graph.nodes[model].sources):
        for day in state.days_to_load(source):
            reason = state.load_stale_reason(source, day)
            if not reason:
                continue
            if not state.partition(source, day).is_complete:
                reason += ", _SUCCESS is missing"
            parts.append(f"{source} {day} ({reason})")
    return _listed(parts)


def _reloaded_partitions(state: RunState, model: str) -> str:
    """Return the partitions that were loaded after the model was built."""
    times = state.completed.times
    built = [times.get(("model", model, day)) for day in state.data_dates()]
    built_at = min(filter(None, built), default=None)
    if built_at is None:
        return ""
    parts = [
        f"{source} {day}"
        for (source, day) in sorted(state.completed.loads, key=lambda key: key[::-1])
        if source in state.graph.nodes[model].sources
        and day <= state.data_date
        and times.get(("load", source, day), built_at) > built_at
    ]
    return f"{_listed(parts)} loaded since" if parts else ""


Test = Callable[[RunState, str], bool]


def _origins(state: RunState, model: str, text: str, test: Test) -> str:
    """Return `text` with the models that pass the test and have no parent that does."""
    found = [name for name in state.graph.with_ancestors(model) if test(state, name)]
    first = [
        name
        for name in found
        if not set(found).intersection(state.graph.nodes[name].parents)
    ]
    return text.format(_listed(first)) if first else ""


def _has_changed_code(state: RunState, model: str) -> bool:
    checksum = state.graph.nodes[model].code_checksum
    return any(
        is_built(state, model, day)
        and state.completed.models[model, day][0] != checksum
        for day in state.data_dates()
    )


def _is_requested(state: RunState, model: str) -> bool:
    return _has_mark(state, model, ledger.RERUN)


def _is_unfinished(state: RunState, model: str) -> bool:
    return _has_mark(state, model, ledger.STARTED)


def _has_mark(state: RunState, model: str, mark: str) -> bool:
    days: list[date] = state.data_dates()
    records = (state.completed.models.get((model, day)) for day in days)
    return any(record is not None and record[1] == mark for record in records)


def _is_missing(state: RunState, model: str) -> bool:
    node = state.graph.nodes[model]
    return bool(state.builds_of(model)) and not state.node_exists(node)


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:MAX_SHOWN])
    more = len(names) - MAX_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
