"""Request handling: faults, session, limits, routing, compression and request log.

The order of the checks is visible to clients: injected faults first, then the session
(401), the request limit (403), and only then whether the URL exists (404).
"""

import re
import sqlite3
import time
import traceback
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache

from werkzeug import routing
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Request, Response

from tests.emulators.salesforce import admin, oauth, soap
from tests.emulators.salesforce.api_call import (
    JSON,
    ApiCall,
    Rule,
    error_response,
)
from tests.emulators.salesforce.bulk import ingest, query_jobs
from tests.emulators.salesforce.errors import (
    ApiError,
    DroppedConnectionError,
    not_found,
)
from tests.emulators.salesforce.faults import Fault
from tests.emulators.salesforce.limits import REQUESTS
from tests.emulators.salesforce.objects import composite, describe, records, replication
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.soql import query_api
from tests.emulators.salesforce.soql.query import Cursors
from tests.emulators.salesforce.web import pages
from tests.emulators.salesforce.worker import Worker

VERSIONED_PATH = re.compile(r"/services/data/v(\d+\.\d)(?=/|$)", re.ASCII)
VERSIONED_RULES = (
    *describe.RULES,
    *query_api.RULES,
    *composite.RULES,
    *records.RULES,
    *replication.RULES,
    *ingest.RULES,
    *query_jobs.RULES,
)
PUBLIC_RULES = (
    *oauth.RULES,
    *soap.RULES,
    *admin.RULES,
    *pages.RULES,
    ("GET", "/services/data", describe.versions),
)
MAX_URI_BYTES = 16_384
GZIP_MIN_BYTES = 1000
GZIP_LEVEL = 1
GZIP_WBITS = 16 + zlib.MAX_WBITS
SALESFORCE_PATHS = ("/services/", "/id/")
BEARER_PATHS = ("/services/oauth2/userinfo", "/id/")
# Bugs of the emulator: they get a response with status 500 and print a traceback.
UNEXPECTED_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    sqlite3.Error,
)
STATUSES_WITHOUT_BODY = (204, 304)


class Application:
    """The HTTP interface of an org; each call handles one request."""

    def __init__(self, org: Org, worker: Worker) -> None:
        self._org = org
        self._worker = worker
        self._cursors = Cursors()

    def __call__(self, request: Request) -> Response:
        """Return the response; raise `DroppedConnectionError` to send none."""
        started = time.monotonic()
        path = "/" + request.path.lstrip("/")
        is_salesforce_path = path.startswith(SALESFORCE_PATHS)
        fault = (
            self._org.faults.next_for_request(request.method, path.rstrip("/"))
            if is_salesforce_path
            else None
        )
        status = 0
        try:
            response = self._respond_with_fault(request, path, fault)
            status = response.status_code
            _compress(request, response)
        finally:
            if is_salesforce_path:
                self._log_request(request, path, status, started, fault)
        return response

    def _respond_with_fault(
        self, request: Request, path: str, fault: Fault | None
    ) -> Response:
        kind = fault.kind if fault else ""
        if fault is None or kind == "cut_after":
            response = self._respond(request, path)
            if fault is not None:
                raise DroppedConnectionError
            return response
        if kind == "cut_before":
            raise DroppedConnectionError
        if kind == "expire_tokens":
            self._org.end_sessions()
            return self._respond(request, path)
        if kind == "replace":
            self._respond(request, path).close()
        body = fault.text().encode(errors="surrogateescape")  # any bytes
        response = Response(body, fault.status, content_type=JSON)
        response.headers.update(fault.headers)
        return response

    def _respond(self, request: Request, path: str) -> Response:
        try:
            _check_size(request)
            match = VERSIONED_PATH.match(path)
            if match is None:
                return self._respond_unversioned(request, path)
            return self._respond_versioned(request, path[match.end() :], match[1])
        except ApiError as error:
            return error_response(error)
        except UNEXPECTED_ERRORS as error:
            traceback.print_exc()
            message = f"{type(error).__name__}: {error}"
            return error_response(ApiError(500, "UNKNOWN_EXCEPTION", message))

    def _respond_unversioned(self, request: Request, path: str) -> Response:
        call = ApiCall(self._org, self._worker, self._cursors, request)
        if not path.startswith(BEARER_PATHS):
            return _dispatch(_url_map(PUBLIC_RULES), call, path)
        if not self._org.is_valid_token(_token(request)):
            has_header = "Authorization" in request.headers
            text = "Bad_OAuth_Token" if has_header else "Missing_OAuth_Token"
            return Response(text, 403, content_type="text/html;charset=UTF-8")
        return _dispatch(_url_map(tuple(oauth.BEARER_RULES)), call, path)

    def _respond_versioned(self, request: Request, path: str, version: str) -> Response:
        number = float(version)
        if not number.is_integer() or number > describe.NEWEST_VERSION or number < 7:
            raise not_found()
        if number < describe.OLDEST_VERSION:
            raise ApiError(
                410, "UNSUPPORTED_API_VERSION", f"API version {version} is retired"
            )
        if not self._org.is_valid_token(_token(request)):
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if not self._org.limits.spend(REQUESTS):
            raise ApiError(
                403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."
            )
        call = ApiCall(self._org, self._worker, self._cursors, request, version)
        try:
            response = _dispatch(_url_map(VERSIONED_RULES), call, path)
        except ApiError as error:
            response = error_response(error)
        response.headers["Sforce-Limit-Info"] = self._org.limits.usage()
        return response

    def _log_request(
        self,
        request: Request,
        path: str,
        status: int,
        started: float,
        fault: Fault | None,
    ) -> None:
        entry = {
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "scheme": request.scheme,
            "method": request.method,
            "path": path,
            # The query of other paths may hold secrets.
            "query": request.query_string.decode(errors="replace")
            if VERSIONED_PATH.match(path)
            else "",
            "status": status,
            "milliseconds": round((time.monotonic() - started) * 1000, 1),
            "user_agent": request.headers.get("User-Agent", ""),
            "content_type": request.headers.get("Content-Type", ""),
            "content_length": request.content_length,
            "content_encoding": request.headers.get("Content-Encoding", ""),
        }
        if fault is not None:
            entry["fault"] = fault.kind
        self._org.log.add(entry)


def _check_size(request: Request) -> None:
    """Raise 414 for a long URI, and 431 if it is long together with the headers."""
    uri_bytes = len(request.environ.get("RAW_URI", request.full_path))
    if uri_bytes > MAX_URI_BYTES:
        message = f"The length of the URI exceeds the {MAX_URI_BYTES:,} byte limit"
        raise ApiError(414, "URI_TOO_LONG", message)
    header_bytes = sum(len(name) + len(value) for name, value in request.headers)
    if uri_bytes + header_bytes > MAX_URI_BYTES:
        raise ApiError(
            431,
            "REQUEST_HEADER_FIELDS_TOO_LARGE",
            "The combined length of the URI and headers exceeds the "
            f"{MAX_URI_BYTES:,} byte limit",
        )


@cache
def _url_map(rules: tuple[Rule, ...]) -> routing.Map:
    """Return a URL map that ignores a trailing slash."""
    return routing.Map(
        [
            routing.Rule(path or "/", methods=methods.split(","), endpoint=handler)
            for methods, path, handler in rules
        ],
        strict_slashes=False,
        merge_slashes=False,
        redirect_defaults=False,
    )


def _dispatch(url_map: routing.Map, call: ApiCall, path: str) -> Response:
    adapter = url_map.bind("localhost")
    path = path.rstrip("/") or "/"
    try:
        handler, arguments = adapter.match(path, method=call.request.method)
    except MethodNotAllowed as error:
        raise ApiError(
            405,
            "METHOD_NOT_ALLOWED",
            f"HTTP Method '{call.request.method}' not allowed. Allowed are "
            f"{','.join(sorted(error.valid_methods or ()))}",
        ) from None
    except HTTPException:
        raise not_found() from None
    return handler(call, **arguments)


def _token(request: Request) -> str:
    """Return the token of a request; the identity URL also takes it as a parameter."""
    if "Authorization" not in request.headers and request.path.startswith(BEARER_PATHS):
        arguments = request.args
        return arguments.get("oauth_token") or arguments.get("access_token") or ""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "oauth") else ""


def _compress(request: Request, response: Response) -> None:
    """Compress a large response with gzip if the client accepts it."""
    if (
        response.status_code in STATUSES_WITHOUT_BODY
        or "gzip" not in request.accept_encodings
    ):
        return
    length = response.calculate_content_length() or response.content_length or 0
    if length < GZIP_MIN_BYTES or "Content-Encoding" in response.headers:
        return
    response.response = _gzip_blocks(response.iter_encoded())
    response.headers.pop("Content-Length", None)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"


def _gzip_blocks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WBITS)
    for block in blocks:
        if compressed := compressor.compress(block):
            yield compressed
    yield compressor.flush()
