"""Quota: whether enough API requests and bulk batches are left for a sync.

Asked of `/limits` before anything is written. A user without the right to see limits
is answered 403; the number of requests is then taken from the `Sforce-Limit-Info`
header of earlier replies, and batches go unchecked, with a warning.
"""

from dataclasses import dataclass
from math import ceil

import structlog

from loaders.salesforce.client import Client
from loaders.salesforce.failures import ForbiddenError, QuotaExhaustedError
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.staging_db import Workbook

ROWS_PER_BATCH = 10_000
CALLS_PER_JOB = 30  # create, upload, close, three results, and polling

log = structlog.get_logger()


@dataclass(frozen=True)
class Need:
    """What a sync will use: API calls and bulk batches."""

    calls: int
    batches: int


@dataclass(frozen=True)
class Left:
    """What the org has left today and in all; None where nobody says."""

    calls: tuple[int, int] | None
    batches: tuple[int, int] | None


def needed(workbook: Workbook, policy: SyncPolicy) -> Need:
    """Reckon, on the safe side, what sending the pending rows takes."""
    rows, size = workbook.pending_size()
    if rows <= policy.bulk_above_rows:
        return Need(calls=ceil(rows / policy.collection_rows), batches=0)
    jobs = 1 + max(size // policy.chunk_bytes, rows // policy.chunk_rows)
    return Need(
        calls=jobs * CALLS_PER_JOB, batches=ceil(rows / ROWS_PER_BATCH) + jobs - 1
    )


def check(client: Client, need: Need, *, reserve_ratio: float) -> Left:
    """Compare the need with what is left, keeping a share of the whole in reserve.

    `QuotaExhaustedError` before anything is written when it does not suffice.
    """
    left = _left(client)
    short = [
        f"{wanted} {what} needed, {pair[0]} of {pair[1]} left, "
        f"{ceil(pair[1] * reserve_ratio)} of them kept in reserve"
        for what, wanted, pair in (
            ("API requests", need.calls, left.calls),
            ("bulk batches", need.batches, left.batches),
        )
        if pair and wanted and pair[0] - wanted < pair[1] * reserve_ratio
    ]
    if short:
        raise QuotaExhaustedError(
            "Salesforce's daily limits do not suffice: "
            + "; ".join(short)
            + ". Nothing was sent. Run again when the limits are free, or lower "
            "the reserve."
        )
    return left


def _left(client: Client) -> Left:
    try:
        limits = client.limits()
    except ForbiddenError:
        log.warning(
            "salesforce limits hidden from this user",
            instead="Sforce-Limit-Info",
            usage=client.usage,
        )
        if client.usage is None:
            return Left(calls=None, batches=None)
        used, allowed = client.usage
        return Left(calls=(allowed - used, allowed), batches=None)
    return Left(
        calls=_pair(limits.get("DailyApiRequests")),
        batches=_pair(limits.get("DailyBulkApiBatches")),
    )


def _pair(limit: dict[str, int] | None) -> tuple[int, int] | None:
    return None if limit is None else (limit["Remaining"], limit["Max"])
