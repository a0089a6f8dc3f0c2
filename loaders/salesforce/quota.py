"""Check that the Salesforce org has enough API requests and bulk batches left.

The limits come from `/limits`. If the user may not read them, the number of requests is
taken from the `Sforce-Limit-Info` header of earlier responses, and batches are not
checked.
"""

from dataclasses import dataclass
from math import ceil

import structlog

from loaders.salesforce.client import Client
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.request_errors import ForbiddenError, QuotaExhaustedError
from loaders.salesforce.staging_db import StagingDb

ROWS_PER_BATCH = 10_000
REQUESTS_PER_JOB = 30  # create, upload, close, three result files, and polling

log = structlog.get_logger()


@dataclass(frozen=True)
class RequiredQuota:
    """The number of API requests and bulk batches that a sync will use."""

    requests: int
    batches: int


@dataclass(frozen=True)
class RemainingQuota:
    """What remains of today's limits as (remaining, maximum); None if unknown."""

    requests: tuple[int, int] | None
    batches: tuple[int, int] | None


def estimate_required(staging_db: StagingDb, policy: SyncPolicy) -> RequiredQuota:
    """Return an upper estimate of what sending the pending rows will use."""
    rows, size = staging_db.pending_size()
    if rows <= policy.bulk_above_rows:
        return RequiredQuota(requests=ceil(rows / policy.collection_rows), batches=0)
    jobs = 1 + max(size // policy.chunk_bytes, rows // policy.chunk_rows)
    return RequiredQuota(
        requests=jobs * REQUESTS_PER_JOB,
        batches=ceil(rows / ROWS_PER_BATCH) + jobs - 1,
    )


def check(
    client: Client, required: RequiredQuota, *, reserve_ratio: float
) -> RemainingQuota:
    """Check that enough quota remains for a sync, and return what remains.

    Raises `QuotaExhaustedError` when less than `reserve_ratio` of a limit would remain.
    """
    remaining = _read_remaining(client)
    shortages = [
        f"{count} {resource} needed, {limit[0]} of {limit[1]} left, of which "
        f"{ceil(limit[1] * reserve_ratio)} are kept in reserve"
        for resource, count, limit in (
            ("API requests", required.requests, remaining.requests),
            ("bulk batches", required.batches, remaining.batches),
        )
        if limit and count and limit[0] - count < limit[1] * reserve_ratio
    ]
    if shortages:
        raise QuotaExhaustedError(
            "Too little of Salesforce's daily limits remains for this sync: "
            + "; ".join(shortages)
            + ". Nothing was sent. Run again after the limits reset."
        )
    return remaining


def _read_remaining(client: Client) -> RemainingQuota:
    try:
        limits = client.limits()
    except ForbiddenError:
        log.warning(
            "the user may not read /limits; bulk batches are not checked",
            read_instead="Sforce-Limit-Info header",
            usage=client.usage,
        )
        if client.usage is None:
            return RemainingQuota(requests=None, batches=None)
        used, allowed = client.usage
        return RemainingQuota(requests=(allowed - used, allowed), batches=None)
    return RemainingQuota(
        requests=_remaining_and_max(limits.get("DailyApiRequests")),
        batches=_remaining_and_max(limits.get("DailyBulkApiBatches")),
    )


def _remaining_and_max(limit: dict[str, int] | None) -> tuple[int, int] | None:
    return None if limit is None else (limit["Remaining"], limit["Max"])
