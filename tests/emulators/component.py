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

import psutil

HOST = "127.0.0.1"
PARENT_CHECK_SECONDS = 0.5
PARENT = os.getppid()  # read at import: it may end before the emulator is ready


# Nothing listens there, and unlike a port that is free now, nothing will.
CLOSED_PORT = 1


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class PortInUseError(Exception):
    """A fixed port is in use; the message names the process that holds it."""


def require_free_port(port: int) -> None:
    """Raise `PortInUseError` if another process listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do: a connection that was closed a minute ago is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortInUseError(
                f"Port {port} of {HOST} cannot be used: {error.strerror}. "
                f"{_holder(port)}"
            ) from None


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS lists other processes for root only
        connections = []
    for connection in connections:
        is_listening = connection.status == psutil.CONN_LISTEN
        if is_listening and connection.laddr.port == port and connection.pid:
            try:
                command = shlex.join(psutil.Process(connection.pid).cmdline())
            except psutil.Error:
                command = "command unknown"
            return f"Process {connection.pid} holds it ({command})."
    return "The process that holds it belongs to another user."


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


def wait_until_stopped(*, ends_with_parent: bool = True) -> None:
    """Return when SIGTERM or SIGINT arrives, or when the parent process has ended.

    Call it from the main thread, and close what you opened afterwards.
    """
    stopped = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    while not stopped.wait(PARENT_CHECK_SECONDS):
        if ends_with_parent and os.getppid() != PARENT:
            return
