"""Refusals: of a request (with a status and a JSON array) and of a single row."""

from collections.abc import Sequence

# As captured, some replies tell the code before the message, others after it.
CODE_FIRST = frozenset(
    ("NOT_FOUND", "INVALIDJOB", "INVALIDJOBSTATE", "API_ERROR", "BULK_API_ERROR")
)


class Refusal(Exception):
    """A request is refused: `status` and `[{"errorCode", "message"}]`.

    `fields` is told when it is given, as the REST API does for a record's faults.
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
        """Return the reply's JSON: always an array."""
        told: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.code in CODE_FIRST:
            told = {"errorCode": self.code, "message": self.message}
        if self.fields is not None:
            told["fields"] = list(self.fields)
        return [told]


class RowError(Exception):
    """A row is refused; its neighbours are not."""

    def __init__(self, code: str, message: str, *fields: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = fields

    def as_text(self) -> str:
        """Return the form in a bulk result: `CODE:message:fields --`."""
        names = f"{','.join(self.fields)} " if self.fields else ""
        return f"{self.code}:{self.message}:{names}--"

    def as_json(self) -> dict[str, object]:
        """Return the form in a collection's reply."""
        return {
            "statusCode": self.code,
            "message": self.message,
            "fields": list(self.fields),
        }


class DroppedConnectionError(ConnectionError):
    """The connection is to be cut without a reply."""


def not_found() -> Refusal:
    """Return the refusal of an address that leads nowhere."""
    return Refusal(404, "NOT_FOUND", "The requested resource does not exist")
