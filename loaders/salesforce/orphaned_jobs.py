"""Find and abort orphaned jobs: open jobs of this sync whose id was never received.

When a connection or a process breaks right after a job was created, the job stays in
state Open without rows. Such a job is in the org's list of jobs, has the integration
user and the object of the sync, was created since the sync began, and is not in the
ledger.
"""

from datetime import UTC, datetime, timedelta

import structlog

from loaders import warehouse
from loaders.salesforce import jobs, ledger
from loaders.salesforce.context import SyncContext
from loaders.salesforce.request_errors import ForbiddenError

CLOCK_SKEW = timedelta(minutes=10)
CASE_SENSITIVE_ID_LENGTH = 15  # the rest of an 18-character id is a checksum

log = structlog.get_logger()


def abort_orphaned_jobs(context: SyncContext, *, since: datetime) -> list[str]:
    """Abort the orphaned jobs opened since a time (UTC, naive); return their ids.

    If the user may not read its own id, the jobs are left open with a warning: an open
    job without rows is harmless, and Salesforce removes it after some days.
    """
    try:
        user = context.client.user_id()[:CASE_SENSITIVE_ID_LENGTH]
    except ForbiddenError as error:
        log.warning("salesforce orphaned jobs left open", error=str(error))
        return []
    with warehouse.session() as connection:
        recorded = ledger.recorded_job_ids(connection, context.mapping.object)
    opened_after = since.replace(tzinfo=UTC) - CLOCK_SKEW
    orphaned = [
        job.id
        for job in jobs.list_jobs(context.client)
        if job.state == jobs.OPEN
        and job.object == context.mapping.object
        and job.created_by[:CASE_SENSITIVE_ID_LENGTH] == user
        and job.id not in recorded
        and job.created_at is not None
        and job.created_at >= opened_after
    ]
    for job_id in orphaned:
        jobs.abort(context.client, job_id)
        log.warning("salesforce orphaned job aborted", job_id=job_id)
    return orphaned
