"""Which days of the S3 archive a run must write, and why."""

from datetime import date, timedelta
from functools import cache

from loaders import archive, ledger
from loaders.config import settings, windows
from orchestrate.planning.later_dates import last_dates
from orchestrate.planning.run_state import RERUN_REQUESTED, RunState
from orchestrate.planning.stale_models import build_stale_reason

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
        relation="sf_trial_metrics_by_date",
        date_column="generated_date__c",
        order_by=("org_id__c",),
    ),
}


def root_url(state: RunState) -> str:
    """Return `{archive}/{env}/{version}`."""
    url = settings.load().required_archive_url()
    return f"{url}/{state.env}/{state.version}"


def affected_days(state: RunState) -> list[date]:
    """Return the days whose rows the run may have changed.

    Of later days, these are the days that are archived already. A day that is not yet
    archived belongs to the run of its own date.
    """
    first = state.data_date_from - _lookback(state)
    loaded = {day for source, day in state.completed.loads if source == "orgs"}
    archived = {day for _, day in state.completed.archives}
    return sorted(
        day
        for day in loaded | set(state.data_dates())
        if first <= day <= state.data_date
        or (day in archived and state.data_date < day <= last_dates(state).published)
    )


def stale_reason(state: RunState, dataset: archive.Dataset, day: date) -> str:
    """Return why the dataset's day must be written to S3, or ''."""
    archived = state.completed.archives.get((dataset.name, day))
    is_later = day > state.data_date
    if is_later and archived in (None, ledger.RERUN):
        return ""  # The run of that date writes it.
    if (f"{state.env}/{state.version}/{dataset.name}", day) in (
        state.completed.removed_archives
    ):
        return ""  # `nightshift retention` has removed it.
    if build_stale_reason(state, dataset.relation):
        return f"{dataset.relation} will be rebuilt"
    if day not in _archived_days(root_url(state), dataset.name):
        return "" if is_later else "missing on S3"
    if archived is None:
        return "no ledger row"
    if archived == ledger.RERUN:
        return RERUN_REQUESTED
    built = _last_built_day(state, dataset, day, last_dates(state).published)
    if archived == state.built_fingerprint(dataset.relation, built):
        return ""
    times = state.completed.times
    built_at = times.get(("model", dataset.relation, built))
    archived_at = times.get(("archive", dataset.name, day))
    # Written after the model's build, by the run of a later date.
    if built_at and archived_at and archived_at > built_at:
        return ""
    return f"{dataset.relation} changed"


def fingerprint(state: RunState, dataset: archive.Dataset, day: date) -> str:
    """Digest the inputs of the dataset's day, late partitions included."""
    built = _last_built_day(state, dataset, day, last_dates(state).built)
    return state.built_fingerprint(dataset.relation, built)


def _last_built_day(
    state: RunState, dataset: archive.Dataset, day: date, last: date
) -> date:
    """Return the last date, up to `last`, whose build may have changed the day."""
    bound = min(last, day + _lookback(state))
    days = state.builds_of(dataset.relation)
    return max((built for built in days if built <= bound), default=day)


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
    return timedelta(days=state.late_arrival_days + windows.LATE_WINDOW_EXTRA_DAYS)
