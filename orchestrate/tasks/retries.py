"""Retries inside a task: only what is transient, with jittered back-off.

How often is set per kind of task (`num_retries`, in luigi.cfg or on the command
line); Luigi's own retry of the whole task is the second line.
"""

from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.errors import TransientError

Result = TypeVar("Result")
log = structlog.get_logger()


def retried(
    call: Callable[[], Result], *, num_retries: int, retry_sleep: float
) -> Result:
    """Call until it works, at most `num_retries` times more.

    Waits up to `retry_sleep` seconds, doubled each time, at random; the last
    `TransientError` is raised as it is.
    """
    return Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(num_retries + 1),
        wait=wait_random_exponential(multiplier=retry_sleep, max=60),
        before_sleep=_tell,
        reraise=True,
    )(call)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("tried again", attempt=state.attempt_number, error=str(error))
