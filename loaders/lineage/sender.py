"""Delivery of OpenLineage events in the background, which never delays a run's work.

An event is tried a few times. After a few events that nobody took, the others are
dropped, so a receiver that is down costs one line and no time.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, TypeVar

import structlog

from loaders.config.redaction import redact
from loaders.lineage import facts

WAITS = (0.2, 0.8)
MAX_FAILED_EVENTS = 2
CONFIG_FILES = ("openlineage.yml", "~/.openlineage/openlineage.yml")
BAD_REQUEST = 400
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500

Item = TypeVar("Item")

log = structlog.get_logger()


def is_configured() -> bool:
    """Return whether OpenLineage's own settings ask for events, without its library."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").lower().strip() == "true":
        return False
    variables = (
        name
        for name, value in os.environ.items()
        if value
        and name.startswith(
            ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT__")
        )
    )
    return any(variables) or any(map(_is_file, CONFIG_FILES))


def _is_file(path: str) -> bool:
    with suppress(RuntimeError):  # the user has no home directory
        return Path(path).expanduser().is_file()
    return False


class Sender(Generic[Item]):
    """Sends the events that `convert` makes of each item, in a thread of its own."""

    def __init__(self, convert: Callable[[Item], list[facts.Event]]) -> None:
        """Connect; raise `ConfigError` if OpenLineage's settings cannot be used."""
        # It takes half a second to import. Imported here, in the main thread: a process
        # that is forked during an import in another thread could wait for it forever.
        from loaders.lineage import client

        self._convert = convert
        self._emit = client.emit
        self._client = client.connect()
        self._items: SimpleQueue[Item | None] = SimpleQueue()
        self._sent = 0
        self._lost = 0
        self._failed_events = 0
        self._problem = ""
        self._thread = threading.Thread(target=self._work, name="lineage", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Send the item's events soon; returns at once, from any thread."""
        self._items.put(item)

    def close(self, seconds: float) -> str:
        """Wait for the events that are not sent yet; return what went wrong, or ''."""
        deadline = time.monotonic() + seconds
        self._items.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._lost += max(self._items.qsize() - 1, 0) + 1
            self._problem = self._problem or f"no answer within {seconds:g} seconds"
        else:
            self._client.close(max(deadline - time.monotonic(), 0.1))
        log.info("lineage", events=self._sent, lost=self._lost)
        if not self._problem:
            return ""
        return (
            f"OpenLineage did not take {self._lost} of {self._sent + self._lost} "
            f"events ({self._problem.rstrip('.')})."
        )

    def _work(self) -> None:
        while (item := self._items.get()) is not None:
            try:
                events = self._convert(item)
            except Exception as error:  # a fault here must not stop the other events
                self._report("event not made", f"{type(error).__name__}: {error}", 1)
                continue
            for event in events:
                self._send(event)

    def _send(self, event: facts.Event) -> None:
        if self._failed_events >= MAX_FAILED_EVENTS:
            self._lost += 1
            return
        problem = self._try(event)
        if not problem:
            self._sent += 1
            self._failed_events = 0
            return
        self._failed_events += 1
        self._report("event not sent", problem, 1)

    def _try(self, event: facts.Event) -> str:
        """Send an event with a few attempts; return what went wrong, or ''."""
        for wait in (*WAITS, None):
            try:
                self._emit(self._client, event)
                return ""
            except Exception as error:  # each transport has errors of its own
                status = getattr(getattr(error, "response", None), "status_code", 0)
                is_final = (
                    BAD_REQUEST <= status < SERVER_ERROR and status != TOO_MANY_REQUESTS
                )
                if wait is None or is_final:
                    return _describe(error, status)
            time.sleep(wait)
        return ""

    def _report(self, event: str, problem: str, lost: int) -> None:
        """Log the first problem; the others are counted."""
        self._lost += lost
        if not self._problem:
            self._problem = redact(problem)
            log.warning("lineage", problem=f"{event}: {self._problem}")


def _describe(error: Exception, status: int) -> str:
    if status:
        return f"it answered {status}"
    cause = error
    while reason := getattr(cause, "reason", None) or (
        cause.args[0] if cause.args and isinstance(cause.args[0], Exception) else None
    ):
        if not isinstance(reason, Exception):
            break
        cause = reason
    return f"{type(cause).__name__}: {cause}"
