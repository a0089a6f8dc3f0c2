"""What can become of an org, how often, and how much such an org uses.

Every story happens to at least one org of a world with as many orgs as stories;
the others are drawn by share. Day numbers count from the world's first partition.
"""

from dataclasses import dataclass

TRIAL, FREE, PRO, ENTERPRISE, UNKNOWN = 1, 2, 3, 4, 99
PLAN_NAMES = {
    TRIAL: "Trial",
    FREE: "Free",
    PRO: "Pro",
    ENTERPRISE: "Enterprise",
    UNKNOWN: "Legacy Beta",
}
TRIAL_DAYS = 14


@dataclass(frozen=True)
class Footprint:
    """What an org uses when it is settled: medians, the days it takes, its people.

    `engagement` is the chance that one of its users comes by on a working day.
    """

    hosts: float
    dashboards: float
    metrics: float
    integrations: float
    settling_days: float
    engagement: float
    users: tuple[int, int]


SMALL = Footprint(3, 2, 25, 2, 6, 0.12, (1, 3))
GROWING = Footprint(14, 9, 160, 6, 4, 0.45, (2, 6))
ABOVE_FREE = Footprint(9, 13, 150, 7, 8, 0.3, (2, 4))
BIG = Footprint(450, 90, 6000, 14, 9, 0.55, (8, 20))


@dataclass(frozen=True)
class Story:
    """One course of events.

    `plans` follow the trial, one after another. `is_old` orgs were there long before
    the world begins; the others start on all of its days.
    """

    share: float
    footprint: Footprint
    plans: tuple[int, ...] = ()
    is_old: bool = False


STORIES = {
    "restarted_trial": Story(0.02, SMALL),
    "missing_one_night": Story(0.015, GROWING, (PRO,)),
    "missing_long": Story(0.005, SMALL),
    "internal": Story(0.02, GROWING),
    "turned_internal": Story(0.005, SMALL),
    "never_in_trial": Story(0.03, SMALL, (FREE,), is_old=True),
    "unknown_plan": Story(0.0, GROWING, (UNKNOWN,)),
    "paid_then_free": Story(0.04, GROWING, (PRO, FREE)),
    "without_metrics": Story(0.01, SMALL),
    "without_logs": Story(0.01, GROWING),
    "trial_to_pro": Story(0.18, GROWING, (PRO,)),
    "trial_to_free": Story(0.12, SMALL, (FREE,)),
    "trial_to_enterprise": Story(0.03, BIG, (ENTERPRISE,)),
    "trial_lapsed": Story(0.28, SMALL),
    "trial_stalled": Story(0.05, GROWING),
    "free_above_plan": Story(0.05, ABOVE_FREE, (FREE,)),
    "free_then_paid": Story(0.03, ABOVE_FREE, (FREE, PRO)),
    "trial_scheduled": Story(0.01, SMALL),
    "newborn": Story(0.0, GROWING),
    "old_enterprise": Story(0.02, BIG, (ENTERPRISE,), is_old=True),
    "old_pro": Story(0.075, GROWING, (PRO,), is_old=True),
}
