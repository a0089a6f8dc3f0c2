"""The vars of dbt_project.yml, which are the business constants."""

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
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise ConfigError(
                f"The var {name} in {FILE} must be a number of at least 0. Correct it."
            )
    return variables
