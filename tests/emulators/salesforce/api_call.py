"""One request on its way: who asks what of which org, and how replies are made."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request, Response

from tests.emulators.salesforce.errors import Refusal
from tests.emulators.salesforce.objects.schema import SObject
from tests.emulators.salesforce.org import Org
from tests.emulators.salesforce.soql.query import Cursors
from tests.emulators.salesforce.worker import Worker

JSON = "application/json;charset=UTF-8"
XML = "text/xml;charset=UTF-8"


@dataclass(frozen=True)
class Call:
    """A request and what is needed to answer it; `version` as the address has it."""

    org: Org
    worker: Worker
    cursors: Cursors
    request: Request
    version: str = "60.0"

    @property
    def base(self) -> str:
        """Where the API is on this server, as a path."""
        return f"/services/data/v{self.version}"

    @property
    def host_url(self) -> str:
        """How the client reached this server: scheme, host and port."""
        return self.request.host_url.rstrip("/")

    def json(self) -> Any:  # noqa: ANN401 - JSON
        """Return the body; JSON_PARSER_ERROR when it is none."""
        try:
            return json.loads(self.request.get_data())
        except ValueError as error:
            message = f"Unexpected content at the body's {error}"
            raise Refusal(400, "JSON_PARSER_ERROR", message) from None

    def sobject(self, name: str) -> SObject:
        """Return an object of the org, or refuse as for an unknown address."""
        found = self.org.schema.get(name)
        if found is None or found.is_tooling:
            raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")
        return found


Handler = Callable[..., Response]
Rule = tuple[str, str, Handler]


def as_json(told: object, status: int = 200) -> Response:
    """Return a JSON reply."""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, content_type=JSON)


def empty(status: int) -> Response:
    """Return a reply without a body and so without its type."""
    response = Response(b"", status)
    response.headers.pop("Content-Type", None)
    return response


def refused(refusal: Refusal) -> Response:
    """Return the reply of a refusal."""
    response = as_json(refusal.body(), refusal.status)
    response.headers.extend(refusal.headers)
    return response
