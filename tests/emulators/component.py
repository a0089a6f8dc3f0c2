"""Start-up announcement and shutdown of an emulator process.

Each emulator (`s3`, `smtp`, `salesforce`, `redshift`) is a process that listens on
127.0.0.1, announces itself when it is ready, and ends with its parent or on SIGTERM.
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
PARENT = os.getppid()  # read at import: it may end before the emulator is ready


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
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
    """Print that `component` is ready, and the environment variables to connect to it.

    As JSON it is one line: `{"component", "pid", "environment", ...details}`. As
    export it is shell lines for `eval`. Otherwise it is text for people.
    """
    if as_json:
        announcement = {
            "component": component,
            "pid": os.getpid(),
            "environment": dict(environment),
        }
        print(json.dumps(announcement | dict(details or {})), flush=True)
    elif as_export:
        for name, value in environment.items():
            print(f"export {name}={shlex.quote(value)}")
        print(end="", flush=True)
    else:
        print(f"{component} is ready")
        for name, value in {**environment, **(details or {})}.items():
            print(f"  {name}={value}")
        print("Stop it with Ctrl-C", flush=True)


def wait_until_stopped() -> None:
    """Return when SIGTERM or SIGINT arrives, or when the parent process has ended.

    Call it from the main thread, and close what you opened afterwards.
    """
    stopped = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    while not stopped.wait(PARENT_CHECK_SECONDS):
        if os.getppid() != PARENT:
            return
