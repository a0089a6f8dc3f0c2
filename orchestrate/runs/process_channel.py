"""Messages from the processes that Luigi forks to the process that runs them.

They do not pass through files, which a full or read-only disk would lose.
"""

import json
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# One message must fit into a socket's buffer.
MAX_ERROR_LENGTH = 20_000
MAX_MESSAGE_BYTES = 200_000
SEND_TIMEOUT_SECONDS = 10

Message = dict[str, Any]


class ProcessChannel:
    """Passes messages to `on_message` in the process that created the channel."""

    def __init__(self, name: str, on_message: Callable[[Message], None]) -> None:
        self._on_message = on_message
        self._process_id = os.getpid()
        self._sender, self._receiver = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_DGRAM
        )
        self._sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_MESSAGE_BYTES)
        # A process whose parent has been killed must not wait for it.
        self._sender.settimeout(SEND_TIMEOUT_SECONDS)
        self._is_drained = threading.Event()
        threading.Thread(target=self._receive, name=name, daemon=True).start()

    @property
    def is_own_process(self) -> bool:
        """Whether this process created the channel."""
        return os.getpid() == self._process_id

    def send(self, message: Message) -> None:
        """Send values that JSON can hold; `error` is cut to a length that fits."""
        cut = {**message, "error": message["error"][:MAX_ERROR_LENGTH]}
        with suppress(OSError):
            self._sender.send(json.dumps(cut).encode())

    def drain(self) -> None:
        """Wait for the messages that other processes have sent before this call."""
        self._is_drained.clear()
        with suppress(OSError):
            self._sender.send(b"")  # arrives after everything that was sent before
            self._is_drained.wait(SEND_TIMEOUT_SECONDS)

    def _receive(self) -> None:
        while True:
            message = self._receiver.recv(MAX_MESSAGE_BYTES)
            if message:
                self._on_message(json.loads(message))
            else:
                self._is_drained.set()
