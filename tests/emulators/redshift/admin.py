"""The admin socket: a line of JSON in, a line of JSON out, to set faults while it runs.

`{"do": "fault", "fault": {...}}` sets one, `{"do": "faults"}` lists them,
`{"do": "clear"}` forgets them, `{"do": "sessions"}` counts the open sessions. The
answer is `{"ok": true, ...}` or `{"ok": false, "error": "..."}`.
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
    """Answers on a Unix socket until it is closed."""

    def __init__(self, cluster: Cluster, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    answer = json.dumps(_answer(cluster, line))
                    self.wfile.write(answer.encode() + b"\n")

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop answering, and take the socket away."""
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


def ask(path: Path | str, request: Mapping[str, object]) -> dict[str, object]:
    """Send one request and return its answer, `ok` left out.

    FaultError when it was refused.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as answers:
            answer = json.loads(answers.readline())
    if not answer.pop("ok"):
        raise FaultError(answer["error"])
    return answer


def _answer(cluster: Cluster, line: bytes) -> dict[str, object]:
    try:
        request = json.loads(line)
        match request.get("do"):
            case "fault":
                cluster.faults.add(request["fault"])
            case "faults":
                return {"ok": True, "faults": cluster.faults.described()}
            case "clear":
                cluster.faults.clear()
            case "sessions":
                return {"ok": True, "sessions": len(cluster.everyone())}
            case other:
                return {"ok": False, "error": f"no such request: {other}"}
    except (FaultError, KeyError, TypeError, ValueError, AttributeError) as error:
        return {"ok": False, "error": f"not a request: {error}"}
    return {"ok": True}
