"""Final days: their staging rows were removed, so that nothing can recompute them.

`nightshift retention` removes old partitions from staging. Models keep the rows of
those days. Later builds start at the first date whose inputs are all there.
"""

from datetime import date, timedelta
from functools import lru_cache

from loaders.config import windows
from loaders.errors import ConfigError
from loaders.ledger import CompletionRecords

# States change seldom, and every model of a plan asks.
CACHED_RECORDS = 8


@lru_cache(maxsize=CACHED_RECORDS)
def first_open_date(completed: CompletionRecords) -> date:
    """Return the first data date that can be run; `date.min` if nothing was removed."""
    removed = [day for _, day in completed.removed_partitions]
    if not removed:
        return date.min
    return max(removed) + timedelta(days=1 + windows.input_days())


def require_open(completed: CompletionRecords, first: date) -> None:
    """Raise `ConfigError` if a run from `first` on needs partitions that were removed.

    Such a date is final: its results remain as they are.
    """
    first_open = first_open_date(completed)
    if first < first_open:
        raise ConfigError(
            f"Data date {first} is final: `nightshift retention` has removed staging "
            "rows that its run needs. Its results are kept and cannot be computed "
            f"again. The first date that can be run is {first_open}."
        )
