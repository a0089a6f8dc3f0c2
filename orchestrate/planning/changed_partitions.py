"""Partitions that changed on S3 after they were loaded and that no run will take in.

A run loads changed partitions of its own window again. Older ones stay as they were
loaded until somebody runs their date, so people have to know about them.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from loaders import s3
from loaders.config import settings
from loaders.config.dbt_project import project_vars
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.planning import run_state
from orchestrate.planning.run_state import RunState


@dataclass(frozen=True)
class ChangedPartition:
    """A loaded partition whose objects changed, and the command that takes it in."""

    source: str
    dt: date
    command: str


def find_changed_partitions(state: RunState) -> list[ChangedPartition]:
    """Return the changed partitions before the run's window, oldest first.

    Looks back `changed_partition_lookback_days` from the data date, and lists each
    source on S3 once. A partition that expired or is being written again is not
    changed.
    """
    lookback = timedelta(days=int(project_vars()["changed_partition_lookback_days"]))
    first = state.data_date - lookback
    window_start = state.data_date_from - timedelta(days=state.late_arrival_days)
    changed = []
    for source in raw_tables():
        loaded = [
            day
            for name, day in state.completed.loads
            if name == source and first <= day < window_start
        ]
        if not loaded:
            continue
        url = settings.load().required_raw_url()
        partitions = s3.list_partitions(url, source, min(loaded), max(loaded))
        changed += [
            ChangedPartition(source, day, f"nightshift run --date {day}")
            for day in loaded
            if partitions[day].is_complete
            and partitions[day].fingerprint != state.completed.loads[source, day]
        ]
    return sorted(changed, key=lambda partition: (partition.dt, partition.source))


def find_for_status(*, env: str, version: str) -> list[ChangedPartition]:
    """Return the changed partitions before the window of the latest loaded date.

    For `nightshift status`, which shows them below its table and as the key
    `changed_partitions` of its JSON. Empty without a warehouse or loads. Raises the
    errors of an S3 listing.
    """
    completed = run_state.reload(date.min, env=env, version=version).completed
    if not completed.loads:
        return []
    latest = max(day for _, day in completed.loads)
    return find_changed_partitions(run_state.load(latest, env=env, version=version))
