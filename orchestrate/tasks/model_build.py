"""Builds the stale models of a run together and records each one in the ledger.

Ledger rows are written for several models together, once a model and its tests have
ended. A killed run keeps the models that it recorded, and one failed model does not
affect unrelated ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from loaders import ledger, warehouse
from loaders.errors import TransientError
from orchestrate import progress
from orchestrate.dbt.build import ModelResult, build
from orchestrate.planning import run_state
from orchestrate.planning.later_dates import last_build_date, later_dates
from orchestrate.planning.run_state import RunState
from orchestrate.planning.stale_models import (
    build_stale_reason,
    build_window,
    has_code_changed,
)
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.model_records import ModelRecords, recorded_together
from orchestrate.tasks.retries import retry
from orchestrate.tasks.running_loads import wait_for_loads

MAX_MESSAGE_LENGTH = 2000

log = structlog.get_logger()


@dataclass(frozen=True)
class BuildScope:
    """The models that a run needs, their data dates, and how often to retry."""

    models: tuple[str, ...]
    data_date: date
    data_date_from: date
    env: str
    version: str
    num_retries: int
    retry_sleep: float

    def reload(self) -> RunState:
        """Return the run's state, with ledgers and S3 read again."""
        return run_state.reload(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )

    def current(self) -> RunState:
        """Return the run's state as the run's processes have last read it."""
        return run_state.current(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )


def build_model(model: str, scope: BuildScope) -> str:
    """Build `model` and all other stale models of the scope; return the model's error.

    '' means that the model is built and its tests passed, now or earlier.
    """
    errors: dict[str, str] = {}

    def attempt() -> None:
        errors.clear()
        errors.update(_build_stale_models(scope))
        transient = [
            error for error in errors.values() if warehouse.is_transient(error)
        ]
        if transient:
            raise TransientError(transient[0])

    if not build_stale_reason(scope.current(), model):
        return ""  # An earlier task of the scope has built it.
    wait_for_loads()
    try:
        retry(attempt, num_retries=scope.num_retries, retry_sleep=scope.retry_sleep)
    except TransientError as error:
        log.warning("transient error remains after retries", error=str(error))
        errors.setdefault(model, str(error))
    return errors.get(model, "") or _not_built_reason(model, scope.reload())


def _not_built_reason(model: str, state: RunState) -> str:
    """Return why a build has left the model stale, or ''.

    The model's task runs after the loads of its partitions, so one of them that must be
    loaded again has changed since.
    """
    reason = build_stale_reason(state, model)
    if not reason:
        return ""
    for source in sorted(state.graph.nodes[model].sources):
        for day in state.days_to_load(source):
            if state.load_stale_reason(source, day):
                return (
                    f"{state.partition(source, day).url} changed after it was loaded. "
                    f"{model} has not its new content. Run again to load it."
                )
    return reason


def _build_stale_models(scope: BuildScope) -> dict[str, str]:
    """Build every stale model whose inputs are loaded; return errors by model."""
    state = scope.reload()
    errors = _unreadable_models(state, scope.models)
    stale = [
        name
        for name in state.graph.with_requirements(*scope.models)
        if build_stale_reason(state, name)
        and name not in errors
        and all(
            map(state.are_inputs_loaded, (name, *state.graph.nodes[name].requirements))
        )
    ]
    changed = state.graph.with_descendants(
        name for name in stale if has_code_changed(state, name)
    )
    if _reads_final_days(state, changed):
        # Days that staging no longer has are kept as they were built.
        changed = set()
    # A code change makes all descendants part of the full refresh, so no model of an
    # earlier build depends on one of a later build. Nothing depends on the export,
    # whose last date may be an earlier one.
    builds: dict[tuple[bool, date], list[str]] = {}
    for name in stale:
        key = (name in changed, last_build_date(state, name))
        builds.setdefault(key, []).append(name)
    for is_full_refresh, last in sorted(
        builds, key=lambda key: (key[0], -key[1].toordinal())
    ):
        names = builds[is_full_refresh, last]
        errors |= _build_models(state, names, is_full_refresh=is_full_refresh)
    return errors


def _unreadable_models(state: RunState, models: Sequence[str]) -> dict[str, str]:
    """Return the error of each stale model with raw data whose types have changed.

    dbt would refuse to build anything together with them.
    """
    changed = warehouse.run_with_retries(warehouse.find_changed_types)
    errors: dict[str, str] = {}
    for name in state.graph.with_requirements(*models) if changed else ():
        node = state.graph.nodes[name]
        needed = (node, *(state.graph.nodes[other] for other in node.requirements))
        sources = frozenset[str]().union(*(each.sources for each in needed))
        if build_stale_reason(state, name) and (found := sources & changed.keys()):
            errors[name] = f"{name}: {changed[min(found)]}"
    return errors


def _reads_final_days(state: RunState, models: set[str]) -> bool:
    """Return whether a full refresh of the models would lose days without staging."""
    return bool(state.completed.removed_partitions) and any(
        state.graph.nodes[parent].own_sources
        for name in models
        for parent in (name, *state.graph.nodes[name].parents)
    )


def _build_models(
    state: RunState, names: list[str], *, is_full_refresh: bool
) -> dict[str, str]:
    first, last = build_window(state, names)
    if is_full_refresh:
        first = min([first, *(day for _, day in state.completed.loads)])
    discarded = {name: later_dates(state, name, last) for name in names}
    warehouse.create_missing_tables(RUN_ID)
    _record_start(state, names, discarded)
    variables = {"data_date_from": str(first), "data_date": str(last)}
    if any(discarded.values()):
        variables["discard_later_days"] = "true"
    with recorded_together(
        env=state.env, version=state.version, run_id=RUN_ID
    ) as records:
        return build(
            [state.graph.nodes[name] for name in names],
            tests=_other_tests(state, names),
            variables=variables,
            is_full_refresh=is_full_refresh,
            on_model=lambda result: _record(result, state, (first, last), records),
        )


def _other_tests(state: RunState, names: list[str]) -> list[str]:
    """Return the tests that also read nodes that are up to date, not built or upstream.

    A test that reads a node of a later build is left to the next run.
    """
    return [
        test
        for name in names
        for test, others in state.graph.nodes[name].read_by_tests.items()
        if not any(build_stale_reason(state, other) for other in others - set(names))
    ]


def _record_start(
    state: RunState, names: list[str], discarded: dict[str, list[date]]
) -> None:
    """Mark the models as stale until their builds end, and later dates as discarded."""
    marks = [
        ledger.stale_mark(
            name,
            state.data_date,
            ledger.STARTED,
            code_checksum=state.graph.nodes[name].code_checksum,
        )
        for name in names
    ]
    marks += [
        ledger.stale_mark(name, day, ledger.DISCARDED)
        for name, days in discarded.items()
        for day in days
    ]
    with recorded_together(
        env=state.env, version=state.version, run_id=RUN_ID
    ) as records:
        records.add(marks)


def _record(
    result: ModelResult,
    state: RunState,
    window: tuple[date, date],
    records: ModelRecords,
) -> None:
    """Record a ledger row per covered data date, or one for the last if it failed."""
    if not result.was_run:
        return  # The model that blocked it has a row.
    node = result.node
    fingerprints = state.input_fingerprints(node.name, window)
    if result.error:
        fingerprints = fingerprints[-1:]
    runs = [
        ledger.ModelRun(
            model=node.name,
            data_date=day,
            data_date_from=window[0],
            code_checksum=node.code_checksum,
            input_fingerprint=input_fingerprint,
            rows=result.rows,
            tests=result.tests,
            tests_warned=result.tests_warned,
            status="failed" if result.error else ledger.SUCCESS,
            seconds=result.seconds,
            message=(result.error or result.warnings)[:MAX_MESSAGE_LENGTH],
        )
        for day, input_fingerprint in fingerprints
    ]
    records.add(runs)
    outcome = "failed" if result.error else "warn" if result.tests_warned else "done"
    progress.print_line(
        f"DbtModel {node.name}",
        day=state.data_date,
        rows=result.rows,
        seconds=result.seconds,
        outcome=outcome,
    )
