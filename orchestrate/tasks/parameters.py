"""Parameters and resources that several tasks share."""

import luigi

from loaders import warehouse
from loaders.config import dbt_profile

DEFAULT_ENV = dbt_profile.target_name()
DEFAULT_VERSION = "v1"

ENV = luigi.Parameter(
    default=DEFAULT_ENV,
    description="environment of the results; first folder of the archive",
)
VERSION = luigi.Parameter(
    default=DEFAULT_VERSION,
    description="version of the results; second folder of the archive",
)
DATA_DATE_FROM = luigi.DateParameter(
    default=None,
    significant=False,
    description="first data date of a backfill (default: the data date)",
)
NUM_RETRIES = luigi.IntParameter(
    default=3, significant=False, description="number of retries of transient errors"
)
RETRY_SLEEP = luigi.FloatParameter(
    default=1.0,
    significant=False,
    description="longest wait before the first retry in seconds, doubled each time",
)


def warehouse_slots() -> dict[str, int]:
    """Return the Luigi resource that limits a single-writer warehouse to one task."""
    return {"warehouse": 1} if warehouse.is_single_writer() else {}
