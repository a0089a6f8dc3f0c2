"""An HTTP session with Salesforce that retries requests when that is safe.

Every request has a timeout and the current token. It is retried with jitter after
status 429 or 503, not earlier than `Retry-After` allows, and when no connection could
be opened. Status 401 renews the token. When a request that writes may have been
processed, `OutcomeUnknownError` is raised at once, and the caller must read the records
back before it sends them again. A reply with status 2xx that is not what was asked for
(see `replies`) counts as such a failure. Tokens are never logged.
"""

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import requests
import structlog
from requests.auth import AuthBase
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.config.salesforce_policy import RetryPolicy
from loaders.errors import ConfigError, TransientError
from loaders.salesforce_api import replies
from loaders.salesforce_api.request_errors import (
    RetryableError,
    TokenExpiredError,
    UnexpectedReplyError,
    error_from_exception,
    error_from_redirect,
    error_from_response,
    url_without_query,
)

MAX_TOKEN_RENEWALS = 3
BLOCK_BYTES = 1 << 18

T = TypeVar("T")

log = structlog.get_logger()


class _BearerAuth(AuthBase):
    """Sets the session's current token on each request."""

    def __init__(self, session: "RetryingSession") -> None:
        self._session = session

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._session.token()}"
        return request


class CheckingSession(requests.Session):
    """A session whose requests have a timeout and whose replies are checked.

    Redirects are not followed: requests would repeat a write as a GET and drop the
    token.
    """

    def __init__(self, retry_policy: RetryPolicy) -> None:
        super().__init__()
        self.retry_policy = retry_policy

    # `options` are passed to requests unchanged.
    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        **options: Any,  # noqa: ANN401
    ) -> requests.Response:
        """Return a reply with status 4xx or 5xx, or the one that was asked for.

        Raises the errors of `replies.check` and of `error_from_redirect`.
        """
        timeout = (
            self.retry_policy.connect_timeout_seconds,
            self.retry_policy.read_timeout_seconds,
        )
        options = {"timeout": timeout, **options, "allow_redirects": False}
        response = super().request(method, url, **options)
        if response.ok:
            if response.status_code >= requests.codes.multiple_choices:
                raise error_from_redirect(method.upper(), response)
            replies.check(response)
        return response


class RetryingSession(CheckingSession):
    """A session that logs in, retries, and raises the errors of `request_errors`.

    `login` returns a token; it is called on first use and, if `can_renew`, after a 401.
    `limit_info` is the latest `Sforce-Limit-Info` header, '' before the first response.
    `calls` counts the requests that were sent, each attempt of one.
    """

    def __init__(
        self,
        retry_policy: RetryPolicy,
        *,
        login: Callable[[], str],
        can_renew: bool = True,
    ) -> None:
        super().__init__(retry_policy)
        self._can_renew = can_renew
        self.limit_info = ""
        self.calls = 0
        self._login = login
        self._token: str | None = None
        self.auth = _BearerAuth(self)

    def token(self) -> str:
        """Return the current token; log in if there is none."""
        if self._token is None:
            self._token = self._login()
        return self._token

    # `options` are passed to requests unchanged.
    def request(  # type: ignore[override]
        self,
        method: str,
        url: str,
        **options: Any,  # noqa: ANN401
    ) -> requests.Response:
        """Send a request and return a response with a status below 300.

        Raises `TransientError` when all attempts failed or the outcome is unknown,
        `DataError` when Salesforce rejected the request, and `ConfigError` when a
        permission is missing.
        """
        renewals = 0
        while True:
            try:
                return self.retry_on(
                    RetryableError,
                    lambda: self._send_once(method.upper(), url, **options),
                )
            except TokenExpiredError as error:
                renewals += 1
                if renewals > MAX_TOKEN_RENEWALS or not self._can_renew:
                    raise ConfigError(
                        f"{error} Check NIGHTSHIFT_SALESFORCE__ACCESS_TOKEN, or that "
                        "the connected app authorizes the user, who must be active."
                    ) from None
                log.info(
                    "salesforce token expired, logging in again",
                    url=url_without_query(url),
                )
                self._token = None

    def save_csv(self, url: str, path: Path, *, columns: Collection[str]) -> None:
        """Write a CSV reply to `path`, completely or not at all, with retries.

        Its header must have the `columns` (in lower case).
        """
        headers = {"Accept": "text/csv"}
        part = path.with_name(path.name + ".part")

        def fetch() -> None:
            with (
                self.request("GET", url, stream=True, headers=headers) as response,
                part.open("wb") as file,
            ):
                for block in response.iter_content(BLOCK_BYTES):
                    file.write(block)
            replies.check_csv(url, part, columns)

        try:
            self.retry_on((requests.RequestException, UnexpectedReplyError), fetch)
        except requests.RequestException as error:
            raise TransientError(
                f"The download of {url_without_query(url)} failed "
                f"{self.retry_policy.attempts} times ({type(error).__name__}). "
                "Run again later."
            ) from error
        part.replace(path)

    def retry_on(
        self,
        error_types: type[Exception] | tuple[type[Exception], ...],
        action: Callable[[], T],
    ) -> T:
        """Return the result of `action`, repeated with pauses after these errors."""
        retrying = Retrying(
            retry=retry_if_exception_type(error_types),
            stop=stop_after_attempt(self.retry_policy.attempts),
            wait=self._retry_wait,
            sleep=time.sleep,
            reraise=True,
        )
        return retrying(action)

    def _retry_wait(self, state: RetryCallState) -> float:
        """Return the seconds to wait before the next attempt."""
        policy = self.retry_policy
        error = state.outcome.exception() if state.outcome else None
        jitter = wait_random_exponential(
            multiplier=policy.base_seconds, max=policy.max_wait_seconds
        )(state)
        pause = error.pause if isinstance(error, RetryableError) else None
        if pause is None:
            return jitter
        if pause > policy.max_wait_seconds:
            raise TransientError(
                f"{error} Its Retry-After header requires a wait of {pause:.0f} s, "
                f"more than the limit of {policy.max_wait_seconds:.0f} s. Run again "
                "after that time."
            )
        return pause + min(jitter, policy.base_seconds)

    def _send_once(self, method: str, url: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own options
        body = options.get("data")
        if body is not None and hasattr(body, "seek"):
            body.seek(0)
        self.calls += 1
        try:
            response = super().request(method, url, **options)
        except requests.RequestException as error:
            raise error_from_exception(method, url, error) from error
        self.limit_info = response.headers.get("Sforce-Limit-Info", self.limit_info)
        if not response.ok:
            raise error_from_response(method, response)
        return response
