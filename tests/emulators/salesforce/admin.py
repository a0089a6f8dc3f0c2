"""The hand behind the org: faults, limits, sessions, fields, jobs, while it runs.

For tests and people on this machine, not part of Salesforce: no session is wanted, no
fault strikes here, and nothing of it is in the request log.
"""

from typing import Any

from werkzeug.wrappers import Response

from tests.emulators.salesforce import faults
from tests.emulators.salesforce.api_call import Call, Rule, as_json, empty
from tests.emulators.salesforce.bulk.jobs import Job
from tests.emulators.salesforce.errors import Refusal, not_found
from tests.emulators.salesforce.objects import composite, schema_file


def overview(call: Call) -> Response:
    """GET /admin: counts of everything."""
    org = call.org
    return as_json(
        {
            "organization": org.id,
            "is_sandbox": org.is_sandbox(),
            "objects": {
                item.name: org.store.count(item)
                for item in org.schema
                if not item.is_read_only
            },
            "jobs": {job.id: job.state for job in org.jobs},
            "stuck_jobs": sorted(call.worker.stuck),
            "sessions": len(org.tokens()),
            "faults": org.faults.listed(),
            "requests": len(org.log.entries()),
        }
    )


def list_faults(call: Call) -> Response:
    """GET /admin/faults: what is still to come."""
    return as_json(call.org.faults.listed())


def add_faults(call: Call) -> Response:
    """POST /admin/faults: one fault or a list of them."""
    told = call.json()
    try:
        made = [
            faults.make(item) for item in (told if isinstance(told, list) else [told])
        ]
    except (TypeError, ValueError) as error:
        raise Refusal(400, "INVALID_FAULT", str(error)) from None
    call.org.faults.add(*made)
    return as_json(call.org.faults.listed(), 201)


def clear_faults(call: Call) -> Response:
    """DELETE /admin/faults."""
    call.org.faults.clear()
    return empty(204)


def requests(call: Call) -> Response:
    """GET /admin/requests: the log, oldest first."""
    return as_json(call.org.log.entries())


def forget_requests(call: Call) -> Response:
    """DELETE /admin/requests: begin the log anew; the file keeps all."""
    call.org.log.clear()
    return empty(204)


def set_limits(call: Call) -> Response:
    """POST /admin/limits: `{"DailyApiRequests": {"Max": 1000, "Remaining": 3}}`."""
    for name, told in call.json().items():
        call.org.limits.set(name, allowed=told.get("Max"), left=told["Remaining"])
    return as_json(call.org.limits.as_json())


def end_sessions(call: Call) -> Response:
    """DELETE /admin/sessions: every issued token ends."""
    call.org.end_sessions()
    return empty(204)


def change_organization(call: Call) -> Response:
    """PATCH /admin/organization: `{"IsSandbox": false}`."""
    told = call.json()
    item = call.sobject("Organization")
    unknown = [name for name in told if item.field(name) is None]
    if unknown:
        raise Refusal(400, "INVALID_FIELD", f"Organization has no {unknown[0]}")
    call.org.change_organization(**told)
    return empty(204)


def release_job(call: Call, job_id: str) -> Response:
    """POST /admin/jobs/ID/release: let a stuck job go on."""
    job = _any_job(call, job_id)
    if job.id in call.worker.stuck:
        call.worker.release(job)
    return empty(204)


def expire_job(call: Call, job_id: str) -> Response:
    """DELETE /admin/jobs/ID: as if its seven days were over, in any state."""
    call.org.jobs.remove(_any_job(call, job_id))
    return empty(204)


def _any_job(call: Call, job_id: str) -> Job:
    found = call.org.jobs.get(job_id, "ingest") or call.org.jobs.get(job_id, "query")
    if found is None:
        raise not_found()
    return found


def records(call: Call, name: str) -> Response:
    """GET /admin/records/X: all of them, deleted ones too."""
    sobject = call.sobject(name)
    return as_json(
        [
            composite.record(call, sobject, record, [])
            for record in call.org.store.all(sobject)
        ]
    )


def remove_records(call: Call, name: str) -> Response:
    """DELETE /admin/records/X: all of them, for good."""
    call.org.store.remove_all(call.sobject(name))
    return empty(204)


def put_field(call: Call, name: str) -> Response:
    """POST /admin/objects/X/fields: add a field, or change the one of its name."""
    sobject = call.sobject(name)
    told: dict[str, Any] = call.json()
    try:
        made = schema_file.field(told)
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(400, "INVALID_FIELD", str(error)) from None
    call.org.add_object(call.org.schema.add_field(sobject.name, made))
    return empty(204)


def drop_field(call: Call, name: str, field: str) -> Response:
    """DELETE /admin/objects/X/fields/F: hide it, as field-level security does."""
    sobject = call.sobject(name)
    if sobject.field(field) is None:
        raise not_found()
    call.org.schema.drop_field(sobject.name, field)
    return empty(204)


RULES: list[Rule] = [
    ("GET", "/admin", overview),
    ("GET", "/admin/faults", list_faults),
    ("POST", "/admin/faults", add_faults),
    ("DELETE", "/admin/faults", clear_faults),
    ("GET", "/admin/requests", requests),
    ("DELETE", "/admin/requests", forget_requests),
    ("POST", "/admin/limits", set_limits),
    ("DELETE", "/admin/sessions", end_sessions),
    ("PATCH", "/admin/organization", change_organization),
    ("POST", "/admin/jobs/<job_id>/release", release_job),
    ("DELETE", "/admin/jobs/<job_id>", expire_job),
    ("GET", "/admin/records/<name>", records),
    ("DELETE", "/admin/records/<name>", remove_records),
    ("POST", "/admin/objects/<name>/fields", put_field),
    ("DELETE", "/admin/objects/<name>/fields/<field>", drop_field),
]
