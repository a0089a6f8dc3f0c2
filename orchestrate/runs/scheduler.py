"""Whether Luigi's central scheduler, luigid, is reachable, if one is configured."""

import http.client
import urllib.error
import urllib.request
from functools import cache

import luigi.interface
from luigi.rpc import RPCError

from loaders.errors import TransientError

TIMEOUT_SECONDS = 5
# Changes nothing in the scheduler, unlike a ping.
CALL = "has_task_history"
REMEDY = (
    "Start luigid there, or correct default_scheduler_url in Luigi's configuration or "
    "--scheduler-url, or run without it (local_scheduler = true, --local-scheduler). "
    "What is done is not repeated."
)


def unreachable_error() -> str:
    """Return what is wrong with the central scheduler, '' if it answers.

    Without a central scheduler nothing is wrong. Luigi itself would try for minutes
    and then print a traceback.
    """
    address = url()
    if not address:
        return ""
    try:
        with urllib.request.urlopen(f"{address}/api/{CALL}", timeout=TIMEOUT_SECONDS):
            return ""
    except urllib.error.HTTPError:
        return ""  # It answers, if only to refuse this call.
    except (OSError, ValueError, http.client.HTTPException) as error:
        return _message(address, getattr(error, "reason", error))


def describe(error: BaseException) -> TransientError | None:
    """Return our error for one of Luigi's calls to the scheduler, None for others."""
    if not isinstance(error, RPCError):
        return None
    return TransientError(_message(url(), getattr(error, "sub_exception", error)))


def lost_tasks_hint() -> str:
    """Return why a central scheduler may have given no more tasks, '' without one."""
    if not url():
        return ""
    return (
        f" Luigi's scheduler at {url()} gave no more tasks: it was restarted without "
        "its state, or another worker is running them. Run again."
    )


@cache
def url() -> str:
    """Return the scheduler's URL as Luigi reads it, or '' for the local scheduler.

    Options of the `luigi` line are known only until that has ended, hence the cache.
    """
    core = luigi.interface.core()
    if core.local_scheduler:
        return ""
    default = f"http://{core.scheduler_host}:{core.scheduler_port}"
    return str(core.scheduler_url or default).rstrip("/")


def _message(address: str, cause: object) -> str:
    return f"Luigi's scheduler at {address} is unreachable ({cause}). {REMEDY}"
