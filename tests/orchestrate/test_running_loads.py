"""dbt waits for running loads of other processes, and for nothing else."""

import time
from multiprocessing import get_context
from multiprocessing.synchronize import Event

import pytest

from orchestrate.tasks.running_loads import running_load, wait_for_loads

FORK = get_context("fork")


def _load(started: Event, loaded: Event, seconds: float) -> None:
    with running_load():
        started.set()
        time.sleep(seconds)
        loaded.set()


@pytest.mark.parametrize("is_killed", [False, True])
def test_dbt_waits_for_the_loads_of_other_processes(is_killed: bool) -> None:
    loads = []
    for seconds in (60, 60) if is_killed else (0.1, 0.3):
        started, loaded = FORK.Event(), FORK.Event()
        process = FORK.Process(target=_load, args=(started, loaded, seconds))
        process.start()
        assert started.wait(30)
        loads.append((process, loaded))
    if is_killed:
        for process, _ in loads:
            process.kill()
    wait_for_loads()
    assert [loaded.is_set() for _, loaded in loads] == [not is_killed] * 2
    for process, _ in loads:
        process.join()
    wait_for_loads()


def test_process_does_not_wait_for_its_own_load() -> None:
    with running_load():
        wait_for_loads()
    wait_for_loads()
