"""The options of a sync, with their units and defaults."""

from dataclasses import dataclass, field
from typing import Literal

MAX_COLLECTION_ROWS = 200


@dataclass(frozen=True)
class RetryPolicy:
    """How long to retry a request that fails with a transient error.

    Times are seconds. `attempts` includes the first try. If the server asks for a
    longer pause than `max_wait_seconds`, the sync stops.
    """

    attempts: int = 6
    base_seconds: float = 1.0
    max_wait_seconds: float = 120.0
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 180.0


@dataclass(frozen=True)
class SafetyThresholds:
    """When the safety check stops a sync before it writes.

    Ratios are relative to the object's records in the ledger; `None` turns a check off.
    With fewer than `min_rows` records nothing is checked, because ratios of few rows
    vary too much. `max_change_ratio` is off by default because `org_day__c` changes in
    every row every day. `max_median_factor` is the largest factor by which a metric's
    median may differ from that of the values last accepted for the same records;
    medians below 1 count as 1.
    """

    max_create_ratio: float | None = 0.5
    max_change_ratio: float | None = None
    max_null_ratio: float | None = 0.2
    max_median_factor: float | None = 2.0
    min_rows: int = 200


@dataclass(frozen=True)
class SyncPolicy:
    """How a sync behaves.

    A sync is incomplete when more rows are rejected than both `max_rejected_ratio` (of
    the mart's rows) and `max_rejected_rows` allow. Up to `bulk_above_rows` rows are
    sent as collections of `collection_rows`, more as bulk jobs of at most `chunk_bytes`
    and `chunk_rows`. `send_attempts` is how often one sync sends a row that fails with
    a transient error. A row that Salesforce rejected permanently is sent again by the
    next run or only once it has changed, according to `retry_permanent`.
    `abort_stuck_jobs` aborts a job that has not ended after `poll_timeout_seconds`
    instead of leaving it to a later run. `missing_rows` is what to do with records
    whose row is no longer in the mart. `read_back_rows` is the size of the sample that
    is read back after the sync. Values accepted more than `history_days` ago are
    deleted, except the latest of each key.
    """

    max_rejected_ratio: float = 0.0
    max_rejected_rows: int | None = None
    bulk_above_rows: int = 2_000
    collection_rows: int = MAX_COLLECTION_ROWS
    chunk_bytes: int = 50_000_000
    chunk_rows: int = 50_000
    send_attempts: int = 4
    send_pause_seconds: float = 5.0
    quota_reserve_ratio: float = 0.1
    poll_first_seconds: float = 0.5
    poll_max_seconds: float = 30.0
    poll_timeout_seconds: float = 3_600.0
    abort_stuck_jobs: bool = False
    missing_rows: Literal["none", "blank", "flag"] = "none"
    missing_flag_field: str = "is_missing__c"
    retry_permanent: Literal["next_run", "when_changed"] = "next_run"
    read_back_rows: int = 0
    keep_spool: bool = False
    history_days: int = 400
    safety_thresholds: SafetyThresholds = field(default_factory=SafetyThresholds)
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
