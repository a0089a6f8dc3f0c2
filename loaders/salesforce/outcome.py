"""What came of a sync: figures, verdict, and the refused rows as a CSV file.

Read from the workbook when all is done. Of the mart's rows each is accepted,
rejected (here or by Salesforce, now or held back from before, or left for later), or
unchanged; the three sum up.
"""

import csv
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from loaders.salesforce import diff, ledger
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.staging_db import SENDABLE, Workbook
from loaders.salesforce.verification import ReadBack

SAMPLE_ROWS = 10

SUCCESS = ledger.SUCCESS
REJECTED = "rejected"
DEFERRED = "deferred"
SUPERSEDED = "superseded"
ROLLED_BACK = "rolled_back"
DRY_RUN = "dry_run"


@dataclass(frozen=True)
class SyncResult:
    """One sync in figures; all counts are rows.

    `rejected` holds all rows not taken, of which `deferred` failed for passing
    reasons only and `held` were not sent because nothing about them changed.
    `status`: success, rejected (beyond the threshold), deferred, superseded (a later
    night was sent before), rolled_back, dry_run.
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
    verdicts: dict[str, int] = field(default_factory=dict)
    sample: tuple[diff.Change, ...] = ()
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    read_back: ReadBack | None = None

    @property
    def is_complete(self) -> bool:
        """Whether nothing needs a person or a later run."""
        return self.status not in (REJECTED, DEFERRED)

    @property
    def exit_code(self) -> int:
        """0 when complete, 2 when rows were rejected or left for later."""
        return 0 if self.is_complete else 2

    def figures(self) -> dict[str, object]:
        """Return the columns that the ledger of syncs keeps of it."""
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


def counted(workbook: Workbook) -> dict[str, int]:
    """Count what became of the rows, under the names of `SyncResult`."""
    verdicts = workbook.counts()
    accepted = workbook.number("select count(*) from rows where outcome = 'accepted'")
    refused = workbook.number("select count(*) from rows where outcome = 'rejected'")
    deferred = workbook.number(
        f"select count(*) from rows where {SENDABLE} and outcome is null"
    )
    held = verdicts.get("held", 0)
    return {
        "sent": workbook.number("select count(*) from rows where chunk is not null"),
        "accepted": accepted,
        "rejected": refused + deferred + held + verdicts.get("refused", 0),
        "unchanged": verdicts.get("unchanged", 0),
        "created": workbook.number(
            "select count(*) from rows where outcome = 'accepted' and is_created"
        ),
        "deferred": deferred,
        "held": held,
    }


def codes(workbook: Workbook) -> dict[str, int]:
    """Count the refused rows by code, the most frequent first."""
    query = (
        "select code, count(*) from (select key, code, row_number() over ("
        "partition by key, hash order by attempt desc, chunk desc) as recency"
        " from failures) where recency = 1 and key not in"
        " (select key from rows where outcome = 'accepted') group by 1 order by 2 desc"
    )
    return dict(workbook.database.execute(query))


def status(counts: dict[str, int], policy: SyncPolicy, *, rows: int) -> str:
    """Judge the figures by the policy's threshold."""
    if counts["deferred"]:
        return DEFERRED
    allowed = max(policy.max_rejected_ratio * rows, policy.max_rejected_rows or 0)
    return REJECTED if counts["rejected"] > allowed else SUCCESS


def write_rejects(workbook: Workbook, path: Path) -> Path | None:
    """Write every failure to a CSV file for people; None when there is none."""
    if not workbook.number("select count(*) from failures"):
        return None
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["key", "code", "message", "fields", "attempt", "job_id", "is_transient"]
        )
        for item in workbook.failures():
            writer.writerow(
                [
                    *(item.key, item.code, item.message, item.fields),
                    *(item.attempt, item.job_id, item.is_transient),
                ]
            )
    return path
