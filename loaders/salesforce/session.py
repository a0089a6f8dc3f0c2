"""One HTTP session with Salesforce that tries again when that is safe.

Every request gets a timeout and the current token. Refusals that pass (429, 503, a
connection that was never made) are retried with jitter, and the pause a server asks
for by Retry-After is kept; a 401 renews the token. When nobody can say whether a
request that writes was carried out, `OutcomeUnknownError` is raised at once and the
caller looks before it acts again. Tokens are never logged.
"""

import time
from collections.abc import Callable
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

from loaders.errors import ConfigError, TransientError
from loaders.salesforce.failures import (
    RefusedForNowError,
    TokenExpiredError,
    of_connection,
    of_reply,
    plain_url,
)
from loaders.salesforce.policy import Patience

MAX_RENEWALS = 3
BLOCK_BYTES = 1 << 18

T = TypeVar("T")

log = structlog.get_logger()


class _Bearer(AuthBase):
    """Puts the session's current token on each request, whoever made its headers."""

    def __init__(self, session: "PatientSession") -> None:
        self._session = session

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._session.token()}"
        return request


class TimedSession(requests.Session):
    """A `requests.Session` none of whose requests waits for ever."""

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self.patience = patience

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own options
        """Send a request, with a timeout for connecting and one for each read."""
        limits = (
            self.patience.connect_timeout_seconds,
            self.patience.read_timeout_seconds,
        )
        return super().request(method, url, **{"timeout": limits, **options})


class PatientSession(TimedSession):
    """A session with Salesforce's manners; see the module.

    `login` returns a token; it is called on first use and, unless `can_renew` is
    false, again after a 401.
    `usage` is (used, allowed) API requests of the day, once a reply has said so.
    """

    def __init__(
        self, patience: Patience, *, login: Callable[[], str], can_renew: bool = True
    ) -> None:
        super().__init__(patience)
        self._can_renew = can_renew
        self.usage: tuple[int, int] | None = None
        self._login = login
        self._token: str | None = None
        self.auth = _Bearer(self)

    def token(self) -> str:
        """Return the token in force, logging in if there is none."""
        if self._token is None:
            self._token = self._login()
        return self._token

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own options
        """Send a request and return a reply below 300.

        Raises a `TransientError` when patience ends or the outcome is unknown, a
        `DataError` for what Salesforce refuses, a `ConfigError` for lack of rights.
        """
        renewals = 0
        while True:
            try:
                return self._again_on(
                    RefusedForNowError,
                    lambda: self._once(method.upper(), url, **options),
                )
            except TokenExpiredError as error:
                renewals += 1
                if renewals > MAX_RENEWALS or not self._can_renew:
                    raise ConfigError(
                        f"{error} Check the access token, or the connected app "
                        "and its user."
                    ) from None
                log.info("salesforce token renewed", url=plain_url(url))
                self._token = None

    def save(self, url: str, path: Path, **options: Any) -> None:  # noqa: ANN401 - requests' own options
        """Write a reply's body to `path`, whole or not at all, trying again."""
        part = path.with_name(path.name + ".part")

        def fetch() -> None:
            with (
                self.request("GET", url, stream=True, **options) as reply,
                part.open("wb") as file,
            ):
                for block in reply.iter_content(BLOCK_BYTES):
                    file.write(block)

        try:
            self._again_on(requests.RequestException, fetch)
        except requests.RequestException as error:
            raise TransientError(
                f"{plain_url(url)} breaks off each time ({type(error).__name__}). "
                "Run again later."
            ) from error
        part.replace(path)

    def _again_on(self, passing: type[Exception], deed: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=retry_if_exception_type(passing),
            stop=stop_after_attempt(self.patience.attempts),
            wait=self._pause,
            sleep=time.sleep,
            reraise=True,
        )
        return retrying(deed)

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        jitter = wait_random_exponential(
            multiplier=self.patience.base_seconds, max=self.patience.max_wait_seconds
        )(state)
        asked = error.pause if isinstance(error, RefusedForNowError) else None
        if asked is None:
            return jitter
        if asked > self.patience.max_wait_seconds:
            raise TransientError(
                f"{error} It asks to wait {asked:.0f} s, longer than "
                f"{self.patience.max_wait_seconds:.0f} s. Run again after that."
            )
        return asked + min(jitter, self.patience.base_seconds)

    def _once(self, method: str, url: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own options
        body = options.get("data")
        if hasattr(body, "seek"):
            body.seek(0)
        try:
            reply = super().request(method, url, **options)
        except requests.RequestException as error:
            raise of_connection(method, url, error) from error
        self._note_usage(reply)
        if reply.status_code >= requests.codes.multiple_choices:
            raise of_reply(method, reply)
        return reply

    def _note_usage(self, reply: requests.Response) -> None:
        told = reply.headers.get("Sforce-Limit-Info", "")
        for part in told.split(";"):
            name, _, numbers = part.strip().partition("=")
            used, _, allowed = numbers.partition("/")
            if name == "api-usage" and used.isdigit() and allowed.isdigit():
                self.usage = int(used), int(allowed)
