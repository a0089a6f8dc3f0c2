"""Orphans: open jobs that were created for us but whose id never reached us.

A connection or a process that breaks right after a job's creation leaves a job in
state Open, which holds no rows yet. Looked up in the org's list of jobs: those of our
own user, for our object, opened since we began, and unknown to the ledger.
"""

from datetime import UTC, datetime, timedelta

import structlog

from loaders import warehouse
from loaders.salesforce import jobs, ledger
from loaders.salesforce.context import Errand
from loaders.salesforce.failures import ForbiddenError

CLOCK_SKEW = timedelta(minutes=10)
ID_LENGTH = 15  # the case-sensitive part of an 18-character id

log = structlog.get_logger()


def abort(errand: Errand, *, since: datetime) -> list[str]:
    """Abort the orphans opened since a time (naive UTC); return their ids.

    Leaves them, with a warning, when the user may not learn who it is: an open job
    without rows does no harm and ends by itself.
    """
    try:
        user = errand.client.user_id()[:ID_LENGTH]
    except ForbiddenError as error:
        log.warning("salesforce orphaned jobs left open", error=str(error))
        return []
    with warehouse.session() as connection:
        known = ledger.known_jobs(connection, errand.mapping.object)
    opened_after = since.replace(tzinfo=UTC) - CLOCK_SKEW
    orphans = [
        job.id
        for job in jobs.listed(errand.client)
        if job.state == jobs.OPEN
        and job.object == errand.mapping.object
        and job.created_by[:ID_LENGTH] == user
        and job.id not in known
        and job.created_at is not None
        and job.created_at >= opened_after
    ]
    for job_id in orphans:
        jobs.abort(errand.client, job_id)
        log.warning("salesforce orphaned job aborted", job_id=job_id)
    return orphans
