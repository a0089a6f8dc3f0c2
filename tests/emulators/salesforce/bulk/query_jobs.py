"""REST endpoints of Bulk API 2.0 query jobs."""

import base64

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import (
    ApiCall,
    Rule,
    empty_response,
    json_response,
)
from tests.emulators.salesforce.bulk import jobs_api, query_results
from tests.emulators.salesforce.bulk.jobs import (
    ABORTED,
    IN_PROGRESS,
    JOB_COMPLETE,
    UPLOAD_COMPLETE,
    Job,
)
from tests.emulators.salesforce.errors import ApiError
from tests.emulators.salesforce.limits import QUERY_JOBS
from tests.emulators.salesforce.soql import query
from tests.emulators.salesforce.soql.sql import CompiledQuery

OPERATIONS = ("query", "queryAll")
PAGE_ROWS = 50_000
LINKS_PER_PAGE = 5
LAST_LOCATOR = "null"


def create(call: ApiCall) -> Response:
    """POST /jobs/query: create a job, which starts at once."""
    body = jobs_api.request_body(call)
    operation = jobs_api.enum_property(body, "operation", OPERATIONS, default=None)
    jobs_api.enum_property(body, "contentType", ("CSV",), default="CSV")
    text = str(body.get("query") or "")
    compiled = _compile(call, text, include_deleted=operation == "queryAll")
    if not call.org.limits.spend(QUERY_JOBS):
        raise ApiError(
            400, "EXCEEDEDQUOTA", "ExceededQuota : Too many query jobs in 24 hours"
        )
    job = jobs_api.new_job(
        call,
        body,
        kind="query",
        operation=operation,
        object_name=compiled.sobject.name,
    )
    job.query, job.state = text, UPLOAD_COMPLETE
    call.org.jobs.add(job)
    info = job.as_json()  # before the worker changes the state
    call.worker.submit(job)
    return json_response(info)


def _compile(call: ApiCall, text: str, *, include_deleted: bool) -> CompiledQuery:
    """Compile the query; raise API_ERROR if it is invalid."""
    if not text.strip():
        raise jobs_api.invalid_property("", "query")
    try:
        compiled = query.compile_soql(call.org, text, include_deleted=include_deleted)
    except ApiError as error:
        raise ApiError(400, "API_ERROR", error.message) from None
    if compiled.query.offset:
        raise ApiError(400, "API_ERROR", "OFFSET not supported in Bulk Query")
    if compiled.query.is_aggregate:
        raise ApiError(
            400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query"
        )
    return compiled


def list_jobs(call: ApiCall) -> Response:
    """GET /jobs/query: a page of jobs."""
    return json_response(jobs_api.job_page(call, "query"))


def get(call: ApiCall, job_id: str) -> Response:
    """GET /jobs/query/ID."""
    return json_response(_job(call, job_id).as_full_json())


def abort(call: ApiCall, job_id: str) -> Response:
    """PATCH /jobs/query/ID: abort the job; no other change is allowed."""
    job = _job(call, job_id)
    jobs_api.enum_property(
        jobs_api.request_body(call), "state", (ABORTED,), default=None
    )
    with call.org.jobs.lock:
        jobs_api.set_state(call, job, ABORTED)
        job.ended.set()
    return json_response(job.as_json(is_short=True))


def delete(call: ApiCall, job_id: str) -> Response:
    """DELETE /jobs/query/ID: delete a job that has ended."""
    job = _job(call, job_id)
    with call.org.jobs.lock:
        if job.state in (UPLOAD_COMPLETE, IN_PROGRESS):
            raise ApiError(
                400,
                "API_ERROR",
                f"Deleting a Job that is {job.state} not allowed",
            )
        call.org.jobs.remove(job)
    return empty_response(204)


def results(call: ApiCall, job_id: str) -> Response:
    """GET /jobs/query/ID/results: a page of rows, with a header line.

    The page starts at `locator` and has at most `maxRecords` rows.
    """
    job = _completed_job(call, job_id)
    start = _decode_locator(call.request.args.get("locator", ""))
    max_records = call.request.args.get("maxRecords", "")
    is_number = max_records.isascii() and max_records.isdigit()
    max_rows = int(max_records) if is_number else 0
    page = query_results.read_page(
        call.org, job, start=start, max_rows=max_rows or PAGE_ROWS
    )
    response = jobs_api.csv_response(
        call, page.path, header=page.header, start=page.start, end=page.end
    )
    locator = _encode_locator(start + page.rows)
    response.headers["Sforce-Locator"] = LAST_LOCATOR if page.is_last else locator
    response.headers["Sforce-NumberOfRecords"] = str(page.rows)
    return response


def result_pages(call: ApiCall, job_id: str) -> Response:
    """GET /jobs/query/ID/resultPages: the URLs of pages that can be read in parallel.

    Lists five pages, beginning with the one at `locator`.
    """
    job = _completed_job(call, job_id)
    start = _decode_locator(call.request.args.get("locator", ""))
    end = start + LINKS_PER_PAGE * PAGE_ROWS
    url = f"{call.base_path}/jobs/query/{job.id}"
    links = [
        {"resultLink": f"{url}/results?locator={_encode_locator(row)}"}
        for row in range(start, min(end, max(job.processed, 1)), PAGE_ROWS)
    ]
    body: dict[str, object] = {"resultPages": links, "done": end >= job.processed}
    if end < job.processed:
        body["nextRecordsUrl"] = f"{url}/resultPages?locator={_encode_locator(end)}"
    return json_response(body)


def _completed_job(call: ApiCall, job_id: str) -> Job:
    job = _job(call, job_id)
    jobs_api.require_ended(job)
    if job.state != JOB_COMPLETE:
        raise jobs_api.invalid_job_state(f"Job is {job.state}, it has no results")
    return job


def _encode_locator(row: int) -> str:
    return base64.urlsafe_b64encode(str(row).encode()).decode().rstrip("=")


def _decode_locator(locator: str) -> int:
    if locator in ("", LAST_LOCATOR):
        return 0
    try:
        padded = locator + "=" * (-len(locator) % 4)
        row = int(base64.urlsafe_b64decode(padded))
        if row < 0:
            raise ValueError(row)
        return row
    except ValueError:
        raise ApiError(
            400, "INVALIDQUERYLOCATOR", "InvalidQueryLocator : invalid query locator"
        ) from None


def _job(call: ApiCall, job_id: str) -> Job:
    return jobs_api.find_job(call, job_id, "query")


RULES: list[Rule] = [
    ("POST", "/jobs/query", create),
    ("GET", "/jobs/query", list_jobs),
    ("GET", "/jobs/query/<job_id>", get),
    ("PATCH", "/jobs/query/<job_id>", abort),
    ("DELETE", "/jobs/query/<job_id>", delete),
    ("GET", "/jobs/query/<job_id>/results", results),
    ("GET", "/jobs/query/<job_id>/resultPages", result_pages),
]
