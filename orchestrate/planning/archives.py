"""Which days of the archive a night must write anew, and why."""

from datetime import date, timedelta
from functools import cache

from loaders import archive, ledger
from loaders.config import settings
from orchestrate.planning.run_state import ASKED, LATE_WINDOW_EXTRA_DAYS, Night

DATASETS = {
    "org_day": archive.Dataset(
        name="org_day",
        schema="marts",
        relation="fct_org_day",
        day_column="metric_date",
        order_by=("org_id",),
    ),
    "org_activity": archive.Dataset(
        name="org_activity",
        schema="marts",
        relation="org_activity",
        day_column="metric_date",
        order_by=("org_id",),
    ),
    "org_trial_metrics": archive.Dataset(
        name="org_trial_metrics",
        schema="marts",
        relation="fct_org_trial_metrics",
        day_column="generated_date",
        order_by=("org_id",),
    ),
    "org_trial_metrics_for_salesforce": archive.Dataset(
        name="org_trial_metrics_for_salesforce",
        schema="intermediate",
        relation="int_trial_metrics_for_salesforce",
        day_column="generated_date__c",
        order_by=("org_id__c",),
    ),
}


def root(night: Night) -> str:
    """Return `{archive}/{env}/{version}`."""
    url = settings.load().required_archive_url()
    return f"{url}/{night.env}/{night.version}"


def days(night: Night) -> list[date]:
    """Return the days whose rows the night may have changed."""
    first = night.data_date_from - _reach(night)
    loaded = {day for source, day in night.marks.loads if source == "orgs"}
    return sorted(
        day for day in loaded | set(night.days()) if first <= day <= night.last_date
    )


def why(night: Night, dataset: archive.Dataset, day: date) -> str:
    """Say why the dataset's day must be written to S3, or ''."""
    if night.why_build(dataset.relation):
        return f"{dataset.relation} is built anew"
    if day not in _finished_days(root(night), dataset.name):
        return "missing on S3"
    written = night.marks.archives.get((dataset.name, day))
    if written is None:
        return "no ledger row"
    if written == ledger.RERUN:
        return ASKED
    wanted = fingerprint(night, dataset, day)
    return "" if written == wanted else f"{dataset.relation} changed"


def fingerprint(night: Night, dataset: archive.Dataset, day: date) -> str:
    """Digest what the dataset's day was made from, late partitions included."""
    marked = (
        built
        for name, built in night.marks.models
        if name == dataset.relation and built <= day + _reach(night)
    )
    return night.model_fingerprint(dataset.relation, max(marked, default=day))


def forget() -> None:
    """List the archive anew when next asked."""
    _finished_days.cache_clear()


@cache
def _finished_days(archive_root: str, dataset: str) -> set[date]:
    return archive.finished_days(archive_root, dataset)


def _reach(night: Night) -> timedelta:
    """How far back a partition changes days: late lines, and sessions before them."""
    return timedelta(days=night.late_arrival_days + LATE_WINDOW_EXTRA_DAYS)
