"""Delivery of one mail to all its recipients, over several attempts and runs.

The ledger has the state of each recipient. It is written after each attempt, so that
an attempt, also one of a later run, only concerns recipients who still wait.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

from loaders import mail
from loaders.config import settings
from loaders.config.recipients import Recipients
from loaders.errors import TransientError
from loaders.ledger.mails import EXPIRED, OPEN, REJECTED, Delivery
from loaders.mime import Message
from orchestrate.tasks.retries import retry

Deliveries = dict[str, Delivery]
MAX_SHOWN_RECIPIENTS = 20
WORDS = {OPEN: "waiting for", REJECTED: "rejected", EXPIRED: "given up"}


class _OpenError(TransientError):
    """Recipients are still open after an attempt."""


def deliver(
    message: Message,
    to: Recipients,
    states: Mapping[str, Delivery],
    *,
    record: Callable[[Deliveries], None],
    num_retries: int,
    retry_sleep: float,
) -> Deliveries:
    """Send the message to the open recipients among `states`; return all states.

    Those whom the mail server rejects temporarily are tried again, alone, up to
    `num_retries` times. `record` stores the results of each attempt before the next.
    Raises `ConfigError` if the settings or the mail server allow no mail at all.
    """
    current = dict(states)

    def attempt() -> None:
        waiting = select(current, OPEN)
        if not waiting:
            return
        results = mail.send(message, settings.load_valid()[0].smtp, to, only=waiting)
        current.update(results)
        record(results)
        if select(results, OPEN):
            raise _OpenError(describe(results))

    with suppress(_OpenError):  # a later run tries again
        retry(attempt, num_retries=num_retries, retry_sleep=retry_sleep)
    return current


def select(deliveries: Mapping[str, Delivery], status: str) -> list[str]:
    """Return the recipients with this status."""
    return [name for name, state in deliveries.items() if state.status == status]


def describe(deliveries: Mapping[str, Delivery]) -> str:
    """Return who has no mail and why, with the mail server's reply; '' if all have."""
    names: dict[Delivery, list[str]] = {}
    for name, state in deliveries.items():
        if state.status in WORDS:
            names.setdefault(state, []).append(name)
    return "; ".join(
        f"{WORDS[state.status]} {_join(names[state])}: {state.message.rstrip('.')}"
        for state in names
    )


def _join(names: list[str]) -> str:
    more = len(names) - MAX_SHOWN_RECIPIENTS
    shown = ", ".join(names[:MAX_SHOWN_RECIPIENTS])
    return f"{shown} and {more} more" if more > 0 else shown
