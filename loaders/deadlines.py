"""Calls that end in time, whatever the other side does."""

import threading
from collections.abc import Callable
from typing import TypeVar

from loaders.errors import TransientError

Result = TypeVar("Result")


def call_within(seconds: float, call: Callable[[], Result], *, subject: str) -> Result:
    """Return the result of `call`; raise `TransientError` if it takes longer.

    A library's own timeouts are per packet, so a slow answer may exceed them by far.
    The call then stays behind in a thread that does not keep the process alive.
    """
    results: list[Result] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            results.append(call())
        except Exception as error:  # raised again by the waiting thread
            errors.append(error)

    thread = threading.Thread(target=work, name=f"call to {subject}", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise TransientError(f"{subject} did not answer within {seconds:g} seconds.")
    return results[0]
