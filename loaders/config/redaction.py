"""Redaction of secrets in text that leaves the process: alerts, mails, reports.

Nightshift's own messages contain no secrets, but a library's error text may.
"""

import os
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache, partial

from pydantic import BaseModel, SecretStr

from loaders.config import dbt_profile, secret_values, settings, url_secrets
from loaders.errors import ConfigError

MASK = "***"
# Masking shorter values would also mask ordinary words.
MIN_SECRET_LENGTH = 6
SECRET_VARIABLES = re.compile(
    r"PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE|ACCESS_KEY|API_?KEY"
)
PUBLIC_VARIABLES = re.compile(r"_URL$|_FILE$|_PATH$|_DIR$|_URI$")
SECRET_URL_VARIABLES = re.compile(
    r"^NIGHTSHIFT_(ALERTS__\w+|METRICS__PUSHGATEWAY)$|^APPRISE_URLS$"
)
URL_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+:[^/\s@]+(?=@)")
BEARER_TOKEN = re.compile(r"(?i)(?<=\bbearer )\S+")
AUTH_COMMAND = re.compile(
    r"(?i)\b(auth (?:plain|login|cram-md5|xoauth2) )[a-z0-9+/]{6,}=*"
)
SECRET_PARAMETER = re.compile(
    r"(?i)\b((?:x-amz-signature|x-amz-security-token|access_token|client_secret"
    r"|password|sig)=)[^&\s\"']+"
)

_added: set[str] = set()


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask every known secret and everything that looks like a secret.

    `secrets` are masked too, whatever their length. Base64 forms count as well.
    """
    return redactor(secrets)(text)


def redactor(secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """Return `redact` for several texts: the variables are read once for all of them.

    Do not keep it, because later changes of the variables are unknown to it.
    """
    known = _known_secrets(tuple(os.environ.items()), frozenset(_added))
    return partial(_mask, _longest_first(known | frozenset(secrets)))


def _mask(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    text = AUTH_COMMAND.sub(rf"\1{MASK}", text)
    text = URL_CREDENTIALS.sub(MASK, text)
    text = BEARER_TOKEN.sub(MASK, text)
    return SECRET_PARAMETER.sub(rf"\1{MASK}", text)


def add_secrets(secrets: Iterable[str]) -> None:
    """Mask these values from now on, which are not in a setting of Nightshift."""
    _added.update(secrets)


def is_secret_name(name: str) -> bool:
    """Return whether a variable of this name, in upper case, contains a secret."""
    return bool(SECRET_VARIABLES.search(name)) and not PUBLIC_VARIABLES.search(name)


def _base64(text: str) -> str:
    return b64encode(text.encode(errors="surrogateescape")).decode()


@lru_cache(maxsize=2)
def _known_secrets(
    _: tuple[tuple[str, str], ...], added: frozenset[str]
) -> frozenset[str]:
    """Return the secrets of the settings, which change with the variables only.

    Validating all settings for each line of the log would be slow.
    """
    secrets = {
        *_secrets_in_model(settings.load_valid()[0]),
        *_secrets_in_environment(),
        *_secrets_in_profile(),
        *added,
    }
    return frozenset(secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH)


@lru_cache(maxsize=4)
def _longest_first(secrets: frozenset[str]) -> list[str]:
    """Return the secrets and their Base64 forms in the order in which to mask them."""
    texts = {*secrets, *map(_base64, secrets)} - {""}
    return sorted(texts, key=len, reverse=True)


def _secrets_in_model(model: BaseModel) -> Iterator[str]:
    for name in type(model).model_fields:
        yield from _secrets_in_value(getattr(model, name))


def _secrets_in_value(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        is_url = url_secrets.is_url(text)
        yield from url_secrets.secrets_of(text) if is_url else (text,)
    elif isinstance(value, BaseModel):
        yield from _secrets_in_model(value)
    elif isinstance(value, tuple):
        for item in value:
            yield from _secrets_in_value(item)


def _secrets_in_environment() -> Iterator[str]:
    for variable, value in os.environ.items():
        name = variable.upper()
        if SECRET_URL_VARIABLES.search(name):  # also where a part of it is malformed
            for url in url_secrets.find_urls(value):
                yield from url_secrets.secrets_of(url)
        if is_secret_name(name) and not secret_values.is_reference(name, value):
            yield value


def _secrets_in_profile() -> Iterator[str]:
    with suppress(ConfigError):
        for key, value in dbt_profile.target().values.items():
            if SECRET_VARIABLES.search(key.upper()):
                yield str(value or "")
