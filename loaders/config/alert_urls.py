"""The URLs of NIGHTSHIFT_ALERTS__URLS: where alerts go, and which of them.

A URL names a service and contains its secrets, so errors name an entry by its position
and the scheme of its URL alone.
"""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

from loaders.config.endpoints import HttpUrl

CRITICAL = "critical"  # the failure cannot wait
ERROR = "error"  # to be fixed before business hours
WARNING = "warning"  # the failure can wait
SEVERITIES = (CRITICAL, ERROR, WARNING)

KEYS = {"url", "severities"}
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
EXAMPLE = '["slack://...", {"url": "pagerduty://...", "severities": ["critical"]}]'


class AlertUrl(BaseModel):
    """One entry: a URL that apprise knows, and the severities that it receives.

    `position` is that in the setting, starting at 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    position: int
    url: SecretStr
    severities: tuple[str, ...] = SEVERITIES

    @property
    def scheme(self) -> str:
        """The scheme of the URL in lower case, for example `slack`."""
        found = SCHEME.match(self.url.get_secret_value())
        return found[1].lower() if found else ""

    @property
    def label(self) -> str:
        """The name in messages, without secrets: `entry 2 (slack)`."""
        return f"entry {self.position} ({self.scheme})"

    @property
    def key(self) -> str:
        """The name in the ledger, which does not depend on the position.

        16 bits of a hash distinguish URLs, but do not give a secret away.
        """
        digest = sha256(self.url.get_secret_value().encode()).hexdigest()
        return f"{self.scheme}-{digest[:4]}"


def _parse(value: object) -> object:
    """Return the entries of a JSON list, or of URLs separated by white space.

    Raises `ValueError` with everything that is wrong, without the values.
    """
    if not isinstance(value, str):
        return value
    items: list[Any] = [item.rstrip(",") for item in value.split()]
    if value.lstrip()[:1] in ("[", "{"):
        try:
            items = json.loads(value)
        except ValueError as error:
            position = getattr(error, "pos", 0)
            raise ValueError(
                f"is not valid JSON (character {position + 1}). It must look like "
                f"{EXAMPLE}, or be URLs separated by white space"
            ) from None
        if not isinstance(items, list):
            raise ValueError(f"must be a list such as {EXAMPLE}")
    problems = [
        f"entry {position}{_scheme_suffix(item)} {problem}"
        for position, item in enumerate(items, 1)
        for problem in _problems(item)
    ]
    if problems:
        raise ValueError("; ".join(problems))
    entries = [
        item if isinstance(item, dict) else {"url": item.strip()} for item in items
    ]
    return [
        AlertUrl(position=position, **{**entry, "url": entry["url"].strip()})
        for position, entry in enumerate(entries, 1)
    ]


AlertUrls = Annotated[tuple[AlertUrl, ...], BeforeValidator(_parse)]


class Alerts(BaseModel):
    """Which services receive alerts, and which monitor expects a run.

    `heartbeat_url` is called when a run starts, succeeds (exit code 0) and fails.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    urls: AlertUrls = ()
    heartbeat_url: HttpUrl | None = None


def _problems(item: object) -> Iterator[str]:
    """Yield what is wrong with one entry."""
    if isinstance(item, dict):
        url = item.get("url")
        if item.keys() - KEYS:
            yield "has an unknown key (known: severities, url)"
        severities = item.get("severities", list(SEVERITIES))
        if not isinstance(severities, list) or not severities:
            yield f"needs a list of severities: {', '.join(SEVERITIES)}"
        elif any(severity not in SEVERITIES for severity in severities):
            yield f"has an unknown severity (known: {', '.join(SEVERITIES)})"
    else:
        url = item
    if not isinstance(url, str) or not url.strip():
        yield "has no URL"
    elif not SCHEME.match(url.strip()):
        yield "is not a URL such as slack://..."
    elif re.search(r"[\0-\x1f\x7f]", url.strip()):
        yield "contains a control character"
    elif re.search(r",\s*[A-Za-z][A-Za-z0-9+.-]*://", url):
        yield "contains several URLs. Separate them by white space"


def _scheme_suffix(item: object) -> str:
    url = item.get("url") if isinstance(item, dict) else item
    found = SCHEME.match(url.strip()) if isinstance(url, str) else None
    return f" ({found[1].lower()})" if found else ""
