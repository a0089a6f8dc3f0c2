"""What each Salesforce endpoint returns, and the check that a reply is that.

A maintenance page, a proxy or an overloaded server can return status 200 with something
else. Every session checks its replies here, so no caller ever parses such a body. For a
read the error is retryable; for a write the outcome is unknown, and the caller looks
before it sends again.
"""

import csv
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import requests
from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

from loaders.errors import TransientError
from loaders.salesforce_api.request_errors import (
    OutcomeUnknownError,
    UnexpectedReplyError,
    url_without_query,
)

CASE_SENSITIVE_ID_LENGTH = 15  # the rest of an 18-character id is a checksum
MAX_HEADER_CHARACTERS = 1 << 20
SELECTED = re.compile(r"\s*SELECT\s+(.+?)\s+FROM\s", re.IGNORECASE | re.DOTALL)

Text = Annotated[str, Field(min_length=1)]
Timestamp = Annotated[str, AfterValidator(datetime.fromisoformat)]


class _Token(BaseModel):
    access_token: Text
    instance_url: str = ""


class _User(BaseModel):
    user_id: Text


class _PicklistValue(BaseModel):
    value: str
    active: bool


class _DescribedField(BaseModel):
    name: Text
    type: Text
    createable: bool
    updateable: bool
    nillable: bool
    picklistValues: list[_PicklistValue] = []


class _Description(BaseModel):
    name: Text
    createable: bool
    updateable: bool
    fields: Annotated[list[_DescribedField], Field(min_length=1)]


class _Limit(BaseModel):
    Max: int
    Remaining: int


class _Limits(BaseModel):
    DailyApiRequests: _Limit
    DailyBulkApiBatches: _Limit = _Limit(Max=0, Remaining=0)


class _Page(BaseModel):
    done: bool
    nextRecordsUrl: str | None = None


class _QueryPage(_Page):
    totalSize: int
    records: list[dict[str, Any]]


class _Job(BaseModel):
    id: Text
    state: Text
    object: str = ""
    createdById: str = ""
    createdDate: Timestamp = ""
    errorMessage: str | None = None


class _JobPage(_Page):
    records: list[_Job]


class _RowError(BaseModel):
    statusCode: Text
    message: str | None = None
    fields: list[str] | None = None


class _AcceptedRow(BaseModel):
    success: Literal[True]
    id: Text


class _RejectedRow(BaseModel):
    success: Literal[False]
    errors: Annotated[list[_RowError], Field(min_length=1)]


def _page_problem(_: str, page: _Page) -> str:
    is_complete = page.done or page.nextRecordsUrl
    return "" if is_complete else "the URL of the next page is missing"


def _query_problem(url: str, page: _QueryPage) -> str:
    """Compare the first page of a query with the fields in its SELECT."""
    soql = parse_qs(urlsplit(url).query).get("q", [""])[0]
    selected = SELECTED.match(soql)
    if selected is None or selected[1].upper() == "COUNT()":
        return _page_problem(url, page)
    fields = [name.strip().lower() for name in selected[1].split(",")]
    for record in page.records:
        missing = set(fields) - {name.lower() for name in record}
        if missing:
            return f"a record has no {min(missing)}"
    if page.done and page.totalSize != len(page.records):
        return f"{len(page.records)} of {page.totalSize} records"
    return _page_problem(url, page)


def _job_problem(url: str, job: _Job) -> str:
    length = CASE_SENSITIVE_ID_LENGTH
    expected = urlsplit(url).path.rpartition("/")[2]
    is_other = job.id[:length] != expected[:length]
    return f"it is about job {job.id}" if is_other else ""


@dataclass(frozen=True)
class Endpoint:
    """What a request returns: a JSON body of type `body`, or nothing if that is None.

    `path` is a regular expression for the end of the URL's path. `find_problem` gets
    the URL and the valid body and returns what is wrong with it, or ''. A `is_read`
    endpoint changes no data, so its requests can be repeated.
    """

    method: str
    path: str
    name: str
    body: TypeAdapter[Any] | None
    is_read: bool = True
    find_problem: Callable[[str, Any], str] = lambda _url, _body: ""


TOKEN = Endpoint("POST", r"/oauth2/token", "an access token", TypeAdapter(_Token))
SOAP_PATH = re.compile(r"/services/Soap/u/[^/]+$")
RESULTS_PATH = re.compile(r"/jobs/ingest/[^/]+/\w+$")
JOB = TypeAdapter(_Job)
ENDPOINTS = (
    TOKEN,
    Endpoint("GET", r"/oauth2/userinfo", "a user", TypeAdapter(_User)),
    Endpoint(
        "GET", r"/sobjects/\w+/describe", "a description", TypeAdapter(_Description)
    ),
    Endpoint("GET", r"/limits", "the limits", TypeAdapter(_Limits)),
    Endpoint(
        "GET",
        r"/query(All)?(/[^/]+)?",
        "query results",
        TypeAdapter(_QueryPage),
        find_problem=_query_problem,
    ),
    Endpoint(
        "GET",
        r"/jobs/ingest",
        "a list of jobs",
        TypeAdapter(_JobPage),
        find_problem=_page_problem,
    ),
    Endpoint("GET", r"/jobs/ingest/[^/]+", "the job", JOB, find_problem=_job_problem),
    Endpoint("POST", r"/jobs/ingest", "the new job", JOB, is_read=False),
    Endpoint(
        "PATCH",
        r"/jobs/ingest/[^/]+",
        "the job",
        JOB,
        is_read=False,
        find_problem=_job_problem,
    ),
    Endpoint(
        "PUT", r"/jobs/ingest/[^/]+/batches", "an empty body", None, is_read=False
    ),
    Endpoint(
        "PATCH",
        r"/composite/sobjects/\w+/\w+",
        "one result per row",
        TypeAdapter(list[_AcceptedRow | _RejectedRow]),
        is_read=False,
    ),
)


def find_endpoint(method: str, url: str) -> Endpoint | None:
    """Return the endpoint of a request; None if its body is no JSON of ours."""
    path = urlsplit(url).path.rstrip("/")
    for endpoint in ENDPOINTS:
        if endpoint.method == method and re.search(f"(?:{endpoint.path})$", path):
            return endpoint
    return None


def check(response: requests.Response, endpoint: Endpoint | None = None) -> None:
    """Check that a response with status 2xx has the body that was asked for.

    Raises `UnexpectedReplyError` for a read, `OutcomeUnknownError` for a write. A
    result file is checked by `check_csv` once it is written.
    """
    request = response.request
    method, url = request.method or "", request.url or ""
    if SOAP_PATH.search(urlsplit(url).path):
        problem, endpoint = _soap_problem(response), TOKEN
    else:
        endpoint = endpoint or find_endpoint(method, url)
        if endpoint is None:
            return
        problem = _problem(response, endpoint)
    if problem:
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        raise _unexpected(
            method,
            url,
            f"status {response.status_code} with {kind or 'a body'} that is not "
            f"{endpoint.name}: {problem}",
            is_read=endpoint.is_read,
        )


def check_csv(url: str, path: Path, columns: Collection[str]) -> None:
    """Check the header of a downloaded CSV file; an empty file has no rows.

    `columns` are in lower case. Raises `UnexpectedReplyError` if one is missing.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            line = file.readline(MAX_HEADER_CHARACTERS)
        header = [name.lower() for name in next(csv.reader([line]), [])]
    except (UnicodeDecodeError, csv.Error):
        header = ["not text"]
    missing = sorted(set(columns) - set(header))
    if header and missing:
        raise _unexpected(
            "GET", url, f"a file without the column {missing[0]}", is_read=True
        )


def _problem(response: requests.Response, endpoint: Endpoint) -> str:
    """Return what is wrong with a body, or ''; the body itself may hold secrets."""
    if endpoint.body is None:
        return "it has content" if response.content else ""
    try:
        body = endpoint.body.validate_json(response.content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}".removeprefix(": ")
    return endpoint.find_problem(response.url, body)


def _soap_problem(response: requests.Response) -> str:
    try:
        root = ElementTree.fromstring(response.content)
    except ElementTree.ParseError as error:
        return str(error)
    names = {element.tag.rpartition("}")[2] for element in root.iter() if element.text}
    return "" if {"sessionId", "serverUrl"} <= names else "it has no session id"


def _unexpected(
    method: str, url: str, description: str, *, is_read: bool
) -> TransientError:
    text = (
        f"{method} {url_without_query(url)} returned {description}. "
        "Salesforce may be under maintenance."
    )
    if is_read:
        return UnexpectedReplyError(f"{text} Run again later.")
    return OutcomeUnknownError(
        f"{text} The request may have been processed. Run again; the next sync checks "
        "this."
    )
