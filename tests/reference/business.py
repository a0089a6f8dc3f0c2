"""Business constants, billing plans and seed lists that the marts depend on.

The constants equal the defaults of the dbt vars of the same names. The metrics are read
from `dbt_project.yml`, the other lists from `seeds/*.csv`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import yaml

SEEDS_FOLDER = Path(__file__).parents[2] / "seeds"

PROJECT_FILE = SEEDS_FOLDER.parent / "dbt_project.yml"


def _metrics(flag: str = "name") -> tuple[str, ...]:
    """Return the names in the project's list of metrics, or of those with a flag."""
    project = yaml.safe_load(PROJECT_FILE.read_text(encoding="utf-8"))
    entries = project["vars"]["usage_metrics"]
    return tuple(entry["name"] for entry in entries if entry.get(flag))


METRICS = _metrics()
"""The usage metrics, which trials are measured by."""

METRICS_IN_PLANS = _metrics("is_included_in_plans")
METRICS_IN_SALESFORCE = _metrics("is_in_salesforce")
BIG_FOOTPRINT_METRICS = _metrics("makes_big_footprint")

REQUIRED_METRICS = ("hosts", "dashboards", "metrics")
"""Keys of every sample. A day's value is the maximum of its samples."""

OPTIONAL_METRICS = tuple(
    name for name in METRICS if name not in (*REQUIRED_METRICS, "integrations")
)
"""Whole numbers that a sample may lack. A day's value is the maximum, 0 without one."""

PAID_PLAN_IDS = frozenset({3, 4})
"""Pro and Enterprise. Any other plan, listed or not, counts as not paid."""

ERROR_LEVELS = frozenset({"ERROR", "CRITICAL"})
"""Log levels, upper case, of the events that count as errors."""


@dataclass(frozen=True)
class Constants:
    """The business constants with their defaults.

    All are days, except `session_timeout_minutes`, the share `max_reject_ratio`, the
    number of targets `fast_start_metrics` and `big_footprint_factor`.
    """

    trial_period_days: int = 14
    extra_conversion_period_days: int = 30
    session_timeout_minutes: int = 30
    late_arrival_days: int = 2
    org_carry_forward_days: int = 7
    user_org_lookback_days: int = 30
    target_window_days: int = 90
    max_reject_ratio: float = 0.01
    fast_start_days: int = 7
    fast_start_metrics: int = 2
    stalled_days: int = 3
    follow_up_days: int = 7
    big_footprint_factor: int = 2
    activation_active_days: int = 2
    usage_month_days: int = 28


DEFAULTS = Constants()


@dataclass(frozen=True)
class Seeds:
    """The seed lists that the web sessions need, in lower case.

    `static_extensions` are file extensions, without the dot, of images, styles, scripts
    and fonts. `bot_patterns` are substrings of the user agents of bots.
    """

    static_extensions: frozenset[str]
    bot_patterns: tuple[str, ...]


def read_seeds(folder: Path = SEEDS_FOLDER) -> Seeds:
    """Read `static_file_types.csv` and `bot_patterns.csv` in `folder`.

    Raises FileNotFoundError when a seed is missing and KeyError when its column
    (`extension`, `pattern`) is missing.
    """
    return Seeds(
        static_extensions=frozenset(
            _column(folder / "static_file_types.csv", "extension")
        ),
        bot_patterns=tuple(_column(folder / "bot_patterns.csv", "pattern")),
    )


def _column(path: Path, name: str) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row[name].strip().lower() for row in csv.DictReader(file)]
