"""What the business has fixed: its constants, its plans, its lists of patterns.

What: the numbers the marts depend on, and the two lists kept as seeds.
From: the contract's defaults; `seeds/*.csv`, read when asked.
Changes: with the dbt vars of the same names and with those seeds.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

REFERENCE_FOLDER = Path(__file__).parents[2] / "seeds"

METRICS = ("hosts", "integrations", "dashboards", "metrics")
"""The usage metrics that trials are measured by, in the contract's order."""

USAGE = ("hosts", "integrations", "dashboards", "metrics")
"""The usage that the growth marts and Salesforce show."""

PAID_PLAN_IDS = frozenset({3, 4})
"""Pro and Enterprise. Any other plan, known or not, counts as not paid."""

ERROR_LEVELS = frozenset({"ERROR", "CRITICAL"})
"""Log levels, upper case, of the events that count as errors."""


@dataclass(frozen=True)
class Constants:
    """The business constants, with the defaults of the contract.

    All in days, except `session_timeout_minutes` and the share `max_reject_ratio`.
    """

    trial_period_days: int = 14
    extra_conversion_period_days: int = 30
    session_timeout_minutes: int = 30
    late_arrival_days: int = 2
    org_carry_forward_days: int = 7
    user_org_lookback_days: int = 30
    target_window_days: int = 90
    max_reject_ratio: float = 0.01


DEFAULTS = Constants()


@dataclass(frozen=True)
class Reference:
    """Facts that no system knows, lower case.

    `static_extensions`: file name endings, without the dot, of images, styles,
    scripts and fonts. `bot_patterns`: what a robot's user agent contains.
    """

    static_extensions: frozenset[str]
    bot_patterns: tuple[str, ...]


def read_reference(folder: Path = REFERENCE_FOLDER) -> Reference:
    """Read `static_file_types.csv` and `bot_patterns.csv` of `folder`.

    Raises FileNotFoundError when a seed is missing and KeyError when its column
    (`extension`, `pattern`) is.
    """
    return Reference(
        static_extensions=frozenset(
            _column(folder / "static_file_types.csv", "extension")
        ),
        bot_patterns=tuple(_column(folder / "bot_patterns.csv", "pattern")),
    )


def _column(path: Path, name: str) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row[name].strip().lower() for row in csv.DictReader(file)]
