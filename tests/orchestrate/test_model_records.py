"""Ledger rows of finished models are written together, and never lost silently."""

from collections.abc import Callable

import pytest

from loaders import interruption, ledger, warehouse
from loaders.errors import TransientError
from loaders.ledger import ModelRun
from orchestrate.tasks import model_records
from orchestrate.tasks.model_records import recorded_together
from tests.orchestrate.ledger_history import DAY

WRITER = {"env": "dev", "version": "v1", "run_id": "r1"}
Written = list[list[str]]


def run_of(model: str, seconds: float = 1.0) -> ModelRun:
    return ModelRun(
        model=model,
        data_date=DAY,
        data_date_from=DAY,
        code_checksum="c",
        input_fingerprint="f",
        rows=1,
        tests=0,
        tests_warned=0,
        status=ledger.SUCCESS,
        seconds=seconds,
    )


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """Return the models of each statement that wrote rows."""
    statements: Written = []
    record = ledger.record_model_runs

    def record_model_runs(
        connection: warehouse.Connection, runs: list[ModelRun], **writer: str
    ) -> None:
        record(connection, runs, **writer)
        statements.append([run.model for run in runs])

    monkeypatch.setattr(ledger, "record_model_runs", record_model_runs)
    return statements


@pytest.mark.usefixtures("own_warehouse")
def test_rows_are_written_together_once_they_stand_for_enough_work(
    written: Written,
) -> None:
    limit = model_records.MAX_UNRECORDED_SECONDS
    with recorded_together(**WRITER) as records:
        records.add([run_of("a")])
        records.add([run_of("b"), run_of("b")])
        assert written == []
        records.add([run_of("long", limit)])
        assert written == [["a", "b", "b", "long"]]
        records.add([run_of("c")])
    assert written[1:] == [["c"]]
    with recorded_together(**WRITER):
        pass
    assert len(written) == 2


def _fail() -> None:
    raise ValueError("dbt failed")


def _interrupt() -> None:
    raise interruption.Interrupted(15)


@pytest.mark.usefixtures("own_warehouse")
@pytest.mark.parametrize(
    ("end", "error"), [(_fail, ValueError), (_interrupt, interruption.Interrupted)]
)
def test_rows_are_written_when_the_build_ends_early(
    written: Written, end: Callable[[], None], error: type[BaseException]
) -> None:
    with pytest.raises(error), recorded_together(**WRITER) as records:
        records.add([run_of("a")])
        end()
    assert written == [["a"]]
    state = ledger.read_completion_records(env="dev", version="v1")
    assert state.models == {("a", DAY): ("c", "f")}


@pytest.mark.usefixtures("own_warehouse")
def test_rows_that_cannot_be_written_are_kept(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = warehouse.run_with_retries

    def fail(work: object) -> None:
        raise TransientError("unreachable")

    monkeypatch.setattr(warehouse, "run_with_retries", fail)
    with recorded_together(**WRITER) as records:
        records.add([run_of("a", 100.0)])
        monkeypatch.setattr(warehouse, "run_with_retries", write)
        records.add([run_of("b")])
        assert written == [["a", "b"]]
    monkeypatch.setattr(warehouse, "run_with_retries", fail)
    with (
        pytest.raises(TransientError, match="unreachable"),
        recorded_together(**WRITER) as records,
    ):
        records.add([run_of("c")])
    # The block's own error is more important.
    with pytest.raises(ValueError, match="dbt"), recorded_together(**WRITER) as records:
        records.add([run_of("d")])
        _fail()


@pytest.mark.usefixtures("own_warehouse")
def test_models_can_be_added_while_others_are_written(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = warehouse.run_with_retries

    def add_and_write(work: Callable[[warehouse.Connection], None]) -> None:
        monkeypatch.setattr(warehouse, "run_with_retries", write)
        records.add([run_of("b")])
        write(work)

    monkeypatch.setattr(warehouse, "run_with_retries", add_and_write)
    with recorded_together(**WRITER) as records:
        records.add([run_of("a", 100.0)])
        assert written == [["a"]]
    assert written[1:] == [["b"]]
