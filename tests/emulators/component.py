"""How a part of the stack starts, says that it is ready, and stops.

Each part (`s3`, `smtp`, `salesforce`, `redshift`) is a process of its own that
listens on 127.0.0.1, announces itself with one line once it answers, and ends
with its parent or on SIGTERM. `up` starts them all and merges what they announce.
"""

import json
import os
import shlex
import signal
import socket
import threading
from collections.abc import Mapping

HOST = "127.0.0.1"
PARENT_CHECK_SECONDS = 0.5
PARENT = os.getppid()  # noted at once: it may be gone before the component answers


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def announce(
    component: str,
    environment: Mapping[str, str],
    *,
    as_json: bool = False,
    as_export: bool = False,
    details: Mapping[str, object] | None = None,
) -> None:
    """Print, once, that `component` answers and with which environment to reach it.

    As JSON it is one line: `{"component", "pid", "environment", ...details}`.
    As export it is shell lines for `eval`. Otherwise it is for a person to read.
    """
    if as_json:
        told = {
            "component": component,
            "pid": os.getpid(),
            "environment": dict(environment),
        }
        print(json.dumps(told | dict(details or {})), flush=True)
    elif as_export:
        for name, value in environment.items():
            print(f"export {name}={shlex.quote(value)}")
        print(end="", flush=True)
    else:
        print(f"{component} is ready")
        for name, value in {**environment, **(details or {})}.items():
            print(f"  {name}={value}")
        print("stop it with Ctrl-C", flush=True)


def wait_until_stopped() -> None:
    """Return when SIGTERM or SIGINT arrives, or when the parent process is gone.

    Call it from the main thread; the caller then closes what it opened.
    """
    stopped = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    while not stopped.wait(PARENT_CHECK_SECONDS):
        if os.getppid() != PARENT:
            return
