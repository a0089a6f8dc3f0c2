"""The plan: what a sync would create, change field by field, and leave alone.

What `nightshift salesforce diff` prints. It logs in to know the org and the key's
rules, reads mart and ledger, and writes nothing anywhere.
"""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from loaders.config.settings import Salesforce as Settings
from loaders.salesforce import diff, outcome, sync
from loaders.salesforce import dry_run as rehearsal
from loaders.salesforce.diff import Change
from loaders.salesforce.policy import SyncPolicy
from loaders.salesforce.staging_db import Workbook
from loaders.salesforce.sync import SyncRequest


@dataclass(frozen=True)
class Plan:
    """What would be sent; counts are rows.

    `verdicts`: create, change, resend, missing, unchanged, held, refused, left.
    `fields` counts, for each field, the rows in which it would change; `changes` are
    the first rows; `codes` count the refused ones; `objections` would stop the sync.
    """

    plan_id: str
    verdicts: dict[str, int]
    fields: dict[str, int]
    changes: tuple[Change, ...]
    codes: dict[str, int]
    objections: tuple[str, ...]


def make(
    request: SyncRequest,
    settings: Settings,
    *,
    policy: SyncPolicy | None = None,
    limit: int | None = 20,
) -> Plan:
    """Compare mart and ledger; `limit` is how many changed rows to show, None all."""
    policy = policy or SyncPolicy()
    with (
        sync.errand_for(request, settings, policy=policy) as errand,
        TemporaryDirectory(prefix="nightshift-plan-") as folder,
        closing(
            Workbook.create(
                Path(folder) / "workbook.sqlite", identity=errand.sync.told()
            )
        ) as workbook,
    ):
        plan_id = sync.fill(request, errand, workbook)
        fields: Counter[str] = Counter()
        for change in diff.changes(workbook):
            fields.update(list(change.fields))
        return Plan(
            plan_id=plan_id,
            verdicts=workbook.counts(),
            fields=dict(fields.most_common()),
            changes=tuple(diff.changes(workbook, limit=limit)),
            codes=outcome.codes(workbook),
            objections=rehearsal.objections(errand, workbook),
        )
