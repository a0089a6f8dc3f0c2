"""Errors as the server reports them to a client."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

PRODUCT = "Amazon Redshift"
UNSUPPORTED = "0A000"  # the SQLSTATE of a feature that is not supported


class RedshiftError(Exception):
    """An error for the client: message, SQLSTATE, optional detail and hint.

    `is_fatal` ends the session.
    """

    def __init__(
        self,
        message: str,
        code: str = "XX000",
        *,
        detail: str = "",
        hint: str = "",
        is_fatal: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.detail = detail
        self.hint = hint
        self.is_fatal = is_fatal


class ClientDisconnected(Exception):
    """The client closed its connection, or the network did."""


def terminated() -> RedshiftError:
    """Return the error of a session that was ended by `pg_terminate_backend`."""
    message = "terminating connection due to administrator command"
    return RedshiftError(message, "57P01", is_fatal=True)


def unsupported(what: str, instead: str = "") -> RedshiftError:
    """Return the error for a construct that PostgreSQL accepts and Redshift rejects.

    `what` names the construct, `instead` an alternative. The message contains both,
    because most clients show only the message.
    """
    message = f"{what} is not supported by {PRODUCT}"
    if instead:
        message += f" (use instead: {instead})"
    return RedshiftError(message, UNSUPPORTED)


def not_emulated(what: str, instead: str = "") -> RedshiftError:
    """Return the error for something that Redshift supports and this emulator does not.

    `what` names the construct, `instead` an alternative.
    """
    message = f"{what} is not supported by this emulator"
    if instead:
        message += f" (use instead: {instead})"
    return RedshiftError(message, UNSUPPORTED)


@contextmanager
def internal_errors() -> Iterator[None]:
    """Report a bug of the emulator as an error of the statement, not of the session."""
    try:
        yield
    except (RedshiftError, ClientDisconnected):
        raise
    except Exception as error:
        traceback.print_exc()
        raise RedshiftError(
            f"internal error of the emulator: {type(error).__name__}: {error}",
            hint="Its output has the traceback. The session can be used further.",
        ) from error
