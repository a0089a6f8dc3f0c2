"""The plan that `nightshift salesforce diff` prints: what a sync would send.

Making it logs in, because the org and the case sensitivity of the key matter. It reads
the mart and the ledgers and writes nothing.
"""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from loaders.config.settings import Salesforce as Settings
from loaders.salesforce import diff, dry_run, outcome, sync
from loaders.salesforce.context import STAGING_DB_FILE
from loaders.salesforce.diff import Change
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.staging_db import StagingDb
from loaders.salesforce.sync import SyncRequest


@dataclass(frozen=True)
class Plan:
    """What a sync would send; counts are rows.

    `actions` counts all rows by action (see `diff`), `fields` counts for each field
    the rows in which it would change, and `codes` counts the rejected rows by code.
    `changes` are the first rows to send, `blockers` the reasons why a sync would stop.
    """

    plan_id: str
    actions: dict[str, int]
    fields: dict[str, int]
    changes: tuple[Change, ...]
    codes: dict[str, int]
    blockers: tuple[str, ...]


def make_plan(
    request: SyncRequest,
    settings: Settings,
    *,
    policy: SyncPolicy | None = None,
    limit: int | None = 20,
) -> Plan:
    """Compare mart and ledger; `limit` is the number of changed rows, None for all."""
    policy = policy or SyncPolicy()
    with (
        sync.context_for(request, settings, policy=policy) as context,
        TemporaryDirectory(prefix="nightshift-plan-") as folder,
        closing(
            StagingDb.create(
                Path(folder) / STAGING_DB_FILE, identity=context.sync.as_dict()
            )
        ) as staging_db,
    ):
        plan_id = sync.prepare_rows(request, context, staging_db)
        fields: Counter[str] = Counter()
        for change in diff.read_changes(staging_db):
            fields.update(list(change.fields))
        return Plan(
            plan_id=plan_id,
            actions=staging_db.count_by_action(),
            fields=dict(fields.most_common()),
            changes=tuple(diff.read_changes(staging_db, limit=limit)),
            codes=outcome.count_codes(staging_db),
            blockers=dry_run.find_blockers(context, staging_db),
        )
