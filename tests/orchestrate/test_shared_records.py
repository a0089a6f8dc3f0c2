"""The processes of a run share what they have read of the ledgers."""

import os
from collections.abc import Iterator
from datetime import date
from multiprocessing import get_context

import pytest

from loaders.ledger import CompletionRecords
from orchestrate.planning import shared_records

KEY = {"env": "dev", "version": "v1"}


@pytest.fixture(autouse=True)
def _ledgers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the ledgers contain one load, named after the process that reads them."""

    def read(*, env: str, version: str) -> CompletionRecords:
        return CompletionRecords(loads={(str(os.getpid()), date.min): env})

    monkeypatch.setattr(shared_records, "read_completion_records", read)
    shared_records.clear()
    yield
    shared_records.clear()


def names(records: CompletionRecords | None) -> list[str]:
    return [] if records is None else [name for name, _ in records.loads]


def run_forked(work: object) -> str:
    child = get_context("fork").Process(target=work)
    child.start()
    child.join()
    assert child.exitcode == 0
    return str(child.pid)


def test_records_that_a_forked_process_reads_are_those_of_all() -> None:
    assert shared_records.latest(**KEY) is None
    own = shared_records.read(**KEY)
    assert shared_records.latest(**KEY) is own
    child = run_forked(lambda: shared_records.read(**KEY))
    assert names(shared_records.latest(**KEY)) == [child]
    assert shared_records.latest(**KEY) is shared_records.latest(**KEY)
    assert shared_records.latest(env="dev", version="v2") is None
    shared_records.clear()
    assert shared_records.latest(**KEY) is None


@pytest.mark.parametrize("size", [0, 8, 16, 40])
def test_records_of_a_process_killed_while_it_wrote_are_ignored(size: int) -> None:
    shared_records.read(**KEY)
    run_forked(lambda: shared_records.read(**KEY))
    os.ftruncate(shared_records._memory, size)
    assert shared_records.latest(**KEY) is None
    shared_records.read(**KEY)
    assert names(shared_records.latest(**KEY)) == [str(os.getpid())]
