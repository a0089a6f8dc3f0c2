"""Web pages of the org: objects, records, jobs and the request log.

The pages are read-only and have no scripts. jinja2 escapes all values, because records
may contain HTML.
"""

import csv
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from werkzeug.wrappers import Response

from tests.emulators.salesforce import limits
from tests.emulators.salesforce.api_call import ApiCall, Rule
from tests.emulators.salesforce.bulk import processing, query_results
from tests.emulators.salesforce.bulk.jobs import DELIMITERS, Job
from tests.emulators.salesforce.errors import not_found
from tests.emulators.salesforce.objects import identifiers, values
from tests.emulators.salesforce.objects.schema import Field, SObject
from tests.emulators.salesforce.objects.store import Record

TEMPLATES = Path(__file__).with_name("templates")
HTML = "text/html; charset=utf-8"
ROWS_PER_PAGE = 50
REQUESTS_PER_PAGE = 100
OVERVIEW_REQUESTS = 15
OVERVIEW_JOBS = 15
SHOWN_LIMITS = (limits.REQUESTS, limits.BATCHES, limits.QUERY_JOBS)
HIDDEN_FIELDS = (
    "OwnerId",
    "IsDeleted",
    "CreatedById",
    "LastModifiedById",
    "SystemModstamp",
)

environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def overview(call: ApiCall) -> Response:
    """GET /: counts of objects, and the latest jobs and requests."""
    jobs = list(call.org.jobs)[::-1]
    return _html(
        "overview",
        call,
        objects=[
            (sobject, call.org.store.count_records(sobject))
            for sobject in call.org.schema
            if not sobject.is_read_only
        ],
        limits=[
            (name, limit["Max"], limit["Remaining"])
            for name, limit in call.org.limits.as_json().items()
            if name in SHOWN_LIMITS
        ],
        jobs=jobs[:OVERVIEW_JOBS],
        collections=call.org.collections.newest_first()[:OVERVIEW_JOBS],
        total_jobs=len(jobs),
        faults=call.org.faults.pending(),
        requests=call.org.log.entries()[: -OVERVIEW_REQUESTS - 1 : -1],
        total_requests=len(call.org.log.entries()),
    )


def records(call: ApiCall, name: str) -> Response:
    """GET /objects/X: its records, most recently changed first, and its fields."""
    sobject = call.sobject(name)
    page_number = _page_number(call)
    search = call.request.args.get("q", "").strip()
    total_records, rows = call.org.store.search(
        sobject, search, limit=ROWS_PER_PAGE, offset=(page_number - 1) * ROWS_PER_PAGE
    )
    shown_fields = [
        (position, field)
        for position, field in enumerate(sobject.fields)
        if field.name not in HIDDEN_FIELDS
    ]
    return _html(
        "object",
        call,
        sobject=sobject,
        fields=[field for _, field in shown_fields],
        rows=[
            [_display(field, record[position]) for position, field in shown_fields]
            for record in rows
        ],
        total_records=total_records,
        search=search,
        page_number=page_number,
        last_page=max(1, -(-total_records // ROWS_PER_PAGE)),
    )


def record(call: ApiCall, record_id: str) -> Response:
    """GET /ID: one record, as the links of Salesforce and of the report open it."""
    long_id = identifiers.canonical(record_id)
    prefix = (long_id or "")[: identifiers.PREFIX_LENGTH]
    for sobject in call.org.schema:
        if not prefix or sobject.key_prefix != prefix:
            continue
        found = call.org.store.get_by_ids(sobject, [long_id or ""]).get(long_id or "")
        if found is not None:
            return _record_page(call, sobject, found)
    raise not_found()


def _record_page(call: ApiCall, sobject: SObject, found: Record) -> Response:
    values_by_field = list(zip(sobject.fields, found, strict=True))
    names = [value for field, value in values_by_field if field.name_field and value]
    return _html(
        "record",
        call,
        sobject=sobject,
        record_id=found[0],
        title=names[0] if names else found[0],
        is_deleted=any(
            value for field, value in values_by_field if field.name == "IsDeleted"
        ),
        fields=[
            (field, _display(field, value))
            for field, value in values_by_field
            if field.name not in HIDDEN_FIELDS
        ],
    )


def _display(field: Field, value: Any) -> str:  # noqa: ANN401 - any field's value
    """Return a value for display, with as many decimals as the field has."""
    if value is not None and field.is_decimal:
        return f"{value:.{field.scale}f}"
    return values.to_csv(field, value)


def job_details(call: ApiCall, job_id: str) -> Response:
    """GET /jobs/ID: a job's attributes, and the first rows of its result files."""
    job = call.org.jobs.get(job_id, "ingest") or call.org.jobs.get(job_id, "query")
    if job is None:
        raise not_found()
    names = (
        (processing.FAILED_ROWS, processing.SUCCESSFUL, processing.UNPROCESSED)
        if job.kind == "ingest"
        else (Path(query_results.RESULTS).stem,)
    )
    folder = call.org.jobs.folder(job)
    return _html(
        "job",
        call,
        job=job,
        info=job.as_full_json(),
        max_rows=ROWS_PER_PAGE,
        files=[
            (name, *_first_rows(folder / f"{name}.csv", job))
            for name in names
            if (folder / f"{name}.csv").exists()
        ],
    )


def _first_rows(path: Path, job: Job) -> tuple[list[str], list[list[str]]]:
    """Return a file's header and its first rows."""
    with path.open(encoding="utf-8", newline="", errors="replace") as file:
        lines = csv.reader(file, delimiter=DELIMITERS[job.delimiter])
        rows = list(islice(lines, ROWS_PER_PAGE + 1))
    return (rows[0], rows[1:]) if rows else ([], [])


def jobs(call: ApiCall) -> Response:
    """GET /jobs: all jobs and requests of collections, newest first."""
    return _html(
        "jobs",
        call,
        jobs=list(call.org.jobs)[::-1],
        collections=call.org.collections.newest_first(),
    )


def collection(call: ApiCall, number: int) -> Response:
    """GET /collections/NUMBER: the results of one request."""
    found = call.org.collections.get(number)
    if found is None:
        raise not_found()
    return _html("collection", call, collection=found)


def lightning_record(call: ApiCall, name: str, record_id: str) -> Response:
    """GET /lightning/r/X/ID/view: the record's page."""
    call.sobject(name)
    return record(call, record_id)


def requests(call: ApiCall) -> Response:
    """GET /requests: the request log, newest first."""
    page_number = _page_number(call)
    entries = call.org.log.entries()[::-1]
    start = (page_number - 1) * REQUESTS_PER_PAGE
    return _html(
        "requests",
        call,
        requests=entries[start : start + REQUESTS_PER_PAGE],
        total_requests=len(entries),
        page_number=page_number,
        last_page=max(1, -(-len(entries) // REQUESTS_PER_PAGE)),
    )


def _page_number(call: ApiCall) -> int:
    page = call.request.args.get("page", "1")
    return max(1, int(page)) if page.isascii() and page.isdigit() else 1


def _html(name: str, call: ApiCall, **variables: object) -> Response:
    text = environment.get_template(f"{name}.html.jinja").render(
        org_name=call.org.name(),
        org_id=call.org.id,
        is_sandbox=call.org.is_sandbox(),
        **variables,
    )
    response = Response(text.encode(), 200, content_type=HTML)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    )
    response.headers["Cache-Control"] = "no-store"
    return response


RULES: list[Rule] = [
    ("GET", "/", overview),
    ("GET", "/objects/<name>", records),
    ("GET", "/jobs", jobs),
    ("GET", "/jobs/<job_id>", job_details),
    ("GET", "/collections/<int:number>", collection),
    ("GET", "/requests", requests),
    ("GET", "/lightning/r/<name>/<record_id>/view", lightning_record),
    ("GET", "/<record_id>", record),
]
