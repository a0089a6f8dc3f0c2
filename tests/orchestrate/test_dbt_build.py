"""Collecting dbt's node results into one result and two steps per model."""

import copy
from datetime import date
from pathlib import Path

import pytest

from loaders.config.dbt_project import project_vars
from orchestrate import steps
from orchestrate.dbt import graph, manifest
from orchestrate.dbt.build import ModelResult, ResultCollector
from orchestrate.dbt.graph import Node
from orchestrate.dbt.runner import NodeResult
from orchestrate.runs.blocked import find_blocked
from orchestrate.runs.outcome import TaskResult

MODEL = "model.nightshift.mart"
UNIQUE_TEST = "test.nightshift.unique_mart"
VOLUME_TEST = "test.nightshift.volume"
NODE = Node(
    name="mart",
    unique_id=MODEL,
    schema="marts",
    relation="mart",
    parents=(),
    own_sources=frozenset(),
    sources=frozenset(),
    tests=frozenset({UNIQUE_TEST, VOLUME_TEST}),
    code_checksum="",
)


@pytest.fixture
def parsed_project(parsed_dbt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the graph be that of the copy that this worker has parsed."""
    monkeypatch.setattr(manifest, "MANIFEST", parsed_dbt / "manifest.json")
    monkeypatch.setattr(manifest, "read", manifest.last_parsed)


def _result(unique_id: str, status: str, message: str = "") -> NodeResult:
    return NodeResult(unique_id, status, seconds=0.5, message=message, rows=7)


def _collect(*results: NodeResult) -> tuple[ResultCollector, list[ModelResult]]:
    completed: list[ModelResult] = []
    collector = ResultCollector([NODE], completed.append)
    for result in results:
        collector.add(result)
    return collector, completed


def test_model_is_complete_when_its_last_test_ends() -> None:
    collector, completed = _collect(
        _result(MODEL, "success"), _result(UNIQUE_TEST, "pass")
    )
    assert completed == []
    collector.add(_result(VOLUME_TEST, "warn", "Got 2 results"))
    collector.add(_result(VOLUME_TEST, "warn", "Got 2 results"))
    (model,) = completed
    assert collector.finish() == {} and len(completed) == 1
    assert (model.error, model.warnings) == ("", "volume: Got 2 results")
    assert (model.rows, model.tests, model.tests_warned) == (7, 2, 1)
    assert model.seconds == 1.5


def test_failed_test_is_the_error_of_its_model() -> None:
    collector, completed = _collect(
        _result(MODEL, "success"),
        _result(UNIQUE_TEST, "fail", "Got 1 result"),
        _result(VOLUME_TEST, "pass"),
    )
    assert completed[0].was_run
    assert "test unique_mart fail: Got 1 result" in collector.finish()["mart"]


def test_test_that_another_model_has_blocked_is_no_failure_of_its_own() -> None:
    collector, completed = _collect(
        _result(MODEL, "success"),
        _result(UNIQUE_TEST, "skipped"),
        _result(VOLUME_TEST, "pass"),
    )
    assert "unique_mart was not run" in collector.finish()["mart"]
    assert not completed[0].was_run
    for results in (
        (_result(MODEL, "error", "syntax"), _result(UNIQUE_TEST, "skipped")),
        (
            *(_result(MODEL, "success"), _result(UNIQUE_TEST, "skipped")),
            _result(VOLUME_TEST, "fail", "Got 1 result"),
        ),
    ):
        collector, completed = _collect(*results)
        error = collector.finish()["mart"]
        assert ("syntax" in error or "Got 1 result" in error) and completed[0].was_run


@pytest.mark.usefixtures("parsed_project")
def test_each_test_belongs_to_one_node_that_requires_all_it_reads() -> None:
    nodes = graph.load().nodes
    names = {node.unique_id: node.name for node in nodes.values()}
    owners = {test: node for node in nodes.values() for test in node.tests}
    assert sum(len(node.tests) for node in nodes.values()) == len(owners)
    for test in manifest.read()["nodes"].values():
        read = {names[id] for id in test["depends_on"].get("nodes", []) if id in names}
        if test["resource_type"] == "test" and read:
            owner = owners[test["unique_id"]]
            assert read <= set(graph.load().with_requirements(owner.name))
            is_model = {nodes[name].unique_id.startswith("model.") for name in read}
            assert owner.unique_id.startswith("model.") == any(is_model)
    order = list(nodes)
    for node in nodes.values():
        assert all(order.index(n) < order.index(node.name) for n in node.requirements)


@pytest.mark.usefixtures("parsed_project")
def test_only_what_the_project_reads_of_a_package_is_built() -> None:
    contents = copy.deepcopy(manifest.read())
    own = contents["nodes"]["model.nightshift.org_activity"]
    for name in ("calendar", "fct_unused_sources"):
        contents["nodes"][f"model.other.{name}"] = {
            **own,
            "name": name,
            "package_name": "other",
            "depends_on": {"nodes": [own["unique_id"]], "macros": []},
        }
    reader = contents["nodes"]["model.nightshift.sf_accounts"]
    reader["depends_on"]["nodes"].append("model.other.calendar")
    nodes = graph._graph(contents, project_vars()).nodes
    assert set(nodes) - set(graph.load().nodes) == {"calendar"}
    assert "calendar" in nodes["sf_accounts"].parents


@pytest.mark.usefixtures("parsed_project")
def test_failed_model_blocks_those_whose_tests_read_it() -> None:
    blocked = find_blocked(
        [TaskResult("DbtModel", "", "failed", subject="org_activity")], graph.load()
    )
    assert {"fct_org_day", "paid_account_flow"} <= set(blocked.models)
    assert not {"account_transitions", "reason_codes"} & set(blocked.models)


def test_skipped_or_unreached_model_has_an_error_and_was_not_run() -> None:
    for results in ([_result(MODEL, "skipped")], []):
        collector, completed = _collect(*results)
        assert collector.finish()["mart"].startswith("mart: ")
        assert not completed[0].was_run


@pytest.mark.parametrize(
    ("results", "build_ends", "tests_end"),
    [
        ({MODEL: "success", UNIQUE_TEST: "pass", VOLUME_TEST: "pass"}, "done", "done"),
        ({MODEL: "success", UNIQUE_TEST: "warn", VOLUME_TEST: "pass"}, "done", "done"),
        (
            {MODEL: "success", UNIQUE_TEST: "fail", VOLUME_TEST: "pass"},
            "done",
            "failed",
        ),
        ({MODEL: "error"}, "failed", None),
        ({MODEL: "skipped"}, "aborted", None),
        ({}, "failed", None),
    ],
)
def test_build_and_tests_of_a_model_are_steps(
    results: dict[str, str], build_ends: str, tests_end: str | None
) -> None:
    events: list[steps.StepEvent] = []
    steps.observe(events.append)
    try:
        collector = ResultCollector([NODE], lambda _: None, [date(2026, 11, 24)])
        for unique_id in results or {MODEL: ""}:
            collector.start(unique_id, "an-invocation")
            if unique_id in results:
                collector.add(_result(unique_id, results[unique_id], "its message"))
        collector.finish()
    finally:
        steps.observe(None)
    ends = {event.task: event for event in events if event.state != steps.STARTED}
    assert len(events) == 2 * len(ends)
    build, tests = ends[steps.MODEL], ends.get(steps.MODEL_TESTS)
    assert (build.state, build.subject, build.invocation) == (
        *(build_ends, "mart", "an-invocation"),
    )
    assert build.counts.get("rows") == (7 if build_ends == "done" else None)
    assert (tests.state if tests else None) == tests_end
    if tests:
        assert {test.unique_id: test.status for test in tests.tests} == {
            name: status for name, status in results.items() if name != MODEL
        }
        assert bool(tests.error) == (tests_end == "failed")
