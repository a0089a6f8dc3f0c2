"""The vars of dbt_project.yml: the business constants and the list of usage metrics."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from loaders.config.environment import PROJECT
from loaders.config.yaml_files import read_mapping, require_mapping
from loaders.errors import ConfigError

FILE = PROJECT / "dbt_project.yml"
# The constants that Python reads too; dbt checks the others when it uses them.
NUMBERS = (
    "trial_period_days",
    "extra_conversion_period_days",
    "late_arrival_days",
    "org_carry_forward_days",
    "max_reject_ratio",
    "stalled_days",
    "volume_baseline_days",
    "changed_partition_lookback_days",
)
# Days, of which dates allow no more than some millions.
MAX_NUMBER = 36_500


@dataclass(frozen=True)
class UsageMetric:
    """What orgs use, as a column of the marts; `label` and `meaning` are for people."""

    name: str
    label: str
    meaning: str
    is_included_in_plans: bool = False
    is_in_salesforce: bool = False
    makes_big_footprint: bool = False


METRIC_FLAGS = tuple(field.name for field in fields(UsageMetric) if field.type is bool)


@cache
def usage_metrics() -> tuple[UsageMetric, ...]:
    """Return the usage metrics in the order of the var `usage_metrics`.

    Raises `ConfigError` with the file and the entry that is wrong.
    """
    entries = project_vars().get("usage_metrics")
    if not isinstance(entries, list) or not entries:
        raise ConfigError(
            f"The var usage_metrics in {FILE} must be a list of metrics. Correct it."
        )
    metrics = []
    for number, entry in enumerate(entries, start=1):
        subject = f"entry {number} of the var usage_metrics in {FILE}"
        try:
            metrics.append(UsageMetric(**require_mapping(entry, subject)))
        except TypeError as error:
            problem = str(error).partition("() ")[2] or "a key is wrong"
            raise ConfigError(f"{subject}: {problem}. Correct it.") from None
    return tuple(metrics)


def project_vars() -> dict[str, Any]:
    """Return the vars by name; those of the project override global ones.

    Raises `ConfigError` with the file and what is wrong in it.
    """
    declared = require_mapping(read_mapping(FILE).get("vars"), f"vars in {FILE}")
    project = declared.get("nightshift") or {}
    variables = declared | require_mapping(project, f"vars.nightshift in {FILE}")
    variables.pop("nightshift", None)
    for name in NUMBERS:
        value = variables.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None or not is_number or not 0 <= value <= MAX_NUMBER:
            raise ConfigError(
                f"The var {name} in {FILE} must be a number from 0 to {MAX_NUMBER:,}. "
                "Correct it."
            )
    return variables
