"""The options of a sync: the settings `NIGHTSHIFT_SALESFORCE__SYNC__*`.

Each field of `SyncPolicy` is a setting of that name, with its bounds; nested ones are
separated by `__`. `docs/salesforce.md` describes each one.
"""

from dataclasses import field
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.dataclasses import dataclass

MAX_COLLECTION_ROWS = 200  # Salesforce's limit for a collection
MAX_CHUNK_BYTES = 100_000_000  # of the 150 MB that Salesforce allows in base64
MAX_CHUNK_ROWS = 150_000_000  # Salesforce's limit for all bulk jobs of a day
MAX_ROWS_IN_MEMORY = 100_000  # collections and read-back samples are kept in memory
MAX_SECONDS = 86_400.0
MAX_HISTORY_DAYS = 36_500
OFF = "off"

STRICT = ConfigDict(extra="forbid")


def _off_is_none(value: object) -> object:
    is_off = isinstance(value, str) and value.strip().lower() == OFF
    return None if is_off else value


Ratio = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS)]
PositiveSeconds = Annotated[float, Field(gt=0, le=MAX_SECONDS)]
# A limit that `off` turns off.
MaxRatio = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False)] | None,
    BeforeValidator(_off_is_none),
]
MaxFactor = Annotated[
    Annotated[float, Field(ge=1, allow_inf_nan=False)] | None,
    BeforeValidator(_off_is_none),
]
FieldName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=255)
]


@dataclass(frozen=True, config=STRICT)
class RetryPolicy:
    """How long to retry a request that fails with a transient error.

    Times are seconds. `attempts` includes the first try. If the server asks for a
    longer pause than `max_wait_seconds`, the sync stops.
    """

    attempts: Annotated[int, Field(ge=1, le=20)] = 6
    base_seconds: Seconds = 1.0
    max_wait_seconds: Seconds = 120.0
    connect_timeout_seconds: PositiveSeconds = 10.0
    read_timeout_seconds: PositiveSeconds = 180.0


@dataclass(frozen=True, config=STRICT)
class SafetyThresholds:
    """When the safety check stops a sync before it writes.

    Ratios are relative to the object's records in the ledger; `None` (the setting
    `off`) turns a check off. With fewer than `min_rows` records nothing is checked,
    because ratios of few rows vary too much. `max_change_ratio` is off by default
    because `org_day__c` changes in every row every day. `max_missing_ratio` is for
    records whose row left the mart, if `missing_rows` changes them. `max_median_factor`
    is the largest factor by which a metric's median may differ from that of the values
    last accepted for the same records; medians below 1 count as 1.
    """

    max_create_ratio: MaxRatio = 0.5
    max_change_ratio: MaxRatio = None
    max_missing_ratio: MaxRatio = 0.2
    max_null_ratio: MaxRatio = 0.2
    max_median_factor: MaxFactor = 2.0
    min_rows: Annotated[int, Field(ge=0)] = 200


@dataclass(frozen=True, config=STRICT)
class SyncPolicy:
    """How a sync behaves.

    A sync is incomplete when more rows are rejected than both `max_rejected_ratio` (of
    the mart's rows) and `max_rejected_rows` allow, known rejects aside. Up to
    `bulk_above_rows` rows are sent as collections of `collection_rows`, more as bulk
    jobs of at most `chunk_bytes` and `chunk_rows`. `send_attempts` is how often one
    sync sends a row that fails with a transient error. A row that Salesforce rejected
    permanently is sent again by the next run or only once the cause has changed,
    according to `retry_permanent`.
    `abort_stuck_jobs` aborts a job that has not ended after `poll_timeout_seconds`
    instead of leaving it to a later run. `missing_rows` is what to do with records
    whose row is no longer in the mart: leave them, blank their mapped fields, or check
    the checkbox `missing_flag_field`. `read_back_rows` is the size of the sample that
    is read back after the sync. Values accepted more than `history_days` ago are
    deleted, except the latest of each key. With `accounts`, every run also updates the
    accounts.
    """

    max_rejected_ratio: Ratio = 0.0
    max_rejected_rows: Annotated[int, Field(ge=0)] = 0
    bulk_above_rows: Annotated[int, Field(ge=0, le=MAX_ROWS_IN_MEMORY)] = 2_000
    collection_rows: Annotated[int, Field(ge=1, le=MAX_COLLECTION_ROWS)] = (
        MAX_COLLECTION_ROWS
    )
    chunk_bytes: Annotated[int, Field(ge=1, le=MAX_CHUNK_BYTES)] = 50_000_000
    chunk_rows: Annotated[int, Field(ge=1, le=MAX_CHUNK_ROWS)] = 50_000
    send_attempts: Annotated[int, Field(ge=1, le=20)] = 4
    send_pause_seconds: Seconds = 5.0
    quota_reserve_ratio: Ratio = 0.1
    poll_first_seconds: PositiveSeconds = 0.25
    poll_max_seconds: PositiveSeconds = 30.0
    poll_timeout_seconds: PositiveSeconds = 3_600.0
    abort_stuck_jobs: bool = False
    missing_rows: Literal["leave", "blank", "flag"] = "leave"
    missing_flag_field: FieldName = "is_missing__c"
    retry_permanent: Literal["next_run", "when_changed"] = "next_run"
    read_back_rows: Annotated[int, Field(ge=0, le=MAX_ROWS_IN_MEMORY)] = 0
    history_days: Annotated[int, Field(ge=1, le=MAX_HISTORY_DAYS)] = 400
    accounts: bool = False
    safety_thresholds: SafetyThresholds = field(default_factory=SafetyThresholds)
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
