"""What can go wrong in talking to Salesforce, sorted by what may be done next.

Replies and broken connections come in, errors go out: refused for now (ask again),
outcome unknown (look first), quota, rights, not found, refused for good. Error bodies
are JSON arrays of `errorCode` and `message`; the token server has its own shape.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from loaders.errors import ConfigError, DataError, TransientError

SAFE_METHODS = {"GET", "HEAD", "DELETE"}
REFUSED_FOR_NOW = {429, 503}
OUTCOME_UNKNOWN = {500, 502, 504}
MESSAGE_LENGTH = 500
UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")
NEVER_SENT = ("NewConnectionError", "NameResolutionError", "ConnectTimeout")
PASSING = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


class OutcomeUnknownError(TransientError):
    """The connection broke; what was asked may or may not have been done."""


class QuotaExhaustedError(TransientError):
    """The org has used up a daily limit; nothing more can be sent for now."""


class ForbiddenError(ConfigError):
    """The integration user lacks a right."""


class NotFoundError(DataError):
    """Salesforce has no such thing, or shows it to nobody with our permissions."""


class RequestRefusedError(DataError):
    """Salesforce read the request and will not do it; `code` is its error code."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class RefusedForNowError(TransientError):
    """Not carried out, may be asked again after `pause` seconds."""

    def __init__(self, message: str, *, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


# The identity addresses answer 403 with this text where others answer 401.
ENDED_TOKEN = ("Bad_OAuth_Token",)


class TokenExpiredError(TransientError):
    """The token is no longer good; a new one may be."""


def of_connection(method: str, url: str, error: requests.RequestException) -> Exception:
    """Sort a broken connection: badly configured, surely not sent, or who knows."""
    told = repr(error)
    if any(sign in told for sign in UNTRUSTED):
        return ConfigError(
            f"No trusted TLS connection to {plain_url(url)}. If its certificate is "
            "signed by an authority of your own, set REQUESTS_CA_BUNDLE."
        )
    if not isinstance(error, PASSING):
        return ConfigError(f"{plain_url(url)} cannot be asked: {error}")
    if method in SAFE_METHODS or any(sign in told for sign in NEVER_SENT):
        return RefusedForNowError(
            f"No answer from {plain_url(url)} ({type(error).__name__}). "
            "Check the instance URL and the network, then run again."
        )
    return OutcomeUnknownError(
        f"The connection broke during {method} {plain_url(url)}; it may have been done."
    )


def of_reply(method: str, reply: requests.Response) -> Exception:
    """Turn a reply from 300 up into the error that says what to do next."""
    code, message = _told(reply)
    status = reply.status_code
    text = f"Salesforce answers {status} {code} to {method} {plain_url(reply.url)}: "
    text += message[:MESSAGE_LENGTH]
    if status == requests.codes.unauthorized or message in ENDED_TOKEN:
        return TokenExpiredError(text)
    if status in REFUSED_FOR_NOW or (
        status in OUTCOME_UNKNOWN and method in SAFE_METHODS
    ):
        return RefusedForNowError(text, pause=_retry_after(reply))
    if status in OUTCOME_UNKNOWN and code != "UNSUPPORTED_API_VERSION":
        return OutcomeUnknownError(text)
    if code in ("REQUEST_LIMIT_EXCEEDED", "ExceededQuota"):
        return QuotaExhaustedError(
            f"{text} Wait until the daily limit is free again, then run again."
        )
    if code == "UNSUPPORTED_API_VERSION" or status == requests.codes.gone:
        return ConfigError(f"{text} Set NIGHTSHIFT_SALESFORCE__API_VERSION.")
    if status == requests.codes.forbidden:
        return ForbiddenError(f"{text} Give the integration user that right.")
    if status == requests.codes.not_found:
        return NotFoundError(text)
    return RequestRefusedError(text, code=code, status=status)


def _told(reply: requests.Response) -> tuple[str, str]:
    """Return (error code, message) of an error body, whatever its shape."""
    try:
        body = reply.json()
    except ValueError:
        return "", reply.text[:MESSAGE_LENGTH]
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return "", str(first)[:MESSAGE_LENGTH]
    code = first.get("errorCode") or first.get("error") or ""
    message = first.get("message") or first.get("error_description") or ""
    return str(code), str(message)


def _retry_after(reply: requests.Response) -> float | None:
    """Return the pause in seconds that the reply asks for, if it does."""
    told = reply.headers.get("Retry-After")
    if not told:
        return None
    if told.strip().isdigit():
        return float(told)
    try:
        until = parsedate_to_datetime(told)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def plain_url(url: str) -> str:
    """Return the URL without its query, which may be long or tell too much."""
    return url.partition("?")[0]
