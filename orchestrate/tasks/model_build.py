"""One dbt call for all models that are stale and can be built, each with its own mark.

Marks are written from dbt's node events as each model and its tests end, so a killed
run loses nothing that was finished, and one failure does not undo its neighbours.
"""

import threading
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import structlog

from loaders import ledger, warehouse
from loaders.errors import TransientError
from orchestrate import progress
from orchestrate.dbt import graph as dbt_graph
from orchestrate.dbt.artifacts import TARGET_FOLDER
from orchestrate.planning import run_state
from orchestrate.run_id import RUN_ID
from orchestrate.tasks.retries import retried

if TYPE_CHECKING:  # importing dbt costs seconds, which a finished night must not pay
    from orchestrate.dbt.runner import NodeResult

log = structlog.get_logger()


@dataclass(frozen=True)
class Scope:
    """What a run is after, and how patient it is."""

    models: tuple[str, ...]
    data_date: date
    data_date_from: date
    env: str
    version: str
    num_retries: int
    retry_sleep: float

    def remarked_night(self) -> run_state.Night:
        """Return the night as the ledgers have it now, without asking S3 again."""
        return run_state.remarked(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )

    def night(self) -> run_state.Night:
        """Return the night as ledgers and S3 have it now."""
        return run_state.refreshed(
            self.data_date, self.data_date_from, env=self.env, version=self.version
        )


def bring_up(model: str, scope: Scope) -> str:
    """Build `model`, and with it all of the scope that can be; return what is wrong.

    '' means that the model is built and its tests passed, now or before.
    """
    problems: dict[str, str] = {}

    def attempt() -> None:
        problems.clear()
        problems.update(_build_what_can_be(scope))
        transient = [text for text in problems.values() if warehouse.is_transient(text)]
        if transient:
            raise TransientError(transient[0])

    if not scope.remarked_night().why_build(model):
        return ""  # an earlier task of the scope has built it
    try:
        retried(attempt, num_retries=scope.num_retries, retry_sleep=scope.retry_sleep)
    except TransientError as error:
        log.warning("still failing after retries", error=str(error))
        problems.setdefault(model, str(error))
    return problems.get(model, "") or scope.night().why_build(model)


def _build_what_can_be(scope: Scope) -> dict[str, str]:
    state = scope.night()
    stale = [
        name
        for name in state.graph.with_ancestors(*scope.models)
        if state.why_build(name) and state.is_ready(name)
    ]
    changed = state.graph.below(name for name in stale if state.is_code_changed(name))
    problems: dict[str, str] = {}
    # Code changes reach downwards, so what did not change never waits for what did.
    for is_full_refresh in (False, True):
        names = [name for name in stale if (name in changed) == is_full_refresh]
        if names:
            problems |= _build(state, names, is_full_refresh=is_full_refresh)
    return problems


def _build(
    state: run_state.Night, names: list[str], *, is_full_refresh: bool
) -> dict[str, str]:
    # dbt takes seconds to import: only when there is something to build.
    from orchestrate.dbt import runner as dbt_runner

    window = state.build_window(names)
    if is_full_refresh:
        window = (min([window[0], *(day for _, day in state.marks.loads)]), window[1])
    warehouse.committed(warehouse.ensure_tables)
    book = _Book(state, names, window)
    results = dbt_runner.build(
        names,
        variables={"data_date_from": str(window[0]), "data_date": str(window[1])},
        is_full_refresh=is_full_refresh,
        on_result=book.take,
    )
    for result in results:
        book.take(result)
    return book.close()


@dataclass
class _Book:
    """Keeps what dbt said of each node until a model's last test is in."""

    state: run_state.Night
    names: list[str]
    window: tuple[date, date]
    _heard: dict[str, "NodeResult"] = field(default_factory=dict)
    _settled: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, result: "NodeResult") -> None:
        """Note a result; settle the model whose last test it is."""
        with self._lock:
            if result.unique_id in self._heard:
                return
            self._heard[result.unique_id] = result
            for name in self.names:
                node = self.state.graph.nodes[name]
                mine = {node.unique_id, *node.tests}
                if result.unique_id in mine and mine <= self._heard.keys():
                    self._settle(node)

    def close(self) -> dict[str, str]:
        """Settle the rest; return what is wrong with each model that is not done."""
        with self._lock:
            for name in self.names:
                if name not in self._settled:
                    self._settle(self.state.graph.nodes[name])
        return {name: problem for name, problem in self._settled.items() if problem}

    def _settle(self, node: dbt_graph.Node) -> None:
        built = self._heard.get(node.unique_id)
        tests = [self._heard[test] for test in node.tests if test in self._heard]
        problem = self._problem(node)
        self._settled[node.name] = problem
        if built is None or built.status == "skipped":
            return  # what it waited for has its own row
        days = self.state.marks_of_build(node.name, self.window)
        if problem:
            days = days[-1:]
        runs = [
            ledger.ModelRun(
                model=node.name,
                data_date=day,
                data_date_from=self.window[0],
                code_checksum=node.code_checksum,
                input_fingerprint=inputs,
                rows=built.rows,
                tests=len(tests),
                tests_warned=sum(test.status == "warn" for test in tests),
                status="failed" if problem else ledger.DONE,
                seconds=built.seconds + sum(test.seconds for test in tests),
                message=(problem or self._warnings(node))[:2000],
            )
            for day, inputs in days
        ]
        warehouse.committed(
            lambda connection: ledger.record_models(
                connection,
                runs,
                env=self.state.env,
                version=self.state.version,
                run_id=RUN_ID,
            )
        )
        progress.line(
            f"DbtModel {node.name}",
            day=self.state.data_date,
            rows=built.rows,
            seconds=runs[0].seconds,
            outcome="failed" if problem else "warn" if runs[0].tests_warned else "done",
        )

    def _warnings(self, node: dbt_graph.Node) -> str:
        tests = (self._heard.get(test) for test in sorted(node.tests))
        return "; ".join(
            f"{test.name}: {test.message.strip()}"
            for test in tests
            if test is not None and test.status == "warn"
        )

    def _problem(self, node: dbt_graph.Node) -> str:
        built = self._heard.get(node.unique_id)
        if built is None:
            return f"{node.name}: dbt did not come to it. Run again."
        if not built.is_good:
            return (
                f"{node.name}: {built.status}: {built.message.strip()} "
                f"Its SQL is under {TARGET_FOLDER}; mend the model, "
                f"then `nightshift run` again."
            )
        for test in sorted(node.tests):
            result = self._heard.get(test)
            if result is not None and not result.is_good:
                return (
                    f"{node.name}: test {result.name} {result.status}: "
                    f"{result.message.strip()} Look at the rows with `dbt test "
                    f"--select {node.name} --store-failures`; what depends on it "
                    f"was not built and nothing was sent."
                )
        return ""
