"""Errors as the server reports them to a client."""

RULE = "Amazon Redshift"


class RedshiftError(Exception):
    """An error for the client: message, SQLSTATE, and perhaps detail and hint.

    With `is_fatal` the session ends after it.
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


class ClientGone(Exception):
    """The client closed its connection, or the network did."""


def refused(what: str, instead: str = "") -> RedshiftError:
    """Return the error for something that PostgreSQL would take and Redshift not.

    `what` is the construct, `instead` what to write; both are told in the message,
    because most clients show nothing else.
    """
    message = f"{what} not supported: this is a rule of {RULE}"
    if instead:
        message += f" (instead: {instead})"
    return RedshiftError(message, "0A000")
