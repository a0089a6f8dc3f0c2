"""Errors that the emulator returns: for a whole request or for a single row."""

from collections.abc import Sequence

# In recorded responses these codes come before the message, all others after it.
CODE_FIRST = frozenset(
    ("NOT_FOUND", "INVALIDJOB", "INVALIDJOBSTATE", "API_ERROR", "BULK_API_ERROR")
)


class ApiError(Exception):
    """An error response: an HTTP status and a JSON array with one error.

    The error has `fields` only if they are given. The REST API adds them to errors
    about a record.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: Sequence[str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields
        self.headers = headers or {}

    def body(self) -> list[dict[str, object]]:
        """Return the JSON body, which is always an array."""
        error: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.code in CODE_FIRST:
            error = {"errorCode": self.code, "message": self.message}
        if self.fields is not None:
            error["fields"] = list(self.fields)
        return [error]


class RowError(Exception):
    """An error of one row; the other rows of the request are not affected."""

    def __init__(self, code: str, message: str, *fields: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields

    def as_text(self) -> str:
        """Return the text of a bulk result: `CODE:message:fields --`."""
        names = f"{','.join(self.fields)} " if self.fields else ""
        return f"{self.code}:{self.message}:{names}--"

    def as_json(self) -> dict[str, object]:
        """Return the error object of an sObject Collections response."""
        return {
            "statusCode": self.code,
            "message": self.message,
            "fields": list(self.fields),
        }


class DroppedConnectionError(ConnectionError):
    """The server must close the connection without a response."""


def not_found() -> ApiError:
    """Return the error of a URL that does not exist."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")
