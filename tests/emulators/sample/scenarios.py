"""What can happen to an org, how often, and how much such an org uses.

When a world has at least as many orgs as there are scenarios, each scenario occurs at
least once. The scenarios of the other orgs are drawn by share.
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
    """The usage of an org after ramp-up, as medians over the orgs of its kind.

    `ramp_up_days` is the time constant of the growth. `engagement` is the probability
    that a user visits on a working day. `users` is the range of the number of users.
    """

    hosts: float
    dashboards: float
    metrics: float
    integrations: float
    ramp_up_days: float
    engagement: float
    users: tuple[int, int]


SMALL = Footprint(3, 2, 25, 2, 6, 0.12, (1, 3))
GROWING = Footprint(14, 9, 160, 6, 4, 0.45, (2, 6))
ABOVE_FREE = Footprint(9, 13, 150, 7, 8, 0.3, (2, 4))
BIG = Footprint(450, 90, 6000, 14, 9, 0.55, (8, 20))


@dataclass(frozen=True)
class Scenario:
    """One course of events.

    `share` is the weight with which it is drawn. `plans` are the billing plans after
    the trial, in order. Orgs with `is_old` were created long before the world's first
    day; the start days of the others are spread over the whole world.
    """

    share: float
    footprint: Footprint
    plans: tuple[int, ...] = ()
    is_old: bool = False


SCENARIOS = {
    "restarted_trial": Scenario(0.02, SMALL),
    "missing_one_day": Scenario(0.015, GROWING, (PRO,)),
    "missing_many_days": Scenario(0.005, SMALL),
    "internal": Scenario(0.02, GROWING),
    "turned_internal": Scenario(0.005, SMALL),
    "never_in_trial": Scenario(0.03, SMALL, (FREE,), is_old=True),
    "unknown_plan": Scenario(0.0, GROWING, (UNKNOWN,)),
    "paid_then_free": Scenario(0.04, GROWING, (PRO, FREE)),
    "without_metrics": Scenario(0.01, SMALL),
    "without_logs": Scenario(0.01, GROWING),
    "trial_to_pro": Scenario(0.18, GROWING, (PRO,)),
    "trial_to_free": Scenario(0.12, SMALL, (FREE,)),
    "trial_to_enterprise": Scenario(0.03, BIG, (ENTERPRISE,)),
    "trial_lapsed": Scenario(0.28, SMALL),
    "trial_stalled": Scenario(0.05, GROWING),
    "free_above_plan": Scenario(0.05, ABOVE_FREE, (FREE,)),
    "free_then_paid": Scenario(0.03, ABOVE_FREE, (FREE, PRO)),
    "trial_scheduled": Scenario(0.01, SMALL),
    "created_on_last_day": Scenario(0.0, GROWING),
    "old_enterprise": Scenario(0.02, BIG, (ENTERPRISE,), is_old=True),
    "old_pro": Scenario(0.075, GROWING, (PRO,), is_old=True),
}
