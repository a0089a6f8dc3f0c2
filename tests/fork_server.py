"""Runs Python code in processes that have imported the libraries before they start.

Most of a short command's time is spent on importing dbt, boto3 and other libraries. A
server process imports them once and is forked for each command, which imports the
project's own code as a new process does.
"""

import gc
import importlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from typing import BinaryIO

IS_SUPPORTED = sys.platform == "linux"  # macOS's own libraries do not survive a fork
# Luigi is missing: it reads its configuration when it is imported.
LIBRARIES = (
    "boto3.s3.inject",
    "dbt.adapters.duckdb.environments.local",
    "dbt.cli.main",
    "dbt.task.build",
    "dotenv",
    "duckdb",
    "email.generator",
    "isal.igzip",
    "jinja2",
    "jwt",
    "lkml",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "pydantic.dataclasses",
    "requests",
    "rich.progress",
    "simple_salesforce",
    "smtplib",
    "sqlite3",
    "statistics",
    "structlog",
    "tenacity",
    "typer",
    "yaml",
    "zstandard",
)
MAX_REQUEST_BYTES = 1 << 20


@dataclass(frozen=True)
class Request:
    """The code and arguments of a command, its folder and environment variables."""

    code: str
    arguments: Sequence[str]
    folder: str
    environment: Mapping[str, str]


class ForkServer:
    """A server process, which ends with the process that started it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        kind = socket.SOCK_SEQPACKET  # keeps a request in one piece
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, kind)
        added = ("PYTHONPATH",)  # each command has its own
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                cwd="/",
                env={name: os.environ[name] for name in os.environ.keys() - added},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )

    def run(
        self, request: Request, *, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as `python -c CODE ARGUMENTS` does; return its output.

        Raises `subprocess.TimeoutExpired` after `timeout` seconds.
        """
        command = ["-c", request.code, *request.arguments]
        ours, theirs = socket.socketpair()
        with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with theirs, self._lock:
                files = [theirs.fileno(), out.fileno(), err.fileno()]
                message = json.dumps(asdict(request)).encode()
                socket.send_fds(self._requests, [message], files)
            with ours.makefile() as replies:
                process = int(replies.readline())
                ours.settimeout(timeout)
                try:
                    code = int(replies.readline())
                except TimeoutError:
                    os.kill(process, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(command, timeout) from None
            return subprocess.CompletedProcess(command, code, *map(_text, (out, err)))

    def stop(self) -> None:
        """End the server, and wait for it: its processor time is that of the tests."""
        self._requests.close()
        self._process.wait()


@cache
def fork_server() -> ForkServer:
    """Return the server of this process."""
    return ForkServer()


def stop_fork_server() -> None:
    """Stop the server of this process if it has one."""
    if fork_server.cache_info().currsize:
        fork_server().stop()
        fork_server.cache_clear()


def _text(file: BinaryIO) -> str:
    file.seek(0)
    with io.TextIOWrapper(file, "utf-8", "backslashreplace") as text:
        return text.read()


def serve(requests: socket.socket) -> Request | None:
    """Fork a process for each request until the client ends.

    Returns the request in the process that must run it, None in the server.
    """
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # so that a collection does not copy the memory of what is imported
    while True:
        message, files, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 3)
        _wait_for_children(0 if not message else os.WNOHANG)
        if not message:
            return None
        # The first process waits for the second one and sends its exit code.
        if os.fork() == 0:
            requests.close()
            with socket.socket(fileno=files[0]) as reply:
                process = os.fork()
                if process:
                    reply.send(f"{process}\n".encode())
                    _, status = os.waitpid(process, 0)
                    with suppress(BrokenPipeError):  # the client waits no longer
                        reply.send(f"{os.waitstatus_to_exitcode(status)}\n".encode())
                    os._exit(0)
            for number, file in enumerate(files[1:], 1):
                os.dup2(file, number)
                os.close(file)
            return Request(**json.loads(message))
        for file in files:
            os.close(file)


def _wait_for_children(options: int) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, options)[0]:
            pass


def _become(request: Request) -> None:
    """Give this process what a new one has: folder, variables, arguments, encoding."""
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv[:] = ["-c", *request.arguments]
    added = request.environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = ["", *filter(None, added)]
    encoding, _, errors = request.environment.get("PYTHONIOENCODING", "").partition(":")
    if encoding:
        sys.stdout.reconfigure(encoding=encoding, errors=errors or "strict")
        sys.stderr.reconfigure(encoding=encoding, errors="backslashreplace")


if __name__ == "__main__":
    request = serve(socket.socket(fileno=int(sys.argv[1])))
    if request is not None:
        _become(request)
        exec(request.code, {"__name__": "__main__"})
