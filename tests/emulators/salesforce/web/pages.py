"""What a person sees in a browser: objects, records, jobs and the request log.

Read only and without scripts. Everything shown comes out of the org as it is; jinja2
escapes it, since names in the records may be HTML.
"""

import csv
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from werkzeug.wrappers import Response

from tests.emulators.salesforce import limits
from tests.emulators.salesforce.api_call import Call, Rule
from tests.emulators.salesforce.bulk import processing, query_results
from tests.emulators.salesforce.bulk.jobs import DELIMITERS, Job
from tests.emulators.salesforce.errors import not_found
from tests.emulators.salesforce.objects import values
from tests.emulators.salesforce.objects.schema import Field

PAGES = Path(__file__).with_name("templates")
HTML = "text/html; charset=utf-8"
ROWS = 50
REQUESTS = 100
OVERVIEW_REQUESTS = 15
OVERVIEW_JOBS = 15
SHOWN_LIMITS = (limits.REQUESTS, limits.BATCHES, limits.QUERY_JOBS)
HIDDEN = ("OwnerId", "IsDeleted", "CreatedById", "LastModifiedById", "SystemModstamp")

environment = Environment(
    loader=FileSystemLoader(PAGES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def overview(call: Call) -> Response:
    """GET /: the org at a glance."""
    jobs = list(call.org.jobs)[::-1]
    return _html(
        "overview",
        call,
        objects=[
            (item, call.org.store.count(item))
            for item in call.org.schema
            if not item.is_read_only
        ],
        limits=[
            (name, told["Max"], told["Remaining"])
            for name, told in call.org.limits.as_json().items()
            if name in SHOWN_LIMITS
        ],
        jobs=jobs[:OVERVIEW_JOBS],
        jobs_in_all=len(jobs),
        faults=call.org.faults.listed(),
        requests=call.org.log.entries()[: -OVERVIEW_REQUESTS - 1 : -1],
        requests_in_all=len(call.org.log.entries()),
    )


def records(call: Call, name: str) -> Response:
    """GET /objects/X: its records, the last changed first, and its fields."""
    sobject = call.sobject(name)
    number = _page_number(call)
    wanted = call.request.args.get("q", "").strip()
    found, rows = call.org.store.search(
        sobject, wanted, limit=ROWS, offset=(number - 1) * ROWS
    )
    shown = [
        (place, field)
        for place, field in enumerate(sobject.fields)
        if field.name not in HIDDEN
    ]
    return _html(
        "object",
        call,
        sobject=sobject,
        fields=[field for _, field in shown],
        rows=[
            [_shown(field, record[place]) for place, field in shown] for record in rows
        ],
        found=found,
        wanted=wanted,
        number=number,
        last=max(1, -(-found // ROWS)),
    )


def _shown(field: Field, value: Any) -> str:  # noqa: ANN401 - any field's value
    """Return a value for a person: a number with the digits that its field has."""
    if value is not None and field.is_decimal:
        return f"{value:.{field.scale}f}"
    return values.as_text(field, value)


def job(call: Call, job_id: str) -> Response:
    """GET /jobs/ID: what a job is, and the beginning of each of its files."""
    found = call.org.jobs.get(job_id, "ingest") or call.org.jobs.get(job_id, "query")
    if found is None:
        raise not_found()
    names = (
        (processing.FAILED_ROWS, processing.SUCCESSFUL, processing.UNPROCESSED)
        if found.kind == "ingest"
        else (Path(query_results.RESULTS).stem,)
    )
    folder = call.org.jobs.folder(found)
    return _html(
        "job",
        call,
        job=found,
        told=found.as_full_json(),
        most=ROWS,
        files=[
            (name, *_beginning(folder / f"{name}.csv", found))
            for name in names
            if (folder / f"{name}.csv").exists()
        ],
    )


def _beginning(path: Path, told: Job) -> tuple[list[str], list[list[str]]]:
    """Return a file's header and its first rows."""
    with path.open(encoding="utf-8", newline="", errors="replace") as file:
        lines = csv.reader(file, delimiter=DELIMITERS[told.delimiter])
        rows = list(islice(lines, ROWS + 1))
    return (rows[0], rows[1:]) if rows else ([], [])


def jobs(call: Call) -> Response:
    """GET /jobs: all of them, the newest first."""
    return _html("jobs", call, jobs=list(call.org.jobs)[::-1])


def requests(call: Call) -> Response:
    """GET /requests: the log, the newest first."""
    number = _page_number(call)
    entries = call.org.log.entries()[::-1]
    start = (number - 1) * REQUESTS
    return _html(
        "requests",
        call,
        requests=entries[start : start + REQUESTS],
        requests_in_all=len(entries),
        number=number,
        last=max(1, -(-len(entries) // REQUESTS)),
    )


def _page_number(call: Call) -> int:
    told = call.request.args.get("page", "1")
    return max(1, int(told)) if told.isascii() and told.isdigit() else 1


def _html(name: str, call: Call, **told: object) -> Response:
    text = environment.get_template(f"{name}.html.jinja").render(
        org_name=call.org.name(),
        org_id=call.org.id,
        is_sandbox=call.org.is_sandbox(),
        **told,
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
    ("GET", "/jobs/<job_id>", job),
    ("GET", "/requests", requests),
]
