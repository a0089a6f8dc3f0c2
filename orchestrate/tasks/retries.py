"""Retries inside a task: transient errors only, with jittered exponential back-off.

`num_retries` and `retry_sleep` are parameters of each task, set in luigi.cfg or on the
command line. Luigi's own retry of the whole task comes after these.
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

from loaders import interruption
from loaders.errors import TransientError

MAX_WAIT_SECONDS = 60

Result = TypeVar("Result")
log = structlog.get_logger()


def retry(
    call: Callable[[], Result], *, num_retries: int, retry_sleep: float
) -> Result:
    """Return the result of `call`; retry a `TransientError` up to `num_retries` times.

    Waits a random time of up to `retry_sleep` seconds, doubled each time. Raises the
    last error unchanged.
    """
    return Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(num_retries + 1),
        wait=wait_random_exponential(multiplier=retry_sleep, max=MAX_WAIT_SECONDS),
        before_sleep=_log_retry,
        reraise=True,
    )(call)


def _log_retry(state: RetryCallState) -> None:
    interruption.check()
    error = state.outcome.exception() if state.outcome else None
    log.warning(
        "retrying after transient error",
        attempt=state.attempt_number,
        error=str(error),
    )
