"""Syncs in a process of their own that is killed at a chosen step.

A step is just before or just after a request, a statement to the warehouse, or a
write to the workbook: everywhere something becomes true that a later run must find.
"""

import itertools
import os
import signal
from collections.abc import Callable
from typing import Any

import requests

from loaders.errors import NightshiftError
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.staging_db import Workbook
from loaders.warehouse import Connection
from tests.loaders.salesforce.world import Connected, Mart

STEPS = (
    (requests.Session, "send"),
    (Connection, "_cursor"),
    (Workbook, "write"),
    (Workbook, "run"),
)


def sync_killed_at(
    step: int,
    mart: Mart,
    connected: Connected,
    *,
    policy: SyncPolicy,
    **options: object,
) -> bool:
    """Sync in a child process that dies at this step; say whether it came so far.

    Errors of the sync itself end the child quietly, as they end a task.
    """
    with mart.let_go():
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with mart.held():
                    _die_at(step)
                    connected.sync(policy, **options)
                code = 0
            except NightshiftError:
                code = 2
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1:
        raise AssertionError("the sync ended with an error that is not ours")
    return os.WIFSIGNALED(status)


def _die_at(step: int) -> None:
    """Count steps, and kill this process at the one that is meant."""
    steps = itertools.count(1)

    def count() -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name in STEPS:
        setattr(owner, name, _counted(getattr(owner, name), count))


def _counted(function: Callable[..., Any], count: Callable[[], None]) -> Any:  # noqa: ANN401 - a method
    def counted(*arguments: object, **options: object) -> object:
        count()
        result = function(*arguments, **options)
        count()
        return result

    return counted
