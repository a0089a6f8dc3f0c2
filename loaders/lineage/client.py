"""The OpenLineage client, which reads its own settings: OPENLINEAGE_*, openlineage.yml.

Imported only when lineage is configured.
"""

import re
from collections.abc import Iterator

from openlineage.client import OpenLineageClient
from openlineage.client.git import get_git_repo_url
from openlineage.client.transport.http import HttpTransport
from openlineage.client.transport.http_common import DEFAULT_RETRY_CONFIG

from loaders.config import redaction
from loaders.errors import ConfigError
from loaders.lineage import events, facts

# The client puts the address of the git remote into each event.
URL_LOGIN = re.compile(r"(?<=://)[^/@]*@")
# The sender tries again itself, whatever the transport.
NO_RETRIES = {**DEFAULT_RETRY_CONFIG, "total": 0, "status_forcelist": []}


def connect() -> OpenLineageClient:
    """Return a client for the transport that OpenLineage's own settings select.

    Raises `ConfigError` if they select none or cannot be used. The secrets among them
    are masked from then on wherever text leaves the process.
    """
    try:
        client = OpenLineageClient()
        transport = client.config.transport or {}
        location = client.config.facets.source_code_location
        url = "" if location.disabled else get_git_repo_url(location.repo_url)
        if url:
            location.repo_url = URL_LOGIN.sub("", url)
    except Exception as error:  # the client has no common error class
        raise ConfigError(
            redaction.redact(
                f"The settings of OpenLineage cannot be used ({error}). Correct "
                "OPENLINEAGE_URL or the file that OPENLINEAGE_CONFIG names."
            )
        ) from error
    redaction.add_secrets(_secrets(transport))
    if client.transport.kind == "console" and transport.get("type") != "console":
        raise ConfigError(
            "The settings of OpenLineage name no transport. Set OPENLINEAGE_URL, or "
            "`transport` in the file that OPENLINEAGE_CONFIG names."
        )
    if (
        isinstance(client.transport, HttpTransport)
        and client.transport.config.retry == DEFAULT_RETRY_CONFIG
    ):
        client.transport.config.retry = NO_RETRIES
    return client


def emit(client: OpenLineageClient, event: facts.Event) -> None:
    """Send an event; raises any error of the transport."""
    client.emit(events.run_event(event))


def _secrets(settings: object) -> Iterator[str]:
    if isinstance(settings, dict):
        for name, value in settings.items():
            if isinstance(value, str) and redaction.is_secret_name(str(name).upper()):
                yield value
            yield from _secrets(value)
