"""The context of one API request, and constructors of responses."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request, Response

from tests.emulators.salesforce.errors import ApiError, not_found
from tests.emulators.salesforce.objects.schema import SObject
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.soql.query import Cursors
from tests.emulators.salesforce.worker import Worker

JSON = "application/json;charset=UTF-8"
COMPRESSIONS = ("gzip", "deflate")
ANY_WBITS = 32 + zlib.MAX_WBITS  # detects the header of gzip and of zlib
XML = "text/xml;charset=UTF-8"


@dataclass(frozen=True)
class ApiCall:
    """A request with the org it is for; `version` is the API version of the URL."""

    org: Org
    worker: Worker
    cursors: Cursors
    request: Request
    version: str = "60.0"

    @property
    def base_path(self) -> str:
        """The path that the API's resources are below."""
        return f"/services/data/v{self.version}"

    @property
    def host_url(self) -> str:
        """The scheme, host and port that the client used to reach this server."""
        return self.request.host_url.rstrip("/")

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Return the parsed body; raise JSON_PARSER_ERROR if it is not JSON."""
        try:
            body = self._body()
            parsed = json.loads(body, parse_constant=_reject_constant)
            if b"\\ud" in body.lower():  # may be half of a surrogate pair
                json.dumps(parsed, ensure_ascii=False).encode()
            return parsed
        except (ValueError, zlib.error) as error:
            message = f"Unexpected content in the request body: {error}"
            raise ApiError(400, "JSON_PARSER_ERROR", message) from None

    def _body(self) -> bytes:
        """Return the body, decompressed if it is compressed."""
        body = self.request.get_data()
        encoding = self.request.headers.get("Content-Encoding", "").strip().lower()
        compressed = encoding in COMPRESSIONS
        return zlib.decompress(body, ANY_WBITS) if compressed else body

    def sobject(self, name: str) -> SObject:
        """Return an object of the org; raise NOT_FOUND if there is none."""
        sobject = self.org.schema.get(name)
        if sobject is None or sobject.is_tooling:
            raise not_found()
        return sobject


def _reject_constant(name: str) -> None:
    """Reject NaN and Infinity, which Python's parser accepts."""
    raise ValueError(f"{name} is not a JSON number")


Handler = Callable[..., Response]
Rule = tuple[str, str, Handler]


def json_response(body: object, status: int = 200) -> Response:
    """Return a JSON response."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, content_type=JSON)


def empty_response(status: int) -> Response:
    """Return a response without a body and without a Content-Type."""
    response = Response(b"", status)
    response.headers.pop("Content-Type", None)
    return response


def error_response(error: ApiError) -> Response:
    """Return the response of an API error."""
    response = json_response(error.body(), error.status)
    response.headers.extend(error.headers)
    return response
