"""From a request to a reply: faults, sessions, limits, routing, compression, the log.

The order is the one that a client can tell: faults first, then the session (401), the
limit of requests (403), and only then whether the address leads anywhere (404).
"""

import re
import time
import traceback
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from tests.emulators.salesforce import admin, oauth, soap
from tests.emulators.salesforce.api_call import Call, as_json, refused
from tests.emulators.salesforce.bulk import ingest, query_jobs
from tests.emulators.salesforce.errors import DroppedConnectionError, Refusal, not_found
from tests.emulators.salesforce.faults import Fault
from tests.emulators.salesforce.limits import REQUESTS
from tests.emulators.salesforce.objects import composite, describe, records
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.soql import query_api as calls
from tests.emulators.salesforce.soql.query import Cursors
from tests.emulators.salesforce.web import pages
from tests.emulators.salesforce.worker import Worker

DATA = re.compile(r"/services/data/v(\d+\.\d)(?=/|$)")
VERSIONED = (
    *describe.RULES,
    *calls.RULES,
    *composite.RULES,
    *records.RULES,
    *ingest.RULES,
    *query_jobs.RULES,
)
OPEN_TO_ALL = (
    *oauth.RULES,
    *soap.RULES,
    *admin.RULES,
    *pages.RULES,
    ("GET", "/services/data", describe.versions),
)
GZIP_FROM_BYTES = 1000
GZIP_LEVEL = 1
GZIP_WINDOW = 16 + zlib.MAX_WBITS
SALESFORCE = ("/services/", "/id/")
BEARER_RULES = tuple(oauth.BEARER_RULES)
BEARER = ("/services/oauth2/userinfo", "/id/")
# What a request can bring about that nobody thought of: a bug of the stand-in.
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
NO_BODY = (204, 304)


class Application:
    """The whole of the org's network side, one request at a time."""

    def __init__(self, org: Org, worker: Worker) -> None:
        self._org = org
        self._worker = worker
        self._cursors = Cursors()

    def __call__(self, request: Request) -> Response:
        """Answer a request; `DroppedConnectionError` when there is to be no answer."""
        began = time.monotonic()
        path = "/" + request.path.lstrip("/")
        is_own = not path.startswith(SALESFORCE)
        fault = (
            None
            if is_own
            else self._org.faults.strike(request.method, path.rstrip("/"))
        )
        status = 0
        try:
            response = self._with_fault(request, path, fault)
            status = response.status_code
            _compress(request, response)
        finally:
            if not is_own:
                self._note(request, path, status, began, fault)
        return response

    def _with_fault(self, request: Request, path: str, fault: Fault | None) -> Response:
        kind = fault.kind if fault else ""
        if fault is None or kind == "cut_after":
            response = self._answer(request, path)
            if fault is not None:
                raise DroppedConnectionError
            return response
        if kind == "cut_before":
            raise DroppedConnectionError
        if kind == "expire_tokens":
            self._org.end_sessions()
            return self._answer(request, path)
        response = as_json(fault.body(), fault.status)
        response.headers.extend(fault.headers)
        return response

    def _answer(self, request: Request, path: str) -> Response:
        try:
            match = DATA.match(path)
            if match is None:
                return self._outside(request, path)
            return self._inside(request, path[match.end() :], match[1])
        except Refusal as refusal:
            return refused(refusal)
        except UNFORESEEN as error:
            traceback.print_exc()
            told = f"{type(error).__name__}: {error}"
            return refused(Refusal(500, "UNKNOWN_EXCEPTION", told))

    def _outside(self, request: Request, path: str) -> Response:
        call = Call(self._org, self._worker, self._cursors, request)
        if not path.startswith(BEARER):
            return _dispatch(_map(OPEN_TO_ALL), call, path)
        if not self._org.is_open(_token(request)):
            given = "Authorization" in request.headers
            text = "Bad_OAuth_Token" if given else "Missing_OAuth_Token"
            return Response(text, 403, content_type="text/html;charset=UTF-8")
        return _dispatch(_map(BEARER_RULES), call, path)

    def _inside(self, request: Request, rest: str, version: str) -> Response:
        number = float(version)
        if not number.is_integer() or number > describe.NEWEST or number < 7:
            raise not_found()
        if number < describe.OLDEST:
            raise Refusal(
                410, "UNSUPPORTED_API_VERSION", f"API version {version} is retired"
            )
        if not self._org.is_open(_token(request)):
            raise Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if not self._org.limits.spend(REQUESTS):
            raise Refusal(
                403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."
            )
        call = Call(self._org, self._worker, self._cursors, request, version)
        try:
            response = _dispatch(_map(VERSIONED), call, rest)
        except Refusal as refusal:
            response = refused(refusal)
        response.headers["Sforce-Limit-Info"] = self._org.limits.usage()
        return response

    def _note(
        self,
        request: Request,
        path: str,
        status: int,
        began: float,
        fault: Fault | None,
    ) -> None:
        told = {
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "scheme": request.scheme,
            "method": request.method,
            "path": path,
            # Elsewhere secrets may stand in it.
            "query": request.query_string.decode(errors="replace")
            if DATA.match(path)
            else "",
            "status": status,
            "milliseconds": round((time.monotonic() - began) * 1000, 1),
            "user_agent": request.headers.get("User-Agent", ""),
            "content_type": request.headers.get("Content-Type", ""),
            "content_length": request.content_length,
            "content_encoding": request.headers.get("Content-Encoding", ""),
        }
        if fault is not None:
            told["fault"] = fault.kind
        self._org.log.add(told)


@cache
def _map(rules: tuple[tuple[str, str, object], ...]) -> Map:
    """Let an address match with a slash at its end and without."""
    return Map(
        [
            Rule(path or "/", methods=methods.split(","), endpoint=handler)
            for methods, path, handler in rules
        ],
        strict_slashes=False,
        merge_slashes=False,
        redirect_defaults=False,
    )


def _dispatch(rules: Map, call: Call, path: str) -> Response:
    adapter = rules.bind("localhost")
    path = path.rstrip("/") or "/"
    try:
        handler, given = adapter.match(path, method=call.request.method)
    except MethodNotAllowed as error:
        raise Refusal(
            405,
            "METHOD_NOT_ALLOWED",
            f"HTTP Method '{call.request.method}' not allowed. Allowed are "
            f"{','.join(sorted(error.valid_methods or ()))}",
        ) from None
    except HTTPException:
        raise not_found() from None
    return handler(call, **given)


def _token(request: Request) -> str:
    """Return the token of a request; at the identity address it may be a parameter."""
    if "Authorization" not in request.headers and request.path.startswith(BEARER):
        arguments = request.args
        return arguments.get("oauth_token") or arguments.get("access_token") or ""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "oauth") else ""


def _compress(request: Request, response: Response) -> None:
    """Pack a reply that is worth it for a client that asks for it."""
    if response.status_code in NO_BODY or "gzip" not in request.accept_encodings:
        return
    length = response.calculate_content_length() or response.content_length or 0
    if length < GZIP_FROM_BYTES or "Content-Encoding" in response.headers:
        return
    response.response = _packed(response.iter_encoded())
    response.headers.pop("Content-Length", None)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"


def _packed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    for block in blocks:
        if packed := packer.compress(block):
            yield packed
    yield packer.flush()
