"""The admin socket: JSON lines over a Unix socket that set faults at run time.

Requests: `{"do": "fault", "fault": {...}}` adds a fault, `{"do": "faults"}` lists the
faults, `{"do": "clear"}` removes them, `{"do": "sessions"}` counts the sessions: those
open now as `sessions`, all since the start as `opened`. The response is
`{"ok": true, ...}` or `{"ok": false, "error": "..."}`.
"""

import json
import socket
import socketserver
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.emulators.redshift.cluster import Cluster
from tests.emulators.redshift.faults import FaultError


class AdminSocket:
    """Serves admin requests on a Unix socket until it is closed."""

    def __init__(self, cluster: Cluster, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    response = json.dumps(_handle_request(cluster, line))
                    self.wfile.write(response.encode() + b"\n")

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving and remove the socket."""
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


def send_request(path: Path | str, request: Mapping[str, object]) -> dict[str, object]:
    """Send one request and return the response without its `ok`.

    Raises FaultError if the request fails.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as responses:
            response = json.loads(responses.readline())
    if not response.pop("ok"):
        raise FaultError(response["error"])
    return response


def _handle_request(cluster: Cluster, line: bytes) -> dict[str, object]:
    try:
        request = json.loads(line)
        match request.get("do"):
            case "fault":
                cluster.faults.add(request["fault"])
            case "faults":
                return {"ok": True, "faults": cluster.faults.list_faults()}
            case "clear":
                cluster.faults.clear()
            case "sessions":
                return {
                    "ok": True,
                    "sessions": len(cluster.open_sessions()),
                    "opened": cluster.sessions_opened,
                }
            case other:
                return {"ok": False, "error": f"Unknown request: {other}"}
    except (FaultError, KeyError, TypeError, ValueError, AttributeError) as error:
        return {"ok": False, "error": f"Invalid request: {error}"}
    return {"ok": True}
