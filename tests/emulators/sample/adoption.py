"""How much each org uses the product on a day: ramp-up, weekly rhythm and decline.

It follows from the org's scenario, its plan, and two random numbers per org. All
sources read it, so that samples, events and requests agree.
"""

import math
from functools import cache, lru_cache

from tests.emulators.sample.company import Account
from tests.emulators.sample.scenarios import BIG, FREE, TRIAL, TRIAL_DAYS
from tests.emulators.sample.world import World

WEEKEND_FACTOR = 0.2
"""Visitors on a Saturday or Sunday as a share of those on a working day."""
WORKING_DAY_FACTORS = (1.0, 1.1, 1.1, 1.0, 0.85)
FIRST_DAYS = 3
"""Users visit more often in the first days of a trial."""
DAYS_UNTIL_STALLED = 4
ENGAGEMENT_DECAY_DAYS = 6
UNINSTALL_DECAY_DAYS = 8
LAPSED_ENGAGEMENT = 0.03
"""The share of the engagement that remains long after an unconverted trial."""
MAX_CACHED_PLANS = 50_000
UTC_OFFSET_HOURS = {
    "US": -6,
    "BR": -3,
    "GB": 0,
    "DE": 1,
    "NL": 1,
    "FR": 1,
    "IL": 2,
    "IN": 5,
    "JP": 9,
}


class Adoption:
    """The usage of each org by day number."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.plan = lru_cache(maxsize=MAX_CACHED_PLANS)(self._plan)
        self._pace_and_drift = cache(self._draw_pace_and_drift)

    def age(self, account: Account, day: int) -> int:
        """Return the number of days since the latest trial start.

        It is 0 on that day and negative before the first trial. For an org without a
        trial it counts from the org's start day.
        """
        started = [start for start in account.trial_days if start <= day]
        return day - max(started, default=account.start_day)

    def level(self, account: Account, day: int) -> float:
        """Return the usage as a share of the peak, from 0 to about 1."""
        age = self.age(account, day)
        if age < 0:
            return 0.0
        pace, drift = self._pace_and_drift(account)
        ramp_up = 1 - math.exp(-(age + 0.7) * pace / account.peak.ramp_up_days)
        months = (day - max(0, account.start_day)) / 30
        level = ramp_up * max(0.1, 1 + drift * months)
        if self.plan(account, day) == TRIAL and age > TRIAL_DAYS:
            level *= math.exp(-(age - TRIAL_DAYS) / UNINSTALL_DECAY_DAYS)
        elif self.plan(account, day) == FREE and len(account.trial_days) == 1:
            level *= 0.9
        return level

    def engagement(self, account: Account, day: int) -> float:
        """Return the probability that a given user of the org visits on the day."""
        age = self.age(account, day)
        if age < 0:
            return 0.0
        chance = account.peak.engagement * self._weekday_factor(day)
        if account.trial_days and age < FIRST_DAYS:
            chance *= 1.6
        if account.scenario == "trial_stalled" and age > DAYS_UNTIL_STALLED:
            return 0.0
        if self.plan(account, day) == TRIAL and account.trial_days:
            if account.peak.engagement < 0.2 and age > FIRST_DAYS:
                chance *= math.exp(-(age - FIRST_DAYS) / (2 * ENGAGEMENT_DECAY_DAYS))
            if age > TRIAL_DAYS:
                decay = math.exp(-(age - TRIAL_DAYS) / ENGAGEMENT_DECAY_DAYS)
                chance *= LAPSED_ENGAGEMENT + decay
        return min(chance, 0.95)

    def _weekday_factor(self, day: int) -> float:
        weekday = self._world.timestamp(day).weekday()
        return WORKING_DAY_FACTORS[weekday] if weekday < 5 else WEEKEND_FACTOR

    def _plan(self, account: Account, day: int) -> int | None:
        state = account.state(self._world.timestamp(day + 1))
        return state["billing_plan_id"] if state else None

    def _draw_pace_and_drift(self, account: Account) -> tuple[float, float]:
        """Return the org's ramp-up speed and its monthly growth.

        The speed is a factor of about 1, the growth a share of about 0.
        """
        rng = self._world.rng("character", account.org_id)
        pace = 2 ** rng.gauss(0, 0.6)
        spread = 0.25 if account.peak.users == BIG.users else 0.08
        return pace, min(0.8, max(-0.4, rng.gauss(0.03, spread)))


def utc_offset_hours(account: Account) -> int:
    """Return the UTC offset of the org's country, 0 if the country is unknown."""
    return UTC_OFFSET_HOURS.get(account.changes[0].values["country"], 0)
