"""Types of settings that are more than a number or a text."""

import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, SecretStr


def _s3_url(value: str) -> str:
    """Validate `s3://bucket` or `s3://bucket/prefix`; remove trailing slashes."""
    if not re.fullmatch(r"s3://[A-Za-z0-9][\w.-]+[A-Za-z0-9](/[^\0-\x1f]*)?", value):
        raise ValueError("must look like s3://bucket/prefix")
    return value.rstrip("/")


S3Url = Annotated[str, AfterValidator(_s3_url)]


def _web_url(value: str) -> str:
    """Validate `https://host` or `https://host/path`, as it becomes part of links."""
    if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w.~/-]*)?", value):
        raise ValueError("must look like https://company.looker.com")
    return value.rstrip("/")


WebUrl = Annotated[str, AfterValidator(_web_url)]


def _addresses(value: object) -> object:
    """Split mail addresses: a JSON list, or separated by commas outside of quotes."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(
                "must be addresses separated by commas, or a valid JSON list of them"
            ) from None
        return value
    parts = re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*"|")+', value)
    return [part.strip() for part in parts if part.strip()]


Addresses = Annotated[list[str], BeforeValidator(_addresses)]


def _starttls(value: object) -> object:
    """Accept the boolean values of earlier versions: true is always, false is auto."""
    text = str(value).strip().lower()
    if text in ("true", "1", "yes", "on", "t", "y"):
        return "always"
    if text in ("false", "0", "no", "off", "f", "n"):
        return "auto"
    return text


StartTls = Annotated[Literal["auto", "always", "never"], BeforeValidator(_starttls)]


def _private_key(value: object) -> object:
    """Distinguish a key in PEM format from the path of its file."""
    if isinstance(value, str) and "-----BEGIN" in value:
        return SecretStr(value)
    return Path(value) if isinstance(value, str) else value


PrivateKey = Annotated[Path | SecretStr, BeforeValidator(_private_key)]
