"""Which days of the S3 archive a run must write, and why."""

from datetime import date, timedelta
from functools import cache

from loaders import archive, ledger
from loaders.config import settings
from orchestrate.planning.run_state import (
    LATE_WINDOW_EXTRA_DAYS,
    RERUN_REQUESTED,
    RunState,
)

DATASETS = {
    "org_day": archive.Dataset(
        name="org_day",
        schema="marts",
        relation="fct_org_day",
        date_column="metric_date",
        order_by=("org_id",),
    ),
    "org_activity": archive.Dataset(
        name="org_activity",
        schema="marts",
        relation="org_activity",
        date_column="metric_date",
        order_by=("org_id",),
    ),
    "org_trial_metrics": archive.Dataset(
        name="org_trial_metrics",
        schema="marts",
        relation="fct_org_trial_metrics",
        date_column="generated_date",
        order_by=("org_id",),
    ),
    "org_trial_metrics_for_salesforce": archive.Dataset(
        name="org_trial_metrics_for_salesforce",
        schema="intermediate",
        relation="int_trial_metrics_for_salesforce",
        date_column="generated_date__c",
        order_by=("org_id__c",),
    ),
}


def root_url(state: RunState) -> str:
    """Return `{archive}/{env}/{version}`."""
    url = settings.load().required_archive_url()
    return f"{url}/{state.env}/{state.version}"


def affected_days(state: RunState) -> list[date]:
    """Return the days whose rows the run may have changed."""
    first = state.data_date_from - _lookback(state)
    loaded = {day for source, day in state.completed.loads if source == "orgs"}
    return sorted(
        day
        for day in loaded | set(state.data_dates())
        if first <= day <= state.newest_data_date
    )


def stale_reason(state: RunState, dataset: archive.Dataset, day: date) -> str:
    """Return why the dataset's day must be written to S3, or ''."""
    if state.build_stale_reason(dataset.relation):
        return f"{dataset.relation} will be rebuilt"
    if day not in _archived_days(root_url(state), dataset.name):
        return "missing on S3"
    archived = state.completed.archives.get((dataset.name, day))
    if archived is None:
        return "no ledger row"
    if archived == ledger.RERUN:
        return RERUN_REQUESTED
    expected = fingerprint(state, dataset, day)
    return "" if archived == expected else f"{dataset.relation} changed"


def fingerprint(state: RunState, dataset: archive.Dataset, day: date) -> str:
    """Digest the inputs of the dataset's day, late partitions included."""
    built_days = (
        built
        for name, built in state.completed.models
        if name == dataset.relation and built <= day + _lookback(state)
    )
    return state.built_fingerprint(dataset.relation, max(built_days, default=day))


def clear_cache() -> None:
    """Make the next check list the archive again."""
    _archived_days.cache_clear()


@cache
def _archived_days(root: str, dataset: str) -> set[date]:
    return archive.complete_days(root, dataset)


def _lookback(state: RunState) -> timedelta:
    """Return how far before its own date a partition can change rows.

    Records may be late, and a late request can change a session that began on the
    previous day.
    """
    return timedelta(days=state.late_arrival_days + LATE_WINDOW_EXTRA_DAYS)
