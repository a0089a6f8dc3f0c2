"""Settings that name an endpoint: an HTTP URL, or a host and a port."""

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr

MAX_PORT = 65_535


def _http_url(value: SecretStr) -> SecretStr:
    """Validate an http or https URL; its path or login may be a secret."""
    text = value.get_secret_value().strip()
    if re.search(r"[\s\0-\x1f\x7f]", text):
        raise ValueError("must not contain white space or control characters")
    try:
        url = urlsplit(text)
        is_valid = url.scheme in ("http", "https") and bool(url.hostname)
        is_valid = is_valid and (url.port is None or url.port > 0)
    except ValueError:  # also for a malformed port or IPv6 address
        is_valid = False
    if not is_valid:
        raise ValueError("must look like https://host/path")
    return SecretStr(text)


HttpUrl = Annotated[SecretStr, AfterValidator(_http_url)]


def _host_port(value: object) -> object:
    """Parse `host:port`, `[IPv6]:port` or `host`, whose port is 8125."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(?::(\d{1,5}))?", text)
    port = int(found[2]) if found and found[2] else DEFAULT_STATSD_PORT
    if not found or not 0 < port <= MAX_PORT:
        raise ValueError("must look like host:8125")
    return found[1].strip("[]"), port


DEFAULT_STATSD_PORT = 8125
HostPort = Annotated[tuple[str, int], BeforeValidator(_host_port)]


class Metrics(BaseModel):
    """Where the metrics of a run go: DogStatsD, a Prometheus file, a push gateway."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    statsd: HostPort | None = None
    prometheus_file: Path | None = None
    pushgateway: HttpUrl | None = None
