"""The rehearsal: all that a sync does before it writes, and nothing after.

For `--dry-run` and `diff`: the CSV files that would be uploaded, what brake and quota
would say, and a sample of the changes field by field.
"""

from dataclasses import replace

from loaders.errors import NightshiftError
from loaders.salesforce import bulk, circuit_breaker, diff, outcome, quota
from loaders.salesforce.context import Errand
from loaders.salesforce.outcome import SyncResult
from loaders.salesforce.staging_db import Workbook


def rehearse(errand: Errand, workbook: Workbook, result: SyncResult) -> SyncResult:
    """Complete a result for a sync that is not to write; the CSV files stay."""
    counts = outcome.counted(workbook)
    return replace(
        result,
        status=outcome.DRY_RUN,
        codes=outcome.codes(workbook),
        files=tuple(file.path for file in bulk.cut(errand, workbook, attempt=1)),
        sample=tuple(diff.changes(workbook, limit=outcome.SAMPLE_ROWS)),
        warnings=(*result.warnings, *objections(errand, workbook)),
        unchanged=counts["unchanged"],
        rejected=counts["rejected"] - counts["deferred"],
        held=counts["held"],
    )


def objections(errand: Errand, workbook: Workbook) -> tuple[str, ...]:
    """Return, in words, what would stop the sync: the brake's alarms, the quota."""
    found = [alarm.sentence for alarm in circuit_breaker.alarms(workbook, errand)]
    policy = errand.policy
    try:
        need = quota.needed(workbook, policy)
        quota.check(errand.client, need, reserve_ratio=policy.quota_reserve_ratio)
    except NightshiftError as error:
        found.append(str(error))
    return tuple(found)
