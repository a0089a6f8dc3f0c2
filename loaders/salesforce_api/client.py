"""A Salesforce client: login, describe, limits, queries and plain REST requests.

This is the only module that imports simple_salesforce, and only for a login, because
that takes a tenth of a second of each command. Its requests go through
`RetryingSession`, so each has a timeout, is retried only when that is safe, and
continues when the token expires.
"""

import re
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import requests
import structlog
from pydantic import SecretStr
from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.config import environment
from loaders.config.salesforce_policy import RetryPolicy
from loaders.config.settings import Salesforce as Settings
from loaders.errors import ConfigError, TransientError
from loaders.salesforce_api import login
from loaders.salesforce_api.session import CheckingSession, RetryingSession

if TYPE_CHECKING:
    from simple_salesforce import Salesforce

LAST_SOAP_VERSION = 64.0
BUSY_SOAP_CODES = re.compile(r"SERVER_UNAVAILABLE|UNKNOWN_EXCEPTION|5\d\d|429|408|None")

T = TypeVar("T")

log = structlog.get_logger()


@dataclass(frozen=True)
class Organization:
    """A Salesforce org: its 18-character id, and whether it is a sandbox."""

    id: str
    is_sandbox: bool


class Client:
    """A logged-in connection to one Salesforce instance; create it with `connect`."""

    def __init__(self, salesforce: "Salesforce", session: RetryingSession) -> None:
        self._salesforce = salesforce
        self._session = session

    @property
    def usage(self) -> tuple[int, int] | None:
        """Today's API requests as (used, allowed); None before the first response."""
        limits = self._salesforce.parse_api_usage(self._session.limit_info)
        usage = limits.get("api-usage")
        return (usage.used, usage.total) if usage else None

    @property
    def calls(self) -> int:
        """The number of requests that this client has sent."""
        return self._session.calls

    @property
    def attempts(self) -> int:
        """The number of attempts for a request that fails with transient errors."""
        return self._session.retry_policy.attempts

    def request(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own options
        """Send a request to `path` below `services/data/vXX.X/`.

        See `RetryingSession.request` for the errors.
        """
        return self._session.request(
            method, self._salesforce.base_url + path, **options
        )

    def save_csv(self, path: str, target: Path, *, columns: Collection[str]) -> None:
        """Write a CSV reply to a file; see `RetryingSession.save_csv`."""
        url = self._salesforce.base_url + path
        self._session.save_csv(url, target, columns=columns)

    def retry_on(self, error_type: type[Exception], action: Callable[[], T]) -> T:
        """Return the result of `action`, repeated with pauses after this error."""
        return self._session.retry_on(error_type, action)

    def describe(self, name: str) -> dict[str, Any]:
        """Return the describe result of an object, including `fields`."""
        description: dict[str, Any] = getattr(self._salesforce, name).describe()
        return description

    def limits(self) -> dict[str, dict[str, int]]:
        """Return the limits of the org by name, each with `Max` and `Remaining`."""
        limits: dict[str, dict[str, int]] = self._salesforce.limits()
        return limits

    def query(
        self, fields: Sequence[str], source: str, *, include_deleted: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Yield the fields of each record of `SELECT fields FROM source`, by page."""
        soql = f"SELECT {', '.join(fields)} FROM {source}"
        for record in self._salesforce.query_all_iter(soql, include_deleted):
            values = {name.lower(): value for name, value in record.items()}
            try:
                yield {name: values[name.lower()] for name in fields}
            except KeyError as error:
                raise TransientError(
                    f"Salesforce returned a record without the field {error}. "
                    "Run again later."
                ) from None

    def count(self, name: str, condition: str = "") -> int:
        """Return the number of records of an object that fulfil a condition."""
        where = f" WHERE {condition}" if condition else ""
        soql = f"SELECT COUNT() FROM {name}{where}"
        return int(self._salesforce.query(soql)["totalSize"])

    def organization(self) -> Organization:
        """Return the Salesforce org that the client is connected to."""
        fields = ("Id", "IsSandbox")
        record = next(self.query(fields, "Organization LIMIT 1"), None)
        if record is None:
            raise TransientError(
                "Salesforce returned no Organization record. Check that the user may "
                "read the object Organization, then run again."
            )
        return Organization(record["Id"], bool(record["IsSandbox"]))

    def user_id(self) -> str:
        """Return the 18-character id of the logged-in user."""
        url = f"{self._salesforce.oauth2_url}userinfo"
        return str(self._session.request("GET", url).json()["user_id"])

    def close(self) -> None:
        """Close the HTTP connections."""
        self._session.close()


def connect(settings: Settings, retry_policy: RetryPolicy | None = None) -> Client:
    """Log in and return a client; the settings have the default retry policy.

    Raises `ConfigError` naming the setting to correct, or `TransientError` when all
    retries failed.
    """
    from simple_salesforce import Salesforce

    environment.require_services()
    retry_policy = retry_policy or settings.sync.retry_policy
    log_in = retry(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(retry_policy.attempts),
        wait=wait_random_exponential(
            multiplier=retry_policy.base_seconds, max=retry_policy.max_wait_seconds
        ),
        reraise=True,
    )(_password_token if settings.auth == "password" else login.obtain_token)
    unused_tokens = [log_in(settings, retry_policy)]
    url = unused_tokens[0].instance_url

    def next_token() -> str:
        # The first login was needed for the instance URL; its token is used first.
        token = unused_tokens.pop() if unused_tokens else log_in(settings, retry_policy)
        return token.access_token.get_secret_value()

    session = RetryingSession(
        retry_policy, login=next_token, can_renew=settings.auth != "access_token"
    )
    # The session adds the token to each request; simple_salesforce never has it.
    salesforce = Salesforce(
        session_id="", instance_url=url, version=settings.api_version, session=session
    )
    log.info("salesforce login", auth=settings.auth, instance_url=url)
    return Client(salesforce, session)


def _password_token(settings: Settings, retry_policy: RetryPolicy) -> login.Token:
    """Log in with user name and password by SOAP, up to `LAST_SOAP_VERSION`."""
    from simple_salesforce import SalesforceLogin
    from simple_salesforce.exceptions import SalesforceError

    if float(settings.api_version) > LAST_SOAP_VERSION:
        raise ConfigError(
            f"User name and password work up to API version {LAST_SOAP_VERSION}, "
            f"not {settings.api_version}. Set NIGHTSHIFT_SALESFORCE__AUTH to "
            "client_credentials or jwt, or lower NIGHTSHIFT_SALESFORCE__API_VERSION."
        )
    if settings.username is None or settings.password is None:
        raise ConfigError(
            "NIGHTSHIFT_SALESFORCE__AUTH=password needs a user name and a password. "
            "Set NIGHTSHIFT_SALESFORCE__USERNAME and "
            "NIGHTSHIFT_SALESFORCE__PASSWORD (the password and the security token)."
        )
    warnings.warn(
        "Salesforce is retiring logins with user name and password. "
        "Set NIGHTSHIFT_SALESFORCE__AUTH to client_credentials or jwt.",
        DeprecationWarning,
        stacklevel=2,
    )
    log.warning("salesforce login by password, which is being retired")
    with CheckingSession(retry_policy) as session:
        try:
            token, instance = SalesforceLogin(
                session=session,
                username=settings.username,
                password=settings.password.get_secret_value(),
                security_token="",  # the password setting already ends with it
                sf_version=settings.api_version,
                domain="test" if settings.expect_sandbox else "login",
                scratch_url=settings.instance_url,
            )
        except SalesforceError as error:
            code = re.sub(r"<[^>]*>", "", str(getattr(error, "code", error)))
            if BUSY_SOAP_CODES.fullmatch(code):
                raise TransientError(
                    f"Salesforce's login server failed with {code}. Run again later."
                ) from None
            raise ConfigError(
                f"Salesforce rejected the login: {code}. Check "
                "NIGHTSHIFT_SALESFORCE__USERNAME and NIGHTSHIFT_SALESFORCE__PASSWORD."
            ) from None
        except requests.RequestException as error:
            raise TransientError(
                f"Salesforce's login server is unreachable ({type(error).__name__}). "
                "Check the network, then run again."
            ) from None
    return login.Token(
        SecretStr(token), login.instance_url(settings, f"https://{instance}")
    )
