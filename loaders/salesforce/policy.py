"""The knobs of a sync: what they limit, in which unit, and their defaults.

They come from the settings or from tests as one frozen object, and never change
during a sync. Nothing here is a secret or says where Salesforce is.
"""

from dataclasses import dataclass, field
from typing import Literal

MAX_COLLECTION_ROWS = 200
MAX_JOB_BYTES = 100_000_000


@dataclass(frozen=True)
class Patience:
    """How long to keep trying a request that fails for a passing reason.

    Times are seconds. `attempts` counts the first try. A server that asks for a
    longer pause than `max_wait_seconds` is taken at its word: the sync stops.
    """

    attempts: int = 6
    base_seconds: float = 1.0
    max_wait_seconds: float = 120.0
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 180.0


@dataclass(frozen=True)
class Brake:
    """When to stop before writing and ask a person.

    Ratios are shares of the rows that the object is known to have; `None` turns one
    off. Below `min_rows` known rows nothing is judged: shares of few rows say little.
    Changes are off by default because a day counter changes every row every night.
    `max_median_factor` is how many times a metric's median may grow or shrink since
    the last accepted values of the same records; medians below one count as one.
    """

    max_create_ratio: float | None = 0.5
    max_change_ratio: float | None = None
    max_null_ratio: float | None = 0.2
    max_median_factor: float | None = 2.0
    min_rows: int = 200


@dataclass(frozen=True)
class SyncPolicy:
    """How a sync behaves; the defaults are those of a normal night.

    `max_rejected_ratio` (of the mart's rows) and `max_rejected_rows`, whichever allows
    more, decide whether refused rows make the night incomplete. At most
    `bulk_above_rows` rows go through collections of 200, more through bulk jobs of at
    most `chunk_bytes` and `chunk_rows`. `send_attempts` is how often a row that failed
    for a passing reason is sent in one run. `retry_permanent`: send a row that
    Salesforce refused for good again on the next run, or only once its values changed.
    `abort_stuck_jobs`: abort a job that has not ended after `poll_timeout_seconds`,
    instead of leaving it to a later run.
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
    poll_first_seconds: float = 1.0
    poll_max_seconds: float = 30.0
    poll_timeout_seconds: float = 3_600.0
    abort_stuck_jobs: bool = False
    missing_rows: Literal["none", "blank", "flag"] = "none"
    missing_flag_field: str = "is_missing__c"
    retry_permanent: Literal["next_run", "when_changed"] = "next_run"
    read_back_rows: int = 0
    keep_spool: bool = False
    brake: Brake = field(default_factory=Brake)
    patience: Patience = field(default_factory=Patience)
