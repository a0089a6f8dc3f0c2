"""Get an access token: OAuth client credentials, OAuth JWT, or a configured token.

Secrets are `SecretStr` values that are revealed only in the request that needs them and
never appear in a message or a log. The login with user name and password (SOAP) is in
`client`, because it needs simple_salesforce.
"""

import re
import time
from dataclasses import dataclass
from typing import Any

import requests
from pydantic import SecretStr

from loaders.config.salesforce_policy import RetryPolicy
from loaders.config.settings import Salesforce as Settings
from loaders.errors import ConfigError, TransientError
from loaders.salesforce_api import replies
from loaders.salesforce_api.session import CheckingSession

PREFIX = "NIGHTSHIFT_SALESFORCE__"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_SECONDS = 180
BUSY_STATUSES = {requests.codes.too_many_requests, requests.codes.request_timeout}
BUSY_ERRORS = {
    "unknown_error",
    "server_error",
    "temporarily_unavailable",
    "rate_limit_exceeded",
}
BUSY_DESCRIPTION = re.compile(r"retry your request|rate exceeded", re.IGNORECASE)
PRODUCTION_AUDIENCE = "https://login.salesforce.com"
SANDBOX_AUDIENCE = "https://test.salesforce.com"


@dataclass(frozen=True)
class Token:
    """An access token and the URL of the instance that it is valid for."""

    access_token: SecretStr
    instance_url: str


def obtain_token(settings: Settings, retry_policy: RetryPolicy) -> Token:
    """Get a token by the configured method, with at most one request.

    Raises `ConfigError` naming the setting to correct, or `TransientError` when the
    token server is busy or unreachable.
    """
    if settings.auth == "access_token":
        token = _required(settings, "access_token")
        return Token(token, instance_url(settings, None))
    if settings.auth == "client_credentials":
        secret = _required(settings, "client_secret").get_secret_value()
        body = _request_token(
            settings,
            retry_policy,
            form={"grant_type": "client_credentials"},
            basic_auth=(_required(settings, "client_id"), secret),
        )
    else:
        form = {"grant_type": JWT_GRANT, "assertion": _assertion(settings)}
        body = _request_token(settings, retry_policy, form=form, basic_auth=None)
    return Token(
        SecretStr(body["access_token"]),
        instance_url(settings, body.get("instance_url")),
    )


def instance_url(settings: Settings, returned_url: str | None) -> str:
    """Return the configured instance URL, or else the one that the login returned."""
    url = settings.instance_url or returned_url
    if not url:
        raise ConfigError(
            f"{PREFIX}INSTANCE_URL is not set. "
            "Set it, for example https://acme.my.salesforce.com."
        )
    if not url.startswith("https://"):
        raise ConfigError(
            f"{PREFIX}INSTANCE_URL must start with https://, because the access token "
            "is sent to it."
        )
    return url.rstrip("/")


def _token_url(settings: Settings) -> str:
    url = settings.token_url
    if not url:
        return instance_url(settings, None) + "/services/oauth2/token"
    if not url.startswith("https://"):
        raise ConfigError(
            f"{PREFIX}TOKEN_URL must start with https://, because a secret is sent "
            "to it."
        )
    return url


def _assertion(settings: Settings) -> str:
    """Return the signed JWT of a JWT bearer login."""
    import jwt  # brings cryptography, which the other methods do not need

    key, place = _private_key(settings)
    claims = {
        "iss": _required(settings, "client_id"),
        "sub": _required(settings, "username"),
        "aud": SANDBOX_AUDIENCE if settings.expect_sandbox else PRODUCTION_AUDIENCE,
        "exp": int(time.time()) + JWT_SECONDS,
    }
    try:
        return jwt.encode(claims, key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        # The original error may quote the key.
        raise ConfigError(
            f"{place} contains no RSA private key in PEM "
            "format. Set it to the private key of the connected app's certificate."
        ) from None


def _private_key(settings: Settings) -> tuple[bytes, str]:
    """Return the key, and what a message calls the setting that has it."""
    setting = f"{PREFIX}PRIVATE_KEY_FILE"
    source = _required(settings, "private_key_file")
    if isinstance(source, SecretStr):
        return source.get_secret_value().encode(), setting
    try:
        return source.read_bytes(), f"{setting} ({source})"
    except OSError as error:
        raise ConfigError(
            f"{setting} ({source}) cannot be read: {error.strerror}. "
            "Correct the path or the file's permissions."
        ) from None


def _request_token(
    settings: Settings,
    retry_policy: RetryPolicy,
    *,
    form: dict[str, str],
    basic_auth: tuple[str, str] | None,
) -> dict[str, Any]:
    url = _token_url(settings)
    try:
        with CheckingSession(retry_policy) as session:
            response = session.post(url, form, auth=basic_auth)
    except requests.exceptions.SSLError:
        raise ConfigError(
            f"The TLS connection to {url} is not trusted. If a private certificate "
            "authority signed its certificate, set REQUESTS_CA_BUNDLE."
        ) from None
    except requests.RequestException as error:
        raise TransientError(
            f"The token server {url} is unreachable ({type(error).__name__}). "
            f"Check {PREFIX}TOKEN_URL and the network, then run again."
        ) from None
    if not response.ok:
        raise _token_error(url, response)
    replies.check(response, replies.TOKEN)
    body: dict[str, Any] = response.json()
    return body


def _token_error(url: str, response: requests.Response) -> Exception:
    try:
        body = response.json()
    except ValueError:
        body = {}
    details = body if isinstance(body, dict) else {}
    status = response.status_code
    text = (
        f"The token request to {url} failed: {status} {details.get('error', '')} "
        f"{details.get('error_description', '')}".rstrip()
    )
    if (
        status >= requests.codes.server_error
        or status in BUSY_STATUSES
        or details.get("error") in BUSY_ERRORS
        or BUSY_DESCRIPTION.search(str(details.get("error_description")))
    ):
        return TransientError(f"{text}. Run again later.")
    return ConfigError(
        f"{text}. Check {PREFIX}CLIENT_ID, {PREFIX}CLIENT_SECRET (or USERNAME and "
        f"PRIVATE_KEY_FILE for a JWT), {PREFIX}TOKEN_URL and EXPECT_SANDBOX."
    )


def _required(settings: Settings, name: str) -> Any:  # noqa: ANN401 - str, Path or secret
    value = getattr(settings, name)
    if value is None:
        raise ConfigError(
            f"{PREFIX}{name.upper()} is not set. Set it: "
            f"{PREFIX}AUTH={settings.auth} needs it."
        )
    return value
