"""Parameters and resources that several tasks share."""

import re
from datetime import date

import luigi
from luigi.parameter import ParameterVisibility

from loaders import warehouse
from loaders.config import dbt_profile
from loaders.errors import ConfigError
from loaders.warehouse.declared_tables import raw_tables
from orchestrate.progress import subject

# Not shown in luigid's visualiser.
HIDDEN = ParameterVisibility.HIDDEN
# Not a name that a user can choose; the dbt profile is read when it is needed.
DEFAULT_ENV = "name of the dbt target"
DEFAULT_VERSION = "v1"


def result_name(option: str, value: str) -> str:
    """Return the checked value of --env or --version, which name folders and rows.

    `DEFAULT_ENV` becomes the name of the dbt target. Raises `ConfigError` with the
    option for a value that is not a name.
    """
    subject, name = f"--{option}", value
    if value == DEFAULT_ENV:
        subject, name = "The name of the dbt target", dbt_profile.target_name()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ConfigError(
            f"{subject} {name!r} is not a valid name. Use 1 to 64 of a-z, A-Z, "
            "0-9, '_', '-' and '.'; the first is none of these three marks."
        )
    return name


class ResultName(luigi.Parameter):
    """A parameter that names the results of a run, as a folder of the archive."""

    def __init__(self, option: str, **options: str | bool) -> None:
        super().__init__(**options)
        self._option = option

    def normalize(self, x: str) -> str:
        """Return the checked name."""
        return result_name(self._option, x)


class RawSource(luigi.Parameter):
    """A parameter that names a declared raw source.

    The declarations are read when a task is created, so that an error in them is
    reported like that of any other setting.
    """

    def normalize(self, x: str) -> str:
        """Return the name; `ConfigError` if no raw source has it."""
        if x not in raw_tables():
            raise ConfigError(
                f"{x!r} is not a raw source. The sources are "
                f"{', '.join(sorted(raw_tables()))}."
            )
        return x


SOURCE = RawSource(description="name of a raw source, for example orgs")


class OptionalDateParameter(luigi.DateParameter):
    """A date that may be None, which Luigi writes as '' between its processes."""

    def serialize(self, dt: date | None) -> str:
        """Return the date as text; '' for None."""
        return "" if dt is None else str(super().serialize(dt))

    def parse(self, s: str) -> date | None:
        """Return the date of a text; None for ''."""
        if not s:
            return None
        parsed: date = super().parse(s)
        return parsed


# None of them is positional: Luigi's range tasks pass a date as the first parameter.
ENV = ResultName(
    "env",
    positional=False,
    default=DEFAULT_ENV,
    description="environment of the results; first folder of the archive",
)
VERSION = ResultName(
    "version",
    positional=False,
    default=DEFAULT_VERSION,
    description="version of the results; second folder of the archive",
)
DATA_DATE_FROM = OptionalDateParameter(
    default=None,
    significant=False,
    positional=False,
    visibility=HIDDEN,
    description="first data date of a backfill (default: the data date)",
)
NUM_RETRIES = luigi.IntParameter(
    default=3,
    significant=False,
    visibility=HIDDEN,
    description="number of retries of transient errors",
)
RETRY_SLEEP = luigi.FloatParameter(
    default=1.0,
    significant=False,
    visibility=HIDDEN,
    description="longest wait before the first retry in seconds, doubled each time",
)


SCOPE = luigi.Parameter(
    default="",
    significant=False,
    visibility=HIDDEN,
    description="models of the run, comma-separated; built and archived together",
)


def _shown_family(task: luigi.Task) -> str:
    return f"{task.get_task_family()}.{subject(task)}"


# The `task_family` of an instance is its name in luigid's visualiser, which groups
# tasks by the part before the point: DbtModel.fct_org_day, LoadRawTable.orgs.
SHOWN_FAMILY = property(_shown_family)


def warehouse_slots() -> dict[str, int]:
    """Return the Luigi resource that limits a single-writer warehouse to one task."""
    return {"warehouse": 1} if warehouse.is_single_writer() else {}
