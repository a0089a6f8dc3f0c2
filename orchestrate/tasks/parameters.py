"""Parameters that every task has, said once."""

import luigi

from loaders import warehouse
from loaders.config import dbt_profile

DEFAULT_ENV = dbt_profile.target_name()
DEFAULT_VERSION = "v1"

ENV = luigi.Parameter(
    default=DEFAULT_ENV,
    description="whose results these are; first folder of the archive",
)
VERSION = luigi.Parameter(
    default=DEFAULT_VERSION,
    description="version of the results; second folder of the archive",
)
DATA_DATE_FROM = luigi.DateParameter(
    default=None,
    significant=False,
    description="first night of a backfill; without it, the data date",
)
NUM_RETRIES = luigi.IntParameter(
    default=3, significant=False, description="retries of what is transient"
)
RETRY_SLEEP = luigi.FloatParameter(
    default=1.0,
    significant=False,
    description="seconds to sleep before the first retry at most, doubled each time",
)


def warehouse_slots() -> dict[str, int]:
    """Return the Luigi resource that keeps a one-writer warehouse to one task."""
    return {"warehouse": 1} if warehouse.is_single_writer() else {}
