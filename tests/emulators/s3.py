"""Amazon S3: the moto server, with its buckets stored on disk.

With `--data`, each object is also a file `DIR/bucket/key`, which is loaded again when
the server starts. Key, size and ETag of an object are the same after a restart. A
multipart upload becomes one file and so has a plain ETag after a restart.
"""

import argparse
import logging
import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import boto3
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server import werkzeug_app
from moto.moto_server.utilities import RegexConverter
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.emulators.component import HOST, announce, free_port, wait_until_stopped
from tests.emulators.s3_faults import FaultInjector, Responder, split_path

BUCKETS = ("nightshift-raw", "nightshift-archive")
REGION = "us-east-1"


def main(arguments: list[str]) -> int:
    """Serve until a signal arrives or the parent process ends."""
    options = _parser().parse_args(arguments)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = options.port or free_port()
    werkzeug_app.RegexConverter = _AnyCharacter
    application = _dispatching()
    if options.data:
        application = _stored(application, options.data)
    server = make_server(
        HOST,
        port,
        FaultInjector(application),
        threaded=True,
        request_handler=_RequestHandler,
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = _environment(port)
    _create_buckets(environment, options.bucket or list(BUCKETS), options.data)
    announce(
        "s3", environment, as_json=options.json, as_export=options.export, details={}
    )
    wait_until_stopped()
    server.shutdown()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.emulators s3", description="Amazon S3 (moto server)"
    )
    parser.add_argument("--port", type=int, default=5000, help="0: a free port")
    parser.add_argument(
        "--bucket", action="append", help="bucket to create (repeatable)"
    )
    parser.add_argument("--data", type=Path, help="store the objects in this folder")
    parser.add_argument("--json", action="store_true", help="announce as JSON")
    parser.add_argument("--export", action="store_true", help="announce for a shell")
    return parser


def _environment(port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_S3": f"http://{HOST}:{port}",
        "AWS_ACCESS_KEY_ID": "not-a-key",
        "AWS_SECRET_ACCESS_KEY": "not-a-secret",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "NIGHTSHIFT_RAW_URL": f"s3://{BUCKETS[0]}/raw",
        "NIGHTSHIFT_ARCHIVE_URL": f"s3://{BUCKETS[1]}/archive",
    }


class _RequestHandler(WSGIRequestHandler):
    """Sends a reply in one piece, not line by line: half the time of a small one."""

    wbufsize = -1

    def make_environ(self) -> dict[str, Any]:
        """Return the request. The client waits for a `100 Continue` sent before it."""
        self.wfile.flush()
        return super().make_environ()


def _dispatching() -> Responder:
    """Return moto with all its services.

    Requests signed for S3 go to it at once: moto lists the folders of its modules to
    find the service of each request.
    """
    all_services: Responder = DomainDispatcherApplication(create_backend_app)
    s3: Responder = create_backend_app("s3")

    def respond(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        is_s3 = "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", "")
        return (s3 if is_s3 else all_services)(environ, start_response)

    return respond


class _AnyCharacter(RegexConverter):
    """moto's pattern for keys, whose dot does not match a line break."""

    def __init__(self, url_map: Any, *patterns: str) -> None:  # noqa: ANN401
        super().__init__(url_map, *(text.replace(".", r"[\s\S]") for text in patterns))


def _create_buckets(
    environment: dict[str, str], buckets: list[str], data: Path | None
) -> None:
    """Create the buckets, with the objects that `data` stores."""
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    for bucket in buckets:
        client.create_bucket(Bucket=bucket)
    if data is None:
        return
    backend = _backend()
    for folder in sorted(path for path in data.glob("*") if path.is_dir()):
        if folder.name not in backend.buckets:
            client.create_bucket(Bucket=folder.name)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            # Faster than thousands of requests.
            key = path.relative_to(folder).as_posix()
            backend.put_object(folder.name, key, path.read_bytes())


def _backend() -> Any:  # noqa: ANN401 - moto has no types
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def _stored(application: Responder, data: Path) -> Responder:
    """Return an application that also writes each change to `data`."""

    def respond(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("PUT", "POST", "DELETE"):
            return application(environ, start_response)
        bucket, key = split_path(environ)
        keys = [key] if key else _deleted_keys(environ) if method == "POST" else []
        body = list(application(environ, start_response))
        _store(data, bucket, keys)
        return body

    return respond


def _deleted_keys(environ: dict[str, Any]) -> list[str]:
    """Return the keys in a multi-object delete. Its body can be read again after."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    items = ElementTree.fromstring(body) if body else ()
    return [item.findtext("{*}Key") or "" for item in items if len(item)]


def _store(data: Path, bucket: str, keys: list[str]) -> None:
    objects = _backend().buckets.get(bucket)
    if objects is None:
        return
    for key in keys:
        path = data / bucket / key
        stored = objects.keys.get(key)
        if stored is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.partial")
            partial.write_bytes(stored.value)
            partial.replace(path)
