"""HTTP and HTTPS server on 127.0.0.1, one thread per keep-alive connection.

werkzeug's own server closes each connection after one response; this one keeps it open,
as Salesforce does. The TLS handshake runs in the connection's thread, so that a client
that never finishes it does not block other clients.
"""

import socket
import ssl
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from werkzeug.exceptions import ClientDisconnected
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import LimitedStream

from tests.emulators.component import HOST
from tests.emulators.salesforce.application import Application
from tests.emulators.salesforce.errors import DroppedConnectionError

DRAIN_BYTES = 1 << 18
HANDSHAKE_SECONDS = 30
IDLE_SECONDS = 120
SERVER_NAME = "NightshiftSalesforceEmulator"


class Handler(WSGIRequestHandler):
    """One connection: werkzeug reads the request, this class writes the response."""

    protocol_version = "HTTP/1.1"
    # Headers and body in separate packets would wait for TCP's delayed ACK.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def setup(self) -> None:
        """Do the TLS handshake if the server uses TLS."""
        context = self.server.ssl_context
        if context is not None:
            self.request.settimeout(HANDSHAKE_SECONDS)
            self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()

    def version_string(self) -> str:
        """Return the value of the header Server."""
        return SERVER_NAME

    def log_request(self, *_: object) -> None:
        """Log nothing, because the org has its own request log."""

    def log_error(self, *_: object) -> None:
        """Log nothing about connections that time out."""

    def handle_expect_100(self) -> bool:
        """Send 100 Continue at once instead of leaving it in the write buffer."""
        super().handle_expect_100()
        self.wfile.flush()
        return True

    def run_wsgi(self) -> None:
        """Respond to one request and leave the connection ready for the next."""
        environ = self.make_environ()
        if not environ.get("wsgi.input_terminated"):
            length = int(environ.get("CONTENT_LENGTH") or 0)
            environ["wsgi.input"] = LimitedStream(self.rfile, length)
            environ["wsgi.input_terminated"] = True
        body = environ["wsgi.input"]
        try:
            application = cast(Application, self.server.app)
            response = application(Request(environ))
            self._write_response(response, environ)
            while body.read(DRAIN_BYTES):
                pass
        except DroppedConnectionError:
            self._drop_connection()
        except (ClientDisconnected, ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    def _write_response(self, response: Response, environ: dict[str, Any]) -> None:
        blocks, status, headers = response.get_wsgi_response(environ)
        code = status.partition(" ")[0]
        self.send_response(int(code))
        names = {name.lower() for name, _ in headers}
        has_body = int(code) not in (204, 304) and self.command != "HEAD"
        is_chunked = has_body and "content-length" not in names
        for name, value in headers:
            self.send_header(name, value)
        if is_chunked and self.request_version == "HTTP/1.0":
            self.close_connection, is_chunked = True, False
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        try:
            for block in blocks if has_body else ():
                if is_chunked and block:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
                else:
                    self.wfile.write(block)
        finally:
            response.close()
        if is_chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _drop_connection(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serve_in_thread(
    application: Application, port: int, context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Serve on a port (0: a free one) in a thread, and yield the port."""
    server = make_server(
        HOST, port, cast(Any, application), threaded=True, request_handler=Handler
    )
    server.ssl_context = context
    cast(Any, server).handle_error = _print_unexpected_error
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    try:
        yield server.port
    finally:
        _stop(server, thread)


def _stop(server: BaseWSGIServer, thread: threading.Thread) -> None:
    server.shutdown()
    thread.join()


def _print_unexpected_error(request: object, client_address: object) -> None:
    """Print tracebacks, except of lost connections and failed TLS handshakes."""
    error = sys.exc_info()[1]
    if not isinstance(error, (OSError, ssl.SSLError)):
        traceback.print_exc()
