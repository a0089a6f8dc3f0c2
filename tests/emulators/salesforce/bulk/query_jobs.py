"""Bulk API 2.0 query: the addresses of its jobs, and what they refuse."""

import base64

from werkzeug.wrappers import Response

from tests.emulators.salesforce.api_call import Call, Rule, as_json, empty
from tests.emulators.salesforce.bulk import jobs_api, query_results
from tests.emulators.salesforce.bulk.jobs import ABORTED, CLOSED, COMPLETE, RUNNING, Job
from tests.emulators.salesforce.errors import Refusal
from tests.emulators.salesforce.limits import QUERY_JOBS
from tests.emulators.salesforce.soql import query
from tests.emulators.salesforce.soql.sql import Compiled

OPERATIONS = ("query", "queryAll")
PAGE_ROWS = 50_000
LAST_LOCATOR = "null"


def create(call: Call) -> Response:
    """POST /jobs/query: the job begins at once."""
    body = jobs_api.told(call)
    operation = jobs_api.choice(body, "operation", OPERATIONS, default=None)
    jobs_api.choice(body, "contentType", ("CSV",), default="CSV")
    text = str(body.get("query") or "")
    compiled = _compiled(call, text, sees_deleted=operation == "queryAll")
    if not call.org.limits.spend(QUERY_JOBS):
        raise Refusal(
            400, "EXCEEDEDQUOTA", "ExceededQuota : Too many query jobs in 24 hours"
        )
    job = jobs_api.new_job(
        call,
        body,
        kind="query",
        operation=operation,
        object_name=compiled.sobject.name,
    )
    job.query, job.state = text, CLOSED
    call.org.jobs.add(job)
    told = job.as_json()
    call.worker.take(job)
    return as_json(told)


def _compiled(call: Call, text: str, *, sees_deleted: bool) -> Compiled:
    """Read the query; what is wrong with it is an API_ERROR here."""
    if not text.strip():
        raise jobs_api.api_error("", "query")
    try:
        compiled = query.prepare(call.org, text, sees_deleted=sees_deleted)
    except Refusal as refusal:
        raise Refusal(400, "API_ERROR", refusal.message) from None
    if compiled.query.is_aggregate:
        raise Refusal(
            400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query"
        )
    return compiled


def listed(call: Call) -> Response:
    """GET /jobs/query: a page of them."""
    return as_json(jobs_api.listed(call, "query"))


def get(call: Call, job_id: str) -> Response:
    """GET /jobs/query/ID."""
    return as_json(_job(call, job_id).as_full_json())


def abort(call: Call, job_id: str) -> Response:
    """PATCH /jobs/query/ID: only to abort it."""
    job = _job(call, job_id)
    jobs_api.choice(jobs_api.told(call), "state", (ABORTED,), default=None)
    with call.org.jobs.lock:
        jobs_api.change(call, job, ABORTED)
        job.ended.set()
    return as_json(job.as_json(is_short=True))


def delete(call: Call, job_id: str) -> Response:
    """DELETE /jobs/query/ID: a job that has ended."""
    job = _job(call, job_id)
    with call.org.jobs.lock:
        if job.state in (CLOSED, RUNNING):
            raise Refusal(
                400,
                "API_ERROR",
                f"Deleting a Job that is {job.state} not allowed",
            )
        call.org.jobs.remove(job)
    return empty(204)


def results(call: Call, job_id: str) -> Response:
    """GET /jobs/query/ID/results: a page of rows, with its own header line.

    The page begins where `locator` says and has `maxRecords` rows at most.
    """
    job = _job(call, job_id)
    jobs_api.wait_for_end(job)
    if job.state != COMPLETE:
        raise jobs_api.wrong_state(f"Job is {job.state}, it has no results")
    start = _place(call.request.args.get("locator", ""))
    asked = call.request.args.get("maxRecords", "")
    most = int(asked) if asked.isdigit() and int(asked) > 0 else PAGE_ROWS
    page = query_results.page(call.org, job, start=start, most=most)
    response = jobs_api.csv_reply(
        call, page.path, head=page.head, start=page.start, end=page.end
    )
    end = str(start + page.rows).encode()
    locator = base64.urlsafe_b64encode(end).decode().rstrip("=")
    response.headers["Sforce-Locator"] = LAST_LOCATOR if page.is_last else locator
    response.headers["Sforce-NumberOfRecords"] = str(page.rows)
    return response


def _place(locator: str) -> int:
    if locator in ("", LAST_LOCATOR):
        return 0
    try:
        padded = locator + "=" * (-len(locator) % 4)
        return int(base64.urlsafe_b64decode(padded))
    except ValueError:
        raise Refusal(
            400, "INVALIDQUERYLOCATOR", "InvalidQueryLocator : invalid query locator"
        ) from None


def _job(call: Call, job_id: str) -> Job:
    return jobs_api.find(call, job_id, "query")


RULES: list[Rule] = [
    ("POST", "/jobs/query", create),
    ("GET", "/jobs/query", listed),
    ("GET", "/jobs/query/<job_id>", get),
    ("PATCH", "/jobs/query/<job_id>", abort),
    ("DELETE", "/jobs/query/<job_id>", delete),
    ("GET", "/jobs/query/<job_id>/results", results),
]
