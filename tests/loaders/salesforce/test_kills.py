"""A sync that is killed at any place of docs/salesforce.md, or meets any fault.

Each row kills one sync, on the same mart and Salesforce org, with other values than the
sync before; the next sync must finish it.
"""

from dataclasses import replace

import pytest

from loaders.config.salesforce_policy import SyncPolicy
from tests.loaders.salesforce.fault_injection import Place, check_writes, sync_killed_at
from tests.loaders.salesforce.fixtures import (
    BULK,
    FAST,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    org_row,
)

PATHS = {
    "collections": replace(FAST, collection_rows=5),
    "bulk": replace(BULK, chunk_rows=4),
}
BEFORE_SENDING = [
    Place("before", "GET .*/describe"),
    Place("before", "insert into local.identity"),
    Place("after", "detach local"),
    Place("before", 'insert into "ops"."salesforce_jobs"'),
    Place("after", 'insert into "ops"."salesforce_jobs"'),
]
RECORDING = [
    Place("before", 'insert into "ops"."salesforce_rows"'),
    Place("after", "replace state"),
    Place("after", "chunks Recorded"),
    Place("before", 'insert into "ops"."salesforce_syncs"'),
    Place("after", 'insert into "ops"."salesforce_syncs"'),
]
COLLECTIONS = [
    *BEFORE_SENDING,
    Place("before", "PATCH .*/composite/"),
    Place("after", "PATCH .*/composite/"),
    Place("after", "insert into local.results"),
    Place("before", "PATCH .*/composite/", 2),
    Place("after", "PATCH .*/composite/", 2),
    Place("after", "update local.rows set outcome = 'rejected'", 2),
    Place("after", "PATCH .*/composite/", 3),
    *RECORDING,
]
JOBS = [
    *BEFORE_SENDING,
    Place("before", "POST .*/jobs/ingest$"),
    Place("after", "POST .*/jobs/ingest$"),
    Place("after", "chunks Open"),
    Place("after", "PUT .*/batches$"),
    Place("before", "PATCH .*/jobs/ingest/"),
    Place("after", "PATCH .*/jobs/ingest/"),
    Place("before", "POST .*/jobs/ingest$", 2),
    Place("after", "PUT .*/batches$", 3),
    Place("before", "GET .*/jobs/ingest/[^/]*$"),
    Place("after", "GET .*/jobs/ingest/[^/]*$", 2),
    Place("before", "GET .*/successfulResults$"),
    Place("after", "GET .*/unprocessedrecords$"),
    *RECORDING,
    Place("before", 'insert into "ops"."salesforce_rows"', 3),
]
PLACES = {"collections": COLLECTIONS, "bulk": JOBS}


def _rows(hosts: int) -> list:
    rows = [org_row(str(n), hosts=1000 * hosts + n) for n in range(10)]
    return [*rows, org_row("bad", billing_plan=REJECTED_PLAN, hosts=hosts)]


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_sync_killed_at_each_place_is_finished_by_the_next_one(
    mart: Mart, salesforce: SalesforceOrg, path: str
) -> None:
    policy = PATHS[path]
    for number, place in enumerate(PLACES[path]):
        rows = _rows(number)
        mart.fill(rows)
        assert sync_killed_at(place, mart, salesforce, policy=policy), place
        result = salesforce.sync(policy)
        assert result.rejected == 1, place
        check_writes(mart, salesforce, rows)
    assert salesforce.sync(policy).sent == 1  # only the rejected row


HTML = {"status": 200, "body": "<html>maintenance</html>"}
CONCURRENT = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
# Faults of each request that sends, and of jobs and rows.
FAULTS: list[tuple[str, dict[str, object]]] = [
    ("unavailable", {"times": 2, "headers": {"Retry-After": "0"}}),
    ("answer", {"status": 429, "headers": {"Retry-After": "0"}}),
    ("answer", {"status": 500, "code": "UNKNOWN_EXCEPTION"}),
    ("over_limit", {"message": CONCURRENT, "times": 2}),
    ("expire_tokens", {}),
    ("cut_before", {}),
    ("cut_after", {}),
    ("answer", HTML),
    ("replace", HTML),
    ("answer", {"status": 307, "headers": {"Location": "https://other.example/"}}),
]
JOB_FAULTS: list[tuple[str, dict[str, object]]] = [
    ("lock", {"rows": 3, "attempts": 2}),
    ("lock", {"code": "CANNOT_EXECUTE_FLOW_TRIGGER", "message": "UNABLE_TO_LOCK_ROW,"}),
    ("fail_job", {"rows": 2, "message": "InternalServerError : took too long"}),
    ("stick_job", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_sync_with_any_fault_sends_each_row_once(
    mart: Mart, salesforce: SalesforceOrg, path: str
) -> None:
    policy: SyncPolicy = replace(PATHS[path], send_attempts=8)
    requests = (
        ["PATCH /composite/"]
        if path == "collections"
        else ["POST /jobs/ingest$", "PUT /batches$", "PATCH /jobs/ingest/"]
    )
    cases = [(request, *fault) for request in requests for fault in FAULTS]
    cases += [("", *fault) for fault in JOB_FAULTS if path == "bulk" or "lock" in fault]
    for number, (request, kind, options) in enumerate(cases):
        rows = _rows(number)[:10]
        mart.fill(rows)
        if request:
            method, _, url = request.partition(" ")
            salesforce.inject_fault(method, url, kind, after=1, **options)
        else:
            salesforce.inject_job_fault(kind, **options)
        seconds = 0.5 if kind == "stick_job" else policy.poll_timeout_seconds
        result = salesforce.sync(
            replace(policy, poll_timeout_seconds=seconds, abort_stuck_jobs=seconds < 1)
        )
        assert (result.exit_code, result.accepted) == (0, 10), (request, kind, options)
        assert salesforce.org.faults.pending() == [], (request, kind, options)
        check_writes(mart, salesforce, rows)
