"""The outcome of a sync: its row counts, its status, and a CSV file of rejected rows.

The rows are counted in the staging database after the last row was sent. Each row of
the mart is accepted, rejected or unchanged, so the three add up to the mart's rows.
"""

import csv
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from loaders.salesforce import diff, ledger
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.staging_db import SENDABLE, StagingDb
from loaders.salesforce.verification import Verification

SAMPLE_ROWS = 10

SUCCESS = ledger.SUCCESS
REJECTED = "rejected"
DEFERRED = "deferred"
SUPERSEDED = "superseded"
ROLLED_BACK = "rolled_back"
DRY_RUN = "dry_run"


@dataclass(frozen=True)
class SyncResult:
    """The result of one sync; all counts are rows.

    `rejected` counts all rows that were not accepted. Of these, `deferred` failed with
    transient errors only, and `held` were not sent because they have not changed since
    Salesforce rejected them. `recovered` counts the accepted rows of interrupted syncs,
    `actions` all rows by action (see `diff`), `codes` the rejected rows by error code.
    `status`: success, rejected (more than the threshold), deferred, superseded (a later
    data date was already sent), rolled_back, dry_run.
    """

    sync_id: str
    object: str
    data_date: date
    status: str
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    unchanged: int = 0
    created: int = 0
    deferred: int = 0
    held: int = 0
    recovered: int = 0
    job_ids: tuple[str, ...] = ()
    plan_id: str = ""
    started_at: datetime | None = None
    codes: dict[str, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    sample: tuple[diff.Change, ...] = ()
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    verification: Verification | None = None

    @property
    def is_complete(self) -> bool:
        """Whether no rejected row needs a correction and no row must be sent again."""
        return self.status not in (REJECTED, DEFERRED)

    @property
    def exit_code(self) -> int:
        """0 when complete, 2 when rows were rejected or deferred."""
        return 0 if self.is_complete else 2

    def ledger_columns(self) -> dict[str, Any]:
        """Return the result's columns of `ops.salesforce_syncs`."""
        return {
            "status": self.status,
            "sent": self.sent,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "unchanged": self.unchanged,
            "created": self.created,
            "job_ids": ",".join(self.job_ids),
            "plan_id": self.plan_id,
            "started_at": self.started_at,
        }


def count_rows(staging_db: StagingDb) -> dict[str, int]:
    """Count the rows by outcome, named like the attributes of `SyncResult`."""
    actions = staging_db.count_by_action()
    accepted = staging_db.query_int(
        "select count(*) from rows where outcome = 'accepted'"
    )
    rejected = staging_db.query_int(
        "select count(*) from rows where outcome = 'rejected'"
    )
    deferred = staging_db.query_int(
        f"select count(*) from rows where {SENDABLE} and outcome is null"
    )
    held = actions.get("held", 0)
    return {
        "sent": staging_db.query_int(
            "select count(*) from rows where chunk is not null"
        ),
        "accepted": accepted,
        "rejected": rejected + deferred + held + actions.get("rejected", 0),
        "unchanged": actions.get("unchanged", 0),
        "created": staging_db.query_int(
            "select count(*) from rows where outcome = 'accepted' and is_created"
        ),
        "deferred": deferred,
        "held": held,
    }


def count_codes(staging_db: StagingDb) -> dict[str, int]:
    """Count the rejected rows by error code, most frequent first."""
    query = (
        "select code, count(*) from (select key, code, row_number() over ("
        "partition by key, hash order by attempt desc, chunk desc) as recency"
        " from failures) where recency = 1 and key not in"
        " (select key from rows where outcome = 'accepted') group by 1 order by 2 desc"
    )
    return dict(staging_db.database.execute(query))


def decide_status(counts: dict[str, int], policy: SyncPolicy, *, rows: int) -> str:
    """Return deferred, rejected or success by the policy's reject threshold."""
    if counts["deferred"]:
        return DEFERRED
    allowed = max(policy.max_rejected_ratio * rows, policy.max_rejected_rows or 0)
    return REJECTED if counts["rejected"] > allowed else SUCCESS


def write_rejects(staging_db: StagingDb, path: Path) -> Path | None:
    """Write every failed attempt to a CSV file; return None if there is none."""
    if not staging_db.query_int("select count(*) from failures"):
        return None
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["key", "code", "message", "fields", "attempt", "job_id", "is_transient"]
        )
        for item in staging_db.failures():
            writer.writerow(
                [
                    *(item.key, item.code, item.message, item.fields),
                    *(item.attempt, item.job_id, item.is_transient),
                ]
            )
    return path
