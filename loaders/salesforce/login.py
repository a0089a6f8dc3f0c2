"""Getting a token: OAuth client credentials or JWT, a token that is given.

Settings say which way. The secrets come as `SecretStr`, are revealed only into the
request that needs them, and never reach a message or a log. User name and password
(SOAP) belong to an API that is being retired; the client module has that way.
"""

import time
from dataclasses import dataclass
from typing import Any

import jwt
import requests
from pydantic import SecretStr

from loaders.config.settings import Salesforce as Settings
from loaders.errors import ConfigError, TransientError
from loaders.salesforce.policy import Patience

PREFIX = "NIGHTSHIFT_SALESFORCE__"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_SECONDS = 180
PRODUCTION_AUDIENCE = "https://login.salesforce.com"
SANDBOX_AUDIENCE = "https://test.salesforce.com"


@dataclass(frozen=True)
class Token:
    """An access token and the instance that it is for; the token is a secret."""

    access_token: SecretStr
    instance_url: str


def obtain(settings: Settings, patience: Patience) -> Token:
    """Get a token the way the settings say.

    `ConfigError` names the setting to mend; `TransientError` when the token server
    is busy or out of reach. One request at most.
    """
    if settings.auth == "access_token":
        token = _required(settings, "access_token")
        return Token(token, instance_url(settings, None))
    if settings.auth == "client_credentials":
        secret = _required(settings, "client_secret").get_secret_value()
        reply = _ask(
            settings,
            patience,
            form={"grant_type": "client_credentials"},
            basic=(_required(settings, "client_id"), secret),
        )
    else:
        form = {"grant_type": JWT_GRANT, "assertion": _assertion(settings)}
        reply = _ask(settings, patience, form=form, basic=None)
    return Token(
        SecretStr(reply["access_token"]),
        instance_url(settings, reply.get("instance_url")),
    )


def instance_url(settings: Settings, told: str | None) -> str:
    """Return the instance to talk to: the configured one, else the one told."""
    url = settings.instance_url or told
    if not url:
        raise ConfigError(
            f"{PREFIX}INSTANCE_URL is not set. "
            "Set it, for example https://acme.my.salesforce.com."
        )
    if not url.startswith("https://"):
        raise ConfigError(
            f"{PREFIX}INSTANCE_URL must start with https://, since a token goes there."
        )
    return url.rstrip("/")


def _token_url(settings: Settings) -> str:
    url = settings.token_url
    if not url:
        return instance_url(settings, None) + "/services/oauth2/token"
    if not url.startswith("https://"):
        raise ConfigError(
            f"{PREFIX}TOKEN_URL must start with https://, since a secret goes there."
        )
    return url


def _assertion(settings: Settings) -> str:
    path = _required(settings, "private_key_file")
    try:
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{PREFIX}PRIVATE_KEY_FILE cannot be read: {error.strerror}."
        ) from None
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
            f"{PREFIX}PRIVATE_KEY_FILE holds no RSA private key in PEM form."
        ) from None


def _ask(
    settings: Settings,
    patience: Patience,
    *,
    form: dict[str, str],
    basic: tuple[str, str] | None,
) -> dict[str, Any]:
    url = _token_url(settings)
    timeout = (patience.connect_timeout_seconds, patience.read_timeout_seconds)
    try:
        reply = requests.post(url, form, auth=basic, timeout=timeout)
    except requests.exceptions.SSLError:
        raise ConfigError(
            f"No trusted TLS connection to {url}. If its certificate is signed by an "
            "authority of your own, set REQUESTS_CA_BUNDLE."
        ) from None
    except requests.RequestException as error:
        raise TransientError(
            f"The token server {url} does not answer ({type(error).__name__}). "
            f"Check {PREFIX}TOKEN_URL and the network, then run again."
        ) from None
    if reply.status_code == requests.codes.ok:
        return reply.json()
    raise _refusal(url, reply)


def _refusal(url: str, reply: requests.Response) -> Exception:
    try:
        body = reply.json()
    except ValueError:
        body = {}
    told = body if isinstance(body, dict) else {}
    text = (
        f"{url} gives no token: {reply.status_code} {told.get('error', '')} "
        f"{told.get('error_description', '')}".rstrip()
    )
    busy = requests.codes.too_many_requests, requests.codes.request_timeout
    if reply.status_code >= requests.codes.server_error or reply.status_code in busy:
        return TransientError(f"{text}. Run again later.")
    return ConfigError(
        f"{text}. Check {PREFIX}CLIENT_ID, {PREFIX}CLIENT_SECRET (or USERNAME and "
        f"PRIVATE_KEY_FILE for a JWT), {PREFIX}TOKEN_URL and EXPECT_SANDBOX."
    )


def _required(settings: Settings, name: str) -> Any:  # noqa: ANN401 - str, Path or secret
    value = getattr(settings, name)
    if value is None:
        raise ConfigError(
            f"{PREFIX}{name.upper()} is not set; auth {settings.auth!r} needs it."
        )
    return value
