"""Days that runs read and recompute, and the least that retention must keep."""

from datetime import date, timedelta

from loaders.config.dbt_project import project_vars

# A late request can extend a session that started on the evening before.
LATE_WINDOW_EXTRA_DAYS = 1
# Sessions of the first day of a window depend on the requests of the day before.
SESSION_DAYS = 1


def input_days() -> int:
    """Return how many days before its first data date a run reads from staging."""
    variables = project_vars()
    before_window = max(int(variables["org_carry_forward_days"]), SESSION_DAYS)
    return window_days() + before_window


def window_days() -> int:
    """Return how many days before its first data date a run recomputes."""
    return int(project_vars()["late_arrival_days"]) + LATE_WINDOW_EXTRA_DAYS


def least_staging_days() -> int:
    """Return the days of staging that runs need.

    People are asked to run a date again whose partitions changed on S3 since, and tests
    compare a day with those before it.
    """
    return _repeated_days() + input_days() + 1


def least_archive_days() -> int:
    """Return the days of the archive that runs write again."""
    return _repeated_days() + window_days() + 1


def days_between(first: date, last: date) -> list[date]:
    """Return all days from the first to the last."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _repeated_days() -> int:
    variables = project_vars()
    names = ("changed_partition_lookback_days", "volume_baseline_days")
    return max(int(variables[name]) for name in names)
