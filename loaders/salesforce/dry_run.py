"""Complete a sync as a dry run, for `--dry-run` and `nightshift salesforce diff`.

A dry run writes the CSV files that would be uploaded, evaluates the safety check and
the quota, and samples the changes. It sends nothing and writes nothing to the ledgers.
"""

from dataclasses import replace

from loaders.errors import NightshiftError
from loaders.salesforce import bulk, diff, outcome, quota, safety_check
from loaders.salesforce.context import SyncContext
from loaders.salesforce.outcome import SyncResult
from loaders.salesforce.staging_db import StagingDb


def complete_dry_run(
    context: SyncContext, staging_db: StagingDb, result: SyncResult
) -> SyncResult:
    """Return the result of a dry run; its CSV files are kept."""
    counts = outcome.count_rows(staging_db)
    return replace(
        result,
        status=outcome.DRY_RUN,
        codes=outcome.count_codes(staging_db),
        files=tuple(
            file.path for file in bulk.write_chunk_files(context, staging_db, attempt=1)
        ),
        sample=tuple(diff.read_changes(staging_db, limit=outcome.SAMPLE_ROWS)),
        warnings=(*result.warnings, *find_blockers(context, staging_db)),
        unchanged=counts["unchanged"],
        rejected=counts["rejected"] - counts["deferred"],
        held=counts["held"],
    )


def find_blockers(context: SyncContext, staging_db: StagingDb) -> tuple[str, ...]:
    """Return the reasons why a sync would stop: exceeded limits, too little quota."""
    blockers = [
        limit.message for limit in safety_check.exceeded_limits(staging_db, context)
    ]
    policy = context.policy
    try:
        required = quota.estimate_required(staging_db, policy)
        quota.check(context.client, required, reserve_ratio=policy.quota_reserve_ratio)
    except NightshiftError as error:
        blockers.append(str(error))
    return tuple(blockers)
