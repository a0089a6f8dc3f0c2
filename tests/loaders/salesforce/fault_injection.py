"""Run a sync in a child process that is killed at a chosen step or place.

A step is just before or just after a request, or a statement in the warehouse or the
staging database, because each of them changes what the next sync finds. A place is a
step with a name.
"""

import itertools
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import requests

from loaders.config.salesforce_policy import SyncPolicy
from loaders.errors import NightshiftError
from loaders.warehouse import Connection
from tests.loaders.salesforce.accounts import Accounts
from tests.loaders.salesforce.fixtures import REJECTED_PLAN, Mart, SalesforceOrg

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


@dataclass(frozen=True)
class Place:
    """The step before or after the `count`th request or statement that matches `text`.

    `text` is a regular expression, searched in `METHOD URL` or in the statement.
    """

    when: Literal["before", "after"]
    text: str
    count: int = 1


def sync_killed_at(
    step: int | Place,
    mart: Mart,
    salesforce: SalesforceOrg | Accounts,
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


def _kill_at(step: int | Place) -> None:
    """Count the steps, and kill this process at the given one."""
    last = step.count if isinstance(step, Place) else step
    steps = itertools.count(1)

    def take_step(when: str, text: str) -> None:
        if isinstance(step, Place) and not (
            when == step.when and re.search(step.text, text)
        ):
            return
        if next(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name in STEPS:
        setattr(owner, name, _with_steps(getattr(owner, name), take_step))


def _with_steps(
    function: Callable[..., Any], take_step: Callable[[str, str], None]
) -> Any:  # noqa: ANN401 - a method
    def with_steps(
        owner: object, subject: object, *rest: object, **options: object
    ) -> object:
        text = (
            f"{subject.method} {subject.url}"
            if isinstance(subject, requests.PreparedRequest)
            else str(subject)
        )
        take_step("before", text)
        result = function(owner, subject, *rest, **options)
        take_step("after", text)
        return result

    return with_steps


def check_writes(mart: Mart, salesforce: SalesforceOrg, rows: list) -> None:
    """Compare the object with the mart, and the ledger with the object's writes."""
    writes = salesforce.writes
    for row in rows:
        key = row["org_id__c"]
        if row["billing_plan__c"] == REJECTED_PLAN:
            continue
        assert salesforce.field_value(key, "hosts") == row["hosts__c"]
        repeated = [a for a, b in pairwise(writes[key]) if a == b]
        assert repeated == [], f"{key} was written twice with equal values"
    accepted = [key for (key,) in mart.read_ledger("salesforce_rows", "key")]
    assert sorted(accepted) == sorted(
        key for key, written in writes.items() for _ in written
    )
    assert salesforce.open_job_ids() == []
    states = {state for (state,) in mart.read_ledger("salesforce_jobs", "state")}
    assert states <= {"Recorded", "Abandoned"}
    columns = ("key", "accepted_at", "payload_hash", "sync_id")
    latest = {
        row[0]: row for row in sorted(mart.read_ledger("salesforce_rows", *columns))
    }
    assert sorted(mart.read_ledger("salesforce_state", *columns)) == sorted(
        latest.values()
    )
