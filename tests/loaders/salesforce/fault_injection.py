"""Run a sync in a child process that is killed at a chosen step.

A step is just before or just after a request, or a statement in the warehouse or the
staging database, because each of them changes what the next sync finds.
"""

import itertools
import os
import signal
from collections.abc import Callable
from typing import Any

import requests

from loaders.config.salesforce_policy import SyncPolicy
from loaders.errors import NightshiftError
from loaders.warehouse import Connection
from tests.loaders.salesforce.fixtures import Mart, SalesforceOrg

# The requests of a bulk sync.
BULK_STEPS = [
    ("POST", "/oauth2/token"),
    ("GET", "/describe"),
    ("GET", "/query"),
    ("GET", "/limits"),
    ("POST", "/jobs/ingest$"),
    ("PUT", "/batches$"),
    ("PATCH", "/jobs/ingest/"),
    ("GET", "/jobs/ingest/[^/]*$"),
    ("GET", "/successfulResults$"),
    ("GET", "/failedResults$"),
    ("GET", "/unprocessedrecords$"),
]
STEPS = (
    (requests.Session, "send"),
    (Connection, "_cursor"),
)


def sync_killed_at(
    step: int,
    mart: Mart,
    salesforce: SalesforceOrg,
    *,
    policy: SyncPolicy,
    **options: object,
) -> bool:
    """Sync in a child process that is killed at `step`; return whether it was killed.

    The sync's own errors end the child as well, as they end a task.
    """
    with mart.closed():
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with mart.kept_open():
                    _kill_at(step)
                    salesforce.sync(policy, **options)
                code = 0
            except NightshiftError:
                code = 2
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 1:
        raise AssertionError("The sync failed with an unexpected error.")
    return os.WIFSIGNALED(status)


def _kill_at(step: int) -> None:
    """Count the steps, and kill this process at the given one."""
    steps = itertools.count(1)

    def count_step() -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name in STEPS:
        setattr(owner, name, _with_steps(getattr(owner, name), count_step))


def _with_steps(function: Callable[..., Any], count_step: Callable[[], None]) -> Any:  # noqa: ANN401 - a method
    def with_steps(*arguments: object, **options: object) -> object:
        count_step()
        result = function(*arguments, **options)
        count_step()
        return result

    return with_steps
