"""Redshift sessions: opened from the dbt profile, kept for the next use, closed.

Host, user and login method (password, IAM, serverless) come from the dbt profile; dbt's
own credential classes open the session. A session costs TLS, a login and often a call
of IAM, so a process keeps the sessions that it does not use. A forked process never
uses its parent's.
"""

import atexit
import os
import select
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.config import environment
from loaders.errors import ConfigError, NightshiftError, TransientError
from loaders.warehouse.redshift import classified_errors

# Unused sessions of this process, by the values of their target.
_unused: dict[str, list[Any]] = {}
_lock = threading.Lock()


def take(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - driver's type
    """Return a kept session that is still connected, or open one."""
    while True:
        with _lock:
            kept = _unused.get(_key(values))
            handle = kept.pop() if kept else None
        if handle is None:
            return open_handle(values)
        if is_connected(handle):
            handle.notices.clear()
            return handle
        close(handle)


def keep(values: Mapping[str, Any], handle: Any) -> None:  # noqa: ANN401
    """Keep a session for the next `take`; close it if a transaction is open."""
    if handle.in_transaction:
        close(handle)
        return
    with _lock:
        _unused.setdefault(_key(values), []).append(handle)


def close_unused() -> None:
    """Close the kept sessions of this process."""
    with _lock:
        handles = [handle for kept in _unused.values() for handle in kept]
        _unused.clear()
    for handle in handles:
        close(handle)


def is_connected(handle: Any) -> bool:  # noqa: ANN401 - driver's type
    """Return whether the server has not closed an unused session.

    All that it sends to such a session is that it closes it.
    """
    try:
        poll = select.poll()  # unlike select(), for any number of open files
        poll.register(handle._usock, select.POLLIN)
        return not poll.poll(0)
    except (OSError, ValueError, TypeError):
        return False


def _key(values: Mapping[str, Any]) -> str:
    return repr(sorted(values.items(), key=lambda item: item[0]))


def _drop_in_child() -> None:
    """Give a forked process no session of its parent, which continues to use them."""
    global _lock
    _lock = threading.Lock()
    for kept in _unused.values():
        for handle in kept:
            # Closes this process's descriptor alone and sends nothing.
            with suppress(OSError):
                os.close(handle._usock.detach())
    _unused.clear()


os.register_at_fork(after_in_child=_drop_in_child)
atexit.register(close_unused)


def open_handle(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - driver's type
    """Open a session in autocommit mode with the credentials of the dbt profile.

    Retries `retries` times while Redshift is unreachable. Raises `ConfigError` with the
    setting to correct, or `TransientError` if Redshift stays unreachable.
    """
    environment.require_services()
    from dbt.adapters.redshift.connections import get_connection_method

    credentials = _credentials(values)
    attempts = Retrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(1 + int(credentials.retries or 0)),
        wait=wait_random_exponential(multiplier=0.5, max=10),
        reraise=True,
    )

    def connect() -> Any:  # noqa: ANN401 - driver's type
        with classified_errors(f"connecting to {credentials.host}"):
            handle = get_connection_method(credentials)()
            handle.autocommit = True
            # A named statement would keep the plan of a relation that dbt replaces.
            handle.max_prepared_statements = 0
            return handle

    return attempts(connect)


def _credentials(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - dbt's type
    from dbt.adapters.redshift.connections import RedshiftCredentials
    from dbt_common.dataclass_schema import ValidationError
    from dbt_common.exceptions import DbtValidationError

    options = {key: value for key, value in values.items() if key != "type"}
    try:
        options = RedshiftCredentials.translate_aliases(options)
        RedshiftCredentials.validate(options)
        credentials = RedshiftCredentials.from_dict(options)
    except (ValidationError, DbtValidationError) as error:
        raise ConfigError(
            f"The target in the dbt profile is invalid: {_invalid_keys(error)}. "
            "Compare it with profiles.yml.example."
        ) from None
    if credentials.method == "database" and not credentials.password:
        raise ConfigError(
            "NIGHTSHIFT_REDSHIFT_PASSWORD is not set. Set it, or log in with "
            "NIGHTSHIFT_REDSHIFT_METHOD=iam or iam_role."
        )
    return credentials


def _invalid_keys(error: Any) -> str:  # noqa: ANN401 - dbt's type
    """Return the keys that dbt found invalid, without values such as a password."""
    if path := list(getattr(error, "path", ())):
        return f"{'.'.join(map(str, path))} has the wrong type or value"
    return " ".join(str(getattr(error, "message", None) or error).split())


def close(handle: Any) -> None:  # noqa: ANN401 - driver's type
    """Close a session, even if its connection is already lost."""
    with suppress(NightshiftError), classified_errors("closing"):
        handle.close()


def take_server_messages(handle: Any) -> list[str]:  # noqa: ANN401 - driver's type
    """Return and clear the text of the NOTICE and WARNING messages received so far."""
    messages = [fields.get(b"M", b"") for fields in handle.notices]
    handle.notices.clear()
    return [message.decode("utf-8", "replace") for message in messages]
