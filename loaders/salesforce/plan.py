"""What a sync will send, would send (plans and dry runs), and has sent.

A plan and a dry run log in, because the org and the case sensitivity of the key matter.
They read the mart and the ledgers, and send and record nothing. A dry run also writes
the CSV files that would be uploaded. The rows of a sync are counted in its staging
database. Each row of the mart is accepted, rejected, unchanged or, if it can only
update a record, unmatched.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from loaders.config.settings import Salesforce as Settings
from loaders.ledger.drift import Drift
from loaders.salesforce import bulk, compare, drift, pairing, results, safety_check
from loaders.salesforce.context import (
    STAGING_DB_FILE,
    SyncContext,
    SyncRequest,
    context_for,
)
from loaders.salesforce.sobject_collections import Verification
from loaders.salesforce.staging_db import PENDING, StagingDb

SAMPLE_ROWS = 10
REJECTED = "rejected"
DEFERRED = "deferred"
SUPERSEDED = "superseded"
ROLLED_BACK = "rolled_back"
DRY_RUN = "dry_run"


@dataclass(frozen=True)
class Change:
    """One row to send: its key, its action, and each changed field as (old, new)."""

    key: str
    action: str
    fields: dict[str, tuple[str | None, str | None]]


@dataclass(frozen=True)
class SyncResult:
    """The result of one sync; all counts are rows.

    `rejected` counts all rows that were not accepted. Of these, `deferred` failed with
    transient errors only, `held` were not sent because they have not changed since
    Salesforce rejected them, and `known_rejects` are permanent and were reported for an
    earlier data date, so that they do not count again. `recovered` counts the accepted
    rows of interrupted syncs, `actions` all rows by action (see `compare`), `codes` the
    rejected ones by code.
    A dry run has a `sample` of the changes, the `files` that would be uploaded, and the
    `blockers` that would stop the sync (see `Plan`).
    `status`: success, rejected (more than the threshold), deferred, superseded (a later
    data date was already sent), rolled_back, dry_run. `unmatched` counts rows of an
    update-only mapping without a record in Salesforce.
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
    unmatched: int = 0
    deferred: int = 0
    held: int = 0
    known_rejects: int = 0
    recovered: int = 0
    job_ids: tuple[str, ...] = ()
    plan_id: str = ""
    started_at: datetime | None = None
    codes: dict[str, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    sample: tuple[Change, ...] = ()
    blockers: tuple[str, ...] = ()
    needs_approval: bool = False
    files: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    verification: Verification | None = None
    drift: Drift | None = None

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
            "known_rejects": self.known_rejects,
            "unchanged": self.unchanged,
            "created": self.created,
            "unmatched": self.unmatched,
            "job_ids": ",".join(self.job_ids),
            "plan_id": self.plan_id,
            "started_at": self.started_at,
        }


@dataclass(frozen=True)
class Plan:
    """What a sync would send; counts are rows.

    `actions` counts all rows by action (see `compare`), `fields` counts for each
    field the rows in which it would change, and `codes` counts the rejected rows by
    code. `changes` are the first rows to send, `blockers` the reasons why a sync would
    stop; if these include the safety check, the plan `needs_approval`.
    """

    plan_id: str
    actions: dict[str, int]
    fields: dict[str, int]
    changes: tuple[Change, ...]
    codes: dict[str, int]
    blockers: tuple[str, ...]
    needs_approval: bool
    drift: Drift | None = None


def make_plan(
    request: SyncRequest,
    settings: Settings,
    *,
    limit: int | None = 20,
    check_drift: bool = False,
) -> Plan:
    """Compare mart and ledger; `limit` is the number of changed rows, None for all.

    With `check_drift`, also compare all records of the object with the ledger.
    """
    with (
        context_for(request, settings) as context,
        TemporaryDirectory(prefix="nightshift-plan-") as folder,
        closing(
            StagingDb.create(
                Path(folder) / STAGING_DB_FILE, identity=context.sync.as_dict()
            )
        ) as staging_db,
    ):
        found = (
            drift.find(context, staging_db, is_complete=True) if check_drift else None
        )
        plan_id = prepare_rows(request, context, staging_db)
        blockers, needs_approval = safety_check.find_blockers(
            request, context, staging_db
        )
        fields: Counter[str] = Counter()
        for change in read_changes(staging_db):
            fields.update(list(change.fields))
        return Plan(
            plan_id=plan_id,
            actions=staging_db.count_by_action(),
            fields=dict(fields.most_common()),
            changes=tuple(read_changes(staging_db, limit=limit)),
            codes=results.count_codes(staging_db),
            blockers=blockers,
            needs_approval=needs_approval,
            drift=found,
        )


def prepare_rows(
    request: SyncRequest,
    context: SyncContext,
    staging_db: StagingDb,
    *,
    resend_all: bool = False,
) -> str:
    """Stage rows and state, assign actions, and return the id of the plan.

    With `resend_all`, unchanged rows are sent although they are not part of the plan.
    """
    full = request.full or request.repair_drift or resend_all
    with_missing = pairing.changes_missing_rows(request, context)
    if request.as_of:
        compare.load_rows_as_of(staging_db, context, request.as_of)
    else:
        compare.load_rows(
            staging_db,
            context,
            data_date=request.data_date,
            full=full,
            with_missing=with_missing,
        )
    compare.assign_actions(staging_db, context, full=full)
    if with_missing:
        pairing.add_missing_rows(staging_db, context)
    if request.only_rejected:
        compare.keep_only_rejected(staging_db)
    if request.repair_drift:
        compare.keep_only_drifted(staging_db)
    pairing.match_records(context, staging_db)
    return safety_check.compute_plan_id(staging_db, context, request)


def complete_dry_run(
    request: SyncRequest,
    context: SyncContext,
    staging_db: StagingDb,
    result: SyncResult,
) -> SyncResult:
    """Return the result of a dry run; its CSV files are kept."""
    counts = count_rows(staging_db)
    blockers, needs_approval = safety_check.find_blockers(request, context, staging_db)
    return replace(
        result,
        status=DRY_RUN,
        codes=results.count_codes(staging_db),
        files=tuple(
            file.path for file in bulk.write_chunk_files(context, staging_db, attempt=1)
        ),
        sample=tuple(read_changes(staging_db, limit=SAMPLE_ROWS)),
        blockers=blockers,
        needs_approval=needs_approval,
        unchanged=counts["unchanged"],
        unmatched=counts["unmatched"],
        rejected=counts["rejected"] - counts["deferred"],
        held=counts["held"],
        known_rejects=results.count_known_rejects(context, staging_db),
    )


def read_changes(
    staging_db: StagingDb, *, limit: int | None = None
) -> Iterator[Change]:
    """Yield the rows to send with their changed fields, in key order."""
    end = "" if limit is None else f" limit {int(limit)}"
    for key, action, new, old in staging_db.stream(
        "select rows.key, rows.action, rows.payload, coalesce(state.payload, '{}')"
        " from local.rows as rows"
        " left join local.state as state on state.folded_key = rows.folded_key"
        f" where {PENDING} order by rows.folded_key{end}"
    ):
        before, after = json.loads(old), json.loads(new)
        yield Change(
            key,
            action,
            {
                name: (before.get(name), text)
                for name, text in after.items()
                if before.get(name) != text
            },
        )


def count_rows(staging_db: StagingDb) -> dict[str, int]:
    """Count the rows by outcome, named like the attributes of `SyncResult`."""
    actions = staging_db.count_by_action()
    ((sent, accepted, rejected, created, deferred),) = staging_db.query(
        "select count(chunk), count(*) filter (outcome = 'accepted'),"
        " count(*) filter (outcome = 'rejected'),"
        " count(*) filter (outcome = 'accepted' and is_created),"
        f" count(*) filter ({PENDING}) from local.rows"
    )
    held = actions.get("held", 0)
    return {
        "sent": sent,
        "accepted": accepted,
        "rejected": rejected + deferred + held + actions.get("rejected", 0),
        "unchanged": actions.get("unchanged", 0),
        "created": created,
        "unmatched": pairing.count_unmatched(staging_db),
        "deferred": deferred,
        "held": held,
    }
