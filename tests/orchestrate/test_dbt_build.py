"""Collecting dbt's node results into one result per model."""

from orchestrate.dbt.build import ModelResult, ResultCollector
from orchestrate.dbt.graph import Node
from orchestrate.dbt.runner import NodeResult

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


def test_skipped_or_unreached_model_has_an_error_and_was_not_run() -> None:
    for results in ([_result(MODEL, "skipped")], []):
        collector, completed = _collect(*results)
        assert collector.finish()["mart"].startswith("mart: ")
        assert not completed[0].was_run
