"""An HTTP server that keeps every request: for webhooks, heartbeats, push gateways."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.emulators.component import HOST


@dataclass(frozen=True)
class Received:
    """One request: method, path with query string, headers and body."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """The requests so far, and the status codes of the next answers (then 200).

    Each answer comes after `delay_seconds`.
    """

    port: int = 0
    requests: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    delay_seconds: float = 0.0

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{HOST}:{self.port}"

    def take(self) -> list[Received]:
        """Return the requests since the last call."""
        taken = self.requests[:]
        self.requests.clear()
        return taken


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            receiver.requests.append(
                Received(self.command, self.path, dict(self.headers.items()), body)
            )
            time.sleep(receiver.delay_seconds)
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            self.send_header("Content-Length", "2")
            with suppress(OSError):  # the client has gone
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(b"OK")

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
