"""One dbt invocation that builds models, with one result per model.

dbt reports models and tests separately. A model's result is complete when the model and
all its tests have ended, and is passed on at once, while dbt still builds others.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from loaders import warehouse
from orchestrate import steps
from orchestrate.dbt.artifacts import TARGET_FOLDER
from orchestrate.dbt.graph import Node

if TYPE_CHECKING:
    from orchestrate.dbt.runner import NodeResult


# The vars with the first and the last day of a build.
WINDOW = ("data_date_from", "data_date")
SKIPPED = "skipped"


@dataclass(frozen=True)
class ModelResult:
    """The result of one model and its tests.

    `error` is '' if the model was built and every test passed or warned. `was_run` is
    false if dbt skipped the model or did not reach it, or skipped a test of it because
    another node that the test reads has failed.
    """

    node: Node
    error: str
    was_run: bool
    rows: int | None
    tests: int
    tests_warned: int
    warnings: str
    seconds: float


def build(
    nodes: Sequence[Node],
    *,
    tests: Sequence[str],
    variables: dict[str, str],
    is_full_refresh: bool,
    on_model: Callable[[ModelResult], None],
) -> dict[str, str]:
    """Build the nodes with their tests; return the error of each that failed, by name.

    `tests` are unique ids of more tests to run, which also read other nodes.
    `on_model` is called once per node, one call at a time, from dbt's threads.
    """
    # Importing dbt takes seconds, which a run with nothing to build must not spend.
    from orchestrate.dbt import runner

    days = [date.fromisoformat(variables[name]) for name in WINDOW]
    collector = ResultCollector(nodes, on_model, days)
    results = runner.build(
        [*(node.name for node in nodes), *(test.split(".")[2] for test in tests)],
        variables=variables,
        is_full_refresh=is_full_refresh,
        on_start=collector.start,
        on_result=collector.add,
    )
    for result in results:
        collector.add(result)
    return collector.finish()


@dataclass
class ResultCollector:
    """Collects dbt's node results into one result per model.

    It also reports the steps: the build of each model for these days, and its tests.
    """

    nodes: Sequence[Node]
    on_model: Callable[[ModelResult], None]
    days: Sequence[date] = ()
    _builds: dict[str, steps.Step] = field(default_factory=dict)
    _tests: dict[str, steps.Step] = field(default_factory=dict)
    _node_results: dict[str, "NodeResult"] = field(default_factory=dict)
    _errors: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, unique_id: str, invocation: str) -> None:
        """Report that a model, or the first of its tests, has started."""
        with self._lock:
            for node in self.nodes:
                if unique_id == node.unique_id:
                    task, started = steps.MODEL, self._builds
                elif unique_id in node.tests and node.name not in self._tests:
                    task, started = steps.MODEL_TESTS, self._tests
                else:
                    continue
                started[node.name] = steps.Step(task, node.name, self.days, invocation)

    def add(self, result: "NodeResult") -> None:
        """Add a node's result; complete the model if it was the last one missing."""
        with self._lock:
            if result.unique_id in self._node_results:
                return
            self._node_results[result.unique_id] = result
            for node in self.nodes:
                if result.unique_id == node.unique_id and result.has_passed:
                    self._end_build(node, result)
                expected = {node.unique_id, *node.tests}
                if (
                    result.unique_id in expected
                    and expected <= self._node_results.keys()
                ):
                    self._complete(node)

    def finish(self) -> dict[str, str]:
        """Complete the remaining models; return the errors by model name."""
        with self._lock:
            for node in self.nodes:
                if node.name not in self._errors:
                    self._complete(node)
        return {name: error for name, error in self._errors.items() if error}

    def _complete(self, node: Node) -> None:
        built = self._node_results.get(node.unique_id)
        tests = [
            self._node_results[test]
            for test in sorted(node.tests)
            if test in self._node_results
        ]
        warned = [test for test in tests if test.status == "warn"]
        error = _error(node, built, tests)
        self._errors[node.name] = error
        self._end_build(node, built, error)
        self._end_tests(node, tests, error)
        self.on_model(
            ModelResult(
                node=node,
                error=error,
                was_run=_was_run(built, tests),
                rows=built.rows if built else None,
                tests=len(tests),
                tests_warned=len(warned),
                warnings="; ".join(
                    f"{test.name}: {test.message.strip()}" for test in warned
                ),
                seconds=sum(each.seconds for each in (built, *tests) if each),
            )
        )

    def _end_build(
        self, node: Node, result: "NodeResult | None", error: str = ""
    ) -> None:
        step = self._builds.get(node.name)
        if step is None:
            return
        if result and result.has_passed:
            step.complete(rows=result.rows)
        elif result and result.status == "skipped":
            step.abort()
        else:
            step.fail(error)

    def _end_tests(
        self, node: Node, results: Sequence["NodeResult"], error: str
    ) -> None:
        step = self._tests.get(node.name)
        if step is None:
            return
        run = [each for each in results if each.status != "skipped"]
        outcomes = [
            steps.TestOutcome(each.unique_id, each.status, each.failures)
            for each in run
        ]
        if not run:
            step.abort()
        elif error:
            step.fail(error, outcomes)
        else:
            step.complete(outcomes)


def _was_run(built: "NodeResult | None", tests: Sequence["NodeResult"]) -> bool:
    if built is None or built.status == SKIPPED:
        return False
    has_failed = any(
        not result.has_passed and result.status != SKIPPED for result in (built, *tests)
    )
    return has_failed or all(test.status != SKIPPED for test in tests)


def _error(
    node: Node, built: "NodeResult | None", tests: Sequence["NodeResult"]
) -> str:
    """Return what failed and what to do, or ''."""
    if built is None:
        return f"{node.name}: dbt stopped before it built this model. Run again."
    for result in (built, *tests):
        if not result.has_passed and (
            known := warehouse.machine_problem(result.message)
        ):
            return f"{node.name}: {known}"
    if not built.has_passed:
        message = built.message.strip()
        separator = "\n" if "\n" in message else " "  # below a line that marks a place
        return (
            f"{node.name}: {built.status}: {message}{separator}"
            f"The SQL is under {TARGET_FOLDER}. Correct the model, "
            f"then run `nightshift run` again."
        )
    for test in sorted(tests, key=lambda test: test.status == SKIPPED):
        if test.status == SKIPPED:
            return (
                f"{node.name}: test {test.name} was not run, because another model "
                "that it reads has failed. Correct that one, then run again."
            )
        if not test.has_passed:
            return (
                f"{node.name}: test {test.name} {test.status}: "
                f"{test.message.strip()} See the failing rows with `dbt test "
                f"--select {node.name} --store-failures`. Downstream models were "
                f"not built and nothing was sent."
            )
    return ""
