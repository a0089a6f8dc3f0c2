"""Secrets taken out of a text before it leaves the house.

Our own messages hold none; a library's may, and a person may type one where it shows.
"""

import os
import re
from collections.abc import Iterator

from pydantic import BaseModel, SecretStr

from loaders.config import settings

HIDDEN = "***"
# Shorter ones are words of their own: hiding them would garble the text.
LEAST_LETTERS = 6
SECRET_NAMES = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE|ACCESS_KEY")
PLAIN_NAMES = re.compile(r"_URL$|_FILE$|_PATH$|_DIR$|_URI$")
USER_INFO = re.compile(r"(?<=://)[^/\s@]+:[^/\s@]+(?=@)")
BEARER = re.compile(r"(?i)(?<=\bbearer )\S+")
SIGNED = re.compile(
    r"(?i)\b((?:x-amz-signature|x-amz-security-token|access_token|client_secret"
    r"|password|sig)=)[^&\s\"']+"
)


def hidden(text: str) -> str:
    """Return the text with every known secret and all that looks like one hidden."""
    for secret in sorted(set(_known()), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = USER_INFO.sub(HIDDEN, text)
    text = BEARER.sub(HIDDEN, text)
    return SIGNED.sub(rf"\1{HIDDEN}", text)


def _known() -> Iterator[str]:
    for secret in (*_of_model(settings.load()), *_of_environment()):
        if len(secret) >= LEAST_LETTERS:
            yield secret


def _of_model(model: BaseModel) -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _of_model(value)


def _of_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if SECRET_NAMES.search(name.upper()) and not PLAIN_NAMES.search(name.upper()):
            yield value
