"""Calls of a monitor that expects runs, as healthchecks services define them.

`URL/start` when a run starts, `URL` when it has succeeded, `URL/fail` when it has
failed. A monitor that gets no call by its own deadline alarms people, which also covers
a run that never started.
"""

import urllib.error
import urllib.request
from base64 import b64encode
from urllib.parse import unquote, urlsplit, urlunsplit

import structlog

from loaders.config import settings
from loaders.config.redaction import redact
from loaders.deadlines import call_within
from loaders.errors import NightshiftError

START = "start"
SUCCESS = ""
FAIL = "fail"
SETTING = "NIGHTSHIFT_ALERTS__HEARTBEAT_URL"
TIMEOUT_SECONDS = 5.0
ATTEMPTS = 2

log = structlog.get_logger()


def ping(event: str) -> str:
    """Call the monitor if one is configured; return what went wrong, or ''.

    `event` is START, SUCCESS or FAIL. Never raises: a monitor that is down is not a
    reason for a run to fail.
    """
    url = settings.load_valid()[0].alerts.heartbeat_url
    if url is None:
        return ""
    problem = ""
    for _ in range(ATTEMPTS):
        try:
            call_within(
                TIMEOUT_SECONDS,
                lambda: _call(event_url(url.get_secret_value(), event)),
                subject=SETTING,
            )
            log.info("heartbeat", call=event or "success")
            return ""
        except urllib.error.HTTPError as error:
            problem = f"it answered {error.code}"
        except NightshiftError as error:
            problem = str(error)
        except Exception as error:  # of the network or of a malformed answer
            reason = getattr(error, "reason", error)
            problem = f"{type(error).__name__}: {reason}"
    problem = redact(f"{SETTING} could not be called ({problem.rstrip('.')}).")
    log.warning("heartbeat", call=event or "success", problem=problem)
    return problem


def event_url(url: str, event: str) -> str:
    """Return the URL of an event; the path is extended and the query string stays."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/") + f"/{event}" if event else parts.path
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _call(url: str) -> None:
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    request = urllib.request.Request(
        urlunsplit((parts.scheme, host, parts.path, parts.query, "")),
        headers={"User-Agent": "Nightshift"},
    )
    if login:
        token = b64encode(unquote(login).encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
        pass
