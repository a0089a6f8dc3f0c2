"""Faults of the S3 emulator: error replies, bodies that break off, closed connections.

A fault is a mapping of these fields; a request must match all of `operation` and `key`:

- `operation`: name of the API operation, for example `GetObject`; '' matches all
- `key`: regular expression, searched in `bucket/key` (for a listing `bucket/prefix`)
- `code`, `status`, `message`: the error reply; a reply to HEAD has no body
- `cut_at`: number of bytes after which the body of a good reply breaks off
- `drop`: true closes the connection without a reply
- `seconds`: delay before the reply
- `on`: number of the first matching request that fails, from 1 (default 1)
- `times`: number of failures from then on (default 1; 0 means without end)

`PUT /_faults` replaces all faults by a JSON list, `GET /_faults` returns them with the
number of requests that matched. No bucket can have that name.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs
from urllib.request import Request, urlopen
from xml.sax.saxutils import escape

PATH = "/_faults"
Responder = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Operation by method, whether the path has a key, and a query parameter.
OPERATIONS = {
    ("GET", False, "list-type"): "ListObjectsV2",
    ("GET", False, "location"): "GetBucketLocation",
    ("HEAD", False, ""): "HeadBucket",
    ("PUT", False, ""): "CreateBucket",
    ("POST", False, "delete"): "DeleteObjects",
    ("GET", True, ""): "GetObject",
    ("HEAD", True, ""): "HeadObject",
    ("PUT", True, "partNumber"): "UploadPart",
    ("PUT", True, ""): "PutObject",
    ("DELETE", True, ""): "DeleteObject",
    ("POST", True, "uploads"): "CreateMultipartUpload",
    ("POST", True, "uploadId"): "CompleteMultipartUpload",
}


@dataclass
class Fault:
    """One fault; `seen` counts the requests that matched it."""

    operation: str = ""
    key: str = ""
    code: str = ""
    status: int = 400
    message: str = "injected fault"
    cut_at: int | None = None
    drop: bool = False
    seconds: float = 0.0
    on: int = 1
    times: int = 1
    seen: int = 0

    def matches(self, operation: str, name: str) -> bool:
        """Return whether the fault applies to a request for `bucket/key`."""
        is_operation = self.operation in ("", operation)
        return is_operation and re.search(self.key, name) is not None

    def count_request(self) -> bool:
        """Count a matching request and return whether it must fail."""
        self.seen += 1
        is_over = self.times and self.seen >= self.on + self.times
        return self.seen >= self.on and not is_over


class FaultInjector:
    """A WSGI application that passes requests on unless a fault is due."""

    def __init__(self, application: Responder) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"] == PATH:
            return self._administer(environ, start_response)
        fault = self._due_fault(environ)
        if fault is None:
            return self._application(environ, start_response)
        time.sleep(fault.seconds)
        if fault.drop:
            return _drop_connection(environ)
        if fault.cut_at is not None:
            body = b"".join(self._application(environ, start_response))
            return _broken_body(environ, body[: fault.cut_at])
        if fault.code:
            return _error_reply(fault, environ, start_response)
        return self._application(environ, start_response)

    def _administer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> list[bytes]:
        with self._lock:
            if environ["REQUEST_METHOD"] == "PUT":
                text = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                self._faults = [Fault(**fault) for fault in json.loads(text)]
            content = json.dumps([asdict(fault) for fault in self._faults]).encode()
        length = str(len(content))
        start_response(
            "200 OK", [("Content-Type", "application/json"), ("Content-Length", length)]
        )
        return [content]

    def _due_fault(self, environ: Mapping[str, Any]) -> Fault | None:
        bucket, key = split_path(environ)
        query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
        operation = _operation(environ["REQUEST_METHOD"], bool(key), query)
        name = f"{bucket}/{key or query.get('prefix', [''])[0]}"
        with self._lock:
            due = [
                fault
                for fault in self._faults
                if fault.matches(operation, name) and fault.count_request()
            ]
        return due[0] if due else None


def split_path(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Return the bucket and the key of a request; '' for what it does not name."""
    # WSGI decodes a path's UTF-8 as latin-1.
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8")
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key


@contextmanager
def injected_faults(
    environment: Mapping[str, str], *faults: Mapping[str, object]
) -> Iterator[Callable[[], list[int]]]:
    """Let the emulator at `environment` fail within the block.

    Yields a function that returns the number of requests that matched each fault.
    """
    url = environment["AWS_ENDPOINT_URL_S3"] + PATH

    def count_requests() -> list[int]:
        with urlopen(url) as reply:
            return [fault["seen"] for fault in json.load(reply)]

    _replace(url, faults)
    try:
        yield count_requests
    finally:
        _replace(url, ())


def _replace(url: str, faults: Sequence[Mapping[str, object]]) -> None:
    content = json.dumps(list(faults)).encode()
    with urlopen(Request(url, data=content, method="PUT")) as reply:
        reply.read()


def _operation(method: str, has_key: bool, query: Mapping[str, object]) -> str:
    for parameter in (*query, ""):
        if (method, has_key, parameter) in OPERATIONS:
            return OPERATIONS[method, has_key, parameter]
    return "Other"


def _error_reply(
    fault: Fault, environ: Mapping[str, Any], start_response: Callable[..., Any]
) -> list[bytes]:
    content = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(fault.code)}</Code>"
        f"<Message>{escape(fault.message)}</Message>"
        "<RequestId>0123456789ABCDEF</RequestId></Error>"
    ).encode()
    if environ["REQUEST_METHOD"] == "HEAD":
        content = b""
    headers = [("Content-Type", "application/xml")]
    headers.append(("Content-Length", str(len(content))))
    start_response(f"{fault.status} Fault", headers)
    return [content]


def _broken_body(environ: Mapping[str, Any], start: bytes) -> Iterator[bytes]:
    """Send less than the announced length, then close the connection."""
    yield start
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


def _drop_connection(environ: Mapping[str, Any]) -> list[bytes]:
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("injected fault")
