"""Salesforce as one object: log in, describe, limits, query, and plain requests.

The one importer of simple_salesforce, which knows the addresses of the REST API; its
requests go through our patient session, so that each has a timeout, is retried only
when that is safe, and survives a token's end. Replies change with the org's set-up.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import structlog
from pydantic import SecretStr
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from tenacity import (
    retry,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from loaders.config.settings import Salesforce as Settings
from loaders.errors import ConfigError, TransientError
from loaders.salesforce import login
from loaders.salesforce.policy import Patience
from loaders.salesforce.session import PatientSession, TimedSession

LAST_SOAP_VERSION = 64.0
ID_LENGTH = 18

log = structlog.get_logger()


@dataclass(frozen=True)
class Organization:
    """The org behind the instance: its 18-character id, and whether it is a sandbox."""

    id: str
    is_sandbox: bool


class Client:
    """A conversation with one Salesforce instance; make it with `connect`."""

    def __init__(self, salesforce: Salesforce, session: PatientSession) -> None:
        self._salesforce = salesforce
        self._session = session

    @property
    def usage(self) -> tuple[int, int] | None:
        """API requests of the day as (used, allowed), once a reply has told."""
        return self._session.usage

    @property
    def attempts(self) -> int:
        """How often a request is tried that fails for a passing reason."""
        return self._session.patience.attempts

    def request(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - requests' own options
        """Send a request to `path` below `services/data/vXX.X/`; see the session."""
        return self._session.request(
            method, self._salesforce.base_url + path, **options
        )

    def save(self, path: str, target: Path, *, accept: str) -> None:
        """Write the reply to a GET of `path` to a file, whole or not at all."""
        url = self._salesforce.base_url + path
        self._session.save(url, target, headers={"Accept": accept})

    def describe(self, name: str) -> dict[str, Any]:
        """Return the description of an object, `fields` and all."""
        return getattr(self._salesforce, name).describe()

    def limits(self) -> dict[str, dict[str, int]]:
        """Return the org's limits by name, each with Max and Remaining."""
        return self._salesforce.limits()

    def query(self, soql: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a query, page by page."""
        yield from self._salesforce.query_all_iter(soql)

    def count(self, name: str) -> int:
        """Return how many records an object has."""
        return int(self._salesforce.query(f"SELECT COUNT() FROM {name}")["totalSize"])

    def organization(self) -> Organization:
        """Ask which org this is."""
        record = next(self.query("SELECT Id, IsSandbox FROM Organization LIMIT 1"))
        return Organization(record["Id"], bool(record["IsSandbox"]))

    def user_id(self) -> str:
        """Return the 18-character id of the user whose token this is."""
        url = f"{self._salesforce.oauth2_url}userinfo"
        return str(self._session.request("GET", url).json()["user_id"])

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()


def connect(settings: Settings, patience: Patience | None = None) -> Client:
    """Log in and return a client.

    `ConfigError` names the setting to mend, `TransientError` is told after retries.
    """
    patience = patience or Patience()
    logs_in = retry(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(patience.attempts),
        wait=wait_random_exponential(
            multiplier=patience.base_seconds, max=patience.max_wait_seconds
        ),
        reraise=True,
    )(_password_token if settings.auth == "password" else login.obtain)
    unused = [logs_in(settings, patience)]
    url = unused[0].instance_url

    def token() -> str:
        # The instance is known only after a login, whose token is the first to use.
        current = unused.pop() if unused else logs_in(settings, patience)
        return current.access_token.get_secret_value()

    session = PatientSession(
        patience, login=token, can_renew=settings.auth != "access_token"
    )
    # The session puts the real token on each request; none is kept in here.
    salesforce = Salesforce(
        session_id="", instance_url=url, version=settings.api_version, session=session
    )
    log.info("salesforce login", auth=settings.auth, instance_url=url)
    return Client(salesforce, session)


def _password_token(settings: Settings, patience: Patience) -> login.Token:
    """Log in by SOAP, which newer API versions refuse; the token server is unused."""
    if float(settings.api_version) > LAST_SOAP_VERSION:
        raise ConfigError(
            f"User name and password work up to API version {LAST_SOAP_VERSION}, "
            f"not {settings.api_version}. Set NIGHTSHIFT_SALESFORCE__AUTH to "
            "client_credentials or jwt, or lower NIGHTSHIFT_SALESFORCE__API_VERSION."
        )
    if settings.username is None or settings.password is None:
        raise ConfigError(
            "auth 'password' needs NIGHTSHIFT_SALESFORCE__USERNAME and "
            "NIGHTSHIFT_SALESFORCE__PASSWORD (with the security token at its end)."
        )
    warnings.warn(
        "Salesforce retires logins by user name and password; "
        "set NIGHTSHIFT_SALESFORCE__AUTH to client_credentials or jwt.",
        DeprecationWarning,
        stacklevel=2,
    )
    log.warning("salesforce login by password, which is being retired")
    with TimedSession(patience) as session:
        try:
            token, instance = SalesforceLogin(
                session=session,
                username=settings.username,
                password=settings.password.get_secret_value(),
                security_token="",  # part of the password here
                sf_version=settings.api_version,
                domain="test" if settings.expect_sandbox else "login",
                scratch_url=settings.instance_url,
            )
        except SalesforceAuthenticationFailed as error:
            code = re.sub(r"<[^>]*>", "", str(error.code))
            raise ConfigError(
                f"Salesforce refuses the login: {code}. Check "
                "NIGHTSHIFT_SALESFORCE__USERNAME and NIGHTSHIFT_SALESFORCE__PASSWORD."
            ) from None
        except requests.RequestException as error:
            raise TransientError(
                f"The login server does not answer ({type(error).__name__}). "
                "Run again later."
            ) from None
    return login.Token(
        SecretStr(token), login.instance_url(settings, f"https://{instance}")
    )
