"""Admin API: change faults, limits, sessions, fields and jobs while the org runs.

This API is for tests and is not part of Salesforce. Its requests need no session, are
not affected by faults, and are not in the request log.
"""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce import faults
from tests.emulators.salesforce.api_call import (
    ApiCall,
    Rule,
    empty_response,
    json_response,
)
from tests.emulators.salesforce.bulk.jobs import Job
from tests.emulators.salesforce.errors import ApiError, not_found
from tests.emulators.salesforce.objects import composite, schema_file


def overview(call: ApiCall) -> Response:
    """GET /admin: record counts, jobs, sessions, faults and requests."""
    org = call.org
    return json_response(
        {
            "organization": org.id,
            "is_sandbox": org.is_sandbox(),
            "objects": {
                sobject.name: org.store.count_records(sobject)
                for sobject in org.schema
                if not sobject.is_read_only
            },
            "jobs": {job.id: job.state for job in org.jobs},
            "stuck_jobs": sorted(call.worker.stuck),
            "sessions": len(org.tokens()),
            "faults": org.faults.pending(),
            "requests": len(org.log.entries()),
        }
    )


def list_faults(call: ApiCall) -> Response:
    """GET /admin/faults: the pending faults."""
    return json_response(call.org.faults.pending())


def add_faults(call: ApiCall) -> Response:
    """POST /admin/faults: one fault or a list of them."""
    body = call.json()
    entries = body if isinstance(body, list) else [body]
    try:
        added = [faults.parse_fault(entry) for entry in entries]
    except (TypeError, ValueError) as error:
        raise ApiError(400, "INVALID_FAULT", str(error)) from None
    call.org.faults.add(*added)
    return json_response(call.org.faults.pending(), 201)


def clear_faults(call: ApiCall) -> Response:
    """DELETE /admin/faults: remove all pending faults."""
    call.org.faults.clear()
    return empty_response(204)


def list_requests(call: ApiCall) -> Response:
    """GET /admin/requests: the request log, oldest first."""
    return json_response(call.org.log.entries())


def clear_requests(call: ApiCall) -> Response:
    """DELETE /admin/requests: empty the log in memory; the file keeps all entries."""
    call.org.log.clear()
    return empty_response(204)


def set_limits(call: ApiCall) -> Response:
    """POST /admin/limits: `{"DailyApiRequests": {"Max": 1000, "Remaining": 3}}`."""
    for name, limit in call.json().items():
        call.org.limits.set(
            name, maximum=limit.get("Max"), remaining=limit["Remaining"]
        )
    return json_response(call.org.limits.as_json())


def end_sessions(call: ApiCall) -> Response:
    """DELETE /admin/sessions: end every issued session."""
    call.org.end_sessions()
    return empty_response(204)


def update_organization(call: ApiCall) -> Response:
    """PATCH /admin/organization: `{"IsSandbox": false}`."""
    changes = call.json()
    organization = call.sobject("Organization")
    unknown = [name for name in changes if organization.field(name) is None]
    if unknown:
        raise ApiError(400, "INVALID_FIELD", f"Organization has no field {unknown[0]}.")
    call.org.update_organization(**changes)
    return empty_response(204)


def release_job(call: ApiCall, job_id: str) -> Response:
    """POST /admin/jobs/ID/release: resume a stuck job."""
    job = _find_job(call, job_id)
    if job.id in call.worker.stuck:
        call.worker.release(job)
    return empty_response(204)


def expire_job(call: ApiCall, job_id: str) -> Response:
    """DELETE /admin/jobs/ID: remove a job in any state, as after seven days."""
    call.org.jobs.remove(_find_job(call, job_id))
    return empty_response(204)


def _find_job(call: ApiCall, job_id: str) -> Job:
    job = call.org.jobs.get(job_id, "ingest") or call.org.jobs.get(job_id, "query")
    if job is None:
        raise not_found()
    return job


def list_records(call: ApiCall, name: str) -> Response:
    """GET /admin/records/X: all records, including deleted ones."""
    sobject = call.sobject(name)
    return json_response(
        [
            composite.record_json(call, sobject, record, [])
            for record in call.org.store.all_records(sobject)
        ]
    )


def delete_records(call: ApiCall, name: str) -> Response:
    """DELETE /admin/records/X: delete all records permanently."""
    call.org.store.delete_all(call.sobject(name))
    return empty_response(204)


def put_field(call: ApiCall, name: str) -> Response:
    """POST /admin/objects/X/fields: add a field, or replace the one of its name."""
    sobject = call.sobject(name)
    body: dict[str, Any] = call.json()
    try:
        field = schema_file.parse_field(body)
    except (KeyError, TypeError, ValueError) as error:
        raise ApiError(400, "INVALID_FIELD", str(error)) from None
    call.org.add_object(call.org.schema.add_field(sobject.name, field))
    return empty_response(204)


def drop_field(call: ApiCall, name: str, field: str) -> Response:
    """DELETE /admin/objects/X/fields/F: hide it, as field-level security does.

    The record values are kept.
    """
    sobject = call.sobject(name)
    if sobject.field(field) is None:
        raise not_found()
    call.org.schema.drop_field(sobject.name, field)
    return empty_response(204)


RULES: list[Rule] = [
    ("GET", "/admin", overview),
    ("GET", "/admin/faults", list_faults),
    ("POST", "/admin/faults", add_faults),
    ("DELETE", "/admin/faults", clear_faults),
    ("GET", "/admin/requests", list_requests),
    ("DELETE", "/admin/requests", clear_requests),
    ("POST", "/admin/limits", set_limits),
    ("DELETE", "/admin/sessions", end_sessions),
    ("PATCH", "/admin/organization", update_organization),
    ("POST", "/admin/jobs/<job_id>/release", release_job),
    ("DELETE", "/admin/jobs/<job_id>", expire_job),
    ("GET", "/admin/records/<name>", list_records),
    ("DELETE", "/admin/records/<name>", delete_records),
    ("POST", "/admin/objects/<name>/fields", put_field),
    ("DELETE", "/admin/objects/<name>/fields/<field>", drop_field),
]
