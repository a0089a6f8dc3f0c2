"""Errors of Salesforce requests, classified by how the caller may continue.

A failed request becomes one of: retryable, outcome unknown (read back before sending
again), token expired, quota exhausted, moved, forbidden, not found, or rejected. Error
bodies are JSON arrays of `errorCode` and `message`; the token server uses `error` and
`error_description`.
"""

import re
import ssl
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import requests
from urllib3 import Retry
from urllib3.exceptions import ConnectTimeoutError, InvalidHeader, NewConnectionError

from loaders.errors import ConfigError, DataError, NightshiftError, TransientError

SAFE_METHODS = {"GET", "HEAD", "DELETE"}
RETRYABLE_STATUSES = {429, 503}
OUTCOME_UNKNOWN_STATUSES = {500, 502, 504}
PERMANENT_REDIRECTS = {301, 308}
# REQUEST_LIMIT_EXCEEDED is also the code of too many requests at the same time.
CONCURRENCY_LIMIT = re.compile(r"concurrent", re.IGNORECASE)
# An object or a field that the describe result had, but that is gone or hidden now.
SCHEMA_CODES = {"INVALID_FIELD", "INVALID_TYPE", "INVALIDJOB", "NO_SUCH_COLUMN"}
COMPARE_MAPPING = (
    "Compare the mapping with the object (nightshift doctor), then run again."
)
MAX_MESSAGE_LENGTH = 500
# No byte of the request was sent.
NOT_SENT_ERRORS = (
    NewConnectionError,
    ConnectTimeoutError,
    requests.exceptions.ConnectTimeout,
)
MAX_RETRY_AFTER = 10**9  # seconds; the retry policy has its own limit
TLS_REASONS = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER")
# Exceptions of requests that a setting causes; all others may pass.
SETTING_ERRORS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    requests.exceptions.URLRequired,
    requests.exceptions.TooManyRedirects,
    requests.exceptions.UnrewindableBodyError,
)
# The identity URLs return 403 with this text where other URLs return 401.
EXPIRED_TOKEN_MESSAGES = ("Bad_OAuth_Token",)


class OutcomeUnknownError(TransientError):
    """No usable reply came; the request may or may not have been processed."""


class QuotaExhaustedError(NightshiftError):
    """A daily limit of the Salesforce org is used up; a retry today would fail."""


class ForbiddenError(ConfigError):
    """The integration user lacks a permission."""


class NotFoundError(DataError):
    """The resource does not exist, or the integration user may not see it."""


class RequestRejectedError(DataError):
    """Salesforce rejected the request; `code` is its error code."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class RetryableError(TransientError):
    """The request was not processed; retry it after `pause` seconds, if given."""

    def __init__(self, message: str, *, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class UnexpectedReplyError(RetryableError):
    """A request that changes nothing got a reply that is not what was asked for."""


class TokenExpiredError(TransientError):
    """The access token is no longer valid."""


def error_from_exception(
    method: str, url: str, error: requests.RequestException
) -> Exception:
    """Return the error for a request that got no response."""
    address = url_without_query(url)
    causes = list(_causes(error))
    if any(
        isinstance(cause, ssl.SSLError) and cause.reason in TLS_REASONS
        for cause in causes
    ):
        return ConfigError(
            f"The TLS connection to {address} is not trusted. If a private "
            "certificate authority signed its certificate, set REQUESTS_CA_BUNDLE."
        )
    if isinstance(error, SETTING_ERRORS):
        return ConfigError(
            f"The request to {address} is invalid: {error}. Check the instance URL."
        )
    if method in SAFE_METHODS or any(
        isinstance(cause, NOT_SENT_ERRORS) for cause in causes
    ):
        return RetryableError(
            f"{address} is unreachable ({type(error).__name__}). "
            "Check the instance URL and the network, then run again."
        )
    return OutcomeUnknownError(
        f"The connection broke during {method} {address}. "
        "The request may have been processed. Run again; the next sync checks this."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that requests and urllib3 wrapped in it."""
    yield error
    for inner in (*error.args, getattr(error, "reason", None)):
        if isinstance(inner, BaseException):
            yield from _causes(inner)


def error_from_redirect(method: str, response: requests.Response) -> Exception:
    """Return the error for a response with status 3xx; it names a new instance."""
    target = urlsplit(urljoin(response.url, response.headers.get("Location", "")))
    address = url_without_query(response.url)
    if (
        response.status_code in PERMANENT_REDIRECTS
        and target.netloc != urlsplit(response.url).netloc
    ):
        setting = (
            "TOKEN_URL (or INSTANCE_URL)" if _is_login(address) else "INSTANCE_URL"
        )
        return ConfigError(
            f"{address} has moved permanently to https://{target.netloc}. Set "
            f"NIGHTSHIFT_SALESFORCE__{setting} to the new address, then run again."
        )
    text = (
        f"{method} {address} was redirected with status {response.status_code} to "
        f"{url_without_query(target.geturl())}. Salesforce may be under maintenance."
    )
    if method in SAFE_METHODS or _is_login(address):
        return RetryableError(f"{text} Run again later.")
    return OutcomeUnknownError(
        f"{text} The request may have been processed. Run again; the next sync checks "
        "this."
    )


def _is_login(address: str) -> bool:
    return "/oauth2/token" in address or "/Soap/" in address


def error_from_response(method: str, response: requests.Response) -> Exception:
    """Return the error for a response with status 400 or higher."""
    code, message = _parse_error_body(response)
    status = response.status_code
    text = (
        f"{method} {url_without_query(response.url)} failed with status "
        f"{status} {code}: {message[:MAX_MESSAGE_LENGTH].rstrip('.')}."
    )
    if status == requests.codes.unauthorized or message in EXPIRED_TOKEN_MESSAGES:
        return TokenExpiredError(text)
    if status in RETRYABLE_STATUSES or (
        status in OUTCOME_UNKNOWN_STATUSES and method in SAFE_METHODS
    ):
        return RetryableError(f"{text} Run again later.", pause=_retry_after(response))
    if status in OUTCOME_UNKNOWN_STATUSES and code != "UNSUPPORTED_API_VERSION":
        return OutcomeUnknownError(
            f"{text} It may have been processed. Run again; the next sync checks this."
        )
    if code in ("REQUEST_LIMIT_EXCEEDED", "ExceededQuota"):
        if CONCURRENCY_LIMIT.search(message):
            return RetryableError(
                f"{text} Run again when fewer requests are running.",
                pause=_retry_after(response),
            )
        return QuotaExhaustedError(
            f"{text} The Salesforce org's daily limit is used up. Run again after it "
            "resets."
        )
    if code == "UNSUPPORTED_API_VERSION" or status == requests.codes.gone:
        return ConfigError(f"{text} Set NIGHTSHIFT_SALESFORCE__API_VERSION.")
    if status == requests.codes.forbidden:
        return ForbiddenError(f"{text} Grant the integration user this permission.")
    if status == requests.codes.not_found and not code and method in SAFE_METHODS:
        # A page of a proxy; Salesforce's own 404 has an error code.
        return RetryableError(f"{text} Check the instance URL, then run again.")
    if status == requests.codes.not_found:
        return NotFoundError(
            f"{text} Check whether it exists and the integration user may read it."
        )
    next_step = (
        COMPARE_MAPPING
        if code in SCHEMA_CODES
        else "Correct the cause, then run again."
    )
    return RequestRejectedError(f"{text} {next_step}", code=code, status=status)


def _parse_error_body(response: requests.Response) -> tuple[str, str]:
    """Return (error code, message) of an error body in any of its forms."""
    try:
        body = response.json()
    except ValueError:
        return "", response.text[:MAX_MESSAGE_LENGTH]
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return "", str(first)[:MAX_MESSAGE_LENGTH]
    code = first.get("errorCode") or first.get("error") or ""
    message = first.get("message") or first.get("error_description") or ""
    return str(code), str(message)


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds to wait by the `Retry-After` header, None without one."""
    value = response.headers.get("Retry-After")
    if not value:
        return None
    try:
        return Retry(retry_after_max=MAX_RETRY_AFTER).parse_retry_after(value)
    except InvalidHeader:
        return None


def url_without_query(url: str) -> str:
    """Return the URL without its query, which may be long or contain data."""
    return url.partition("?")[0]
