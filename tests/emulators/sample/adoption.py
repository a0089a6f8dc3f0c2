"""How much of an org is in use on a day: growth, weekly rhythm, and losing interest.

From the org's stories and its plan; no chance but the org's own pace and drift, so
that its samples, its events and its visits tell the same tale.
"""

import math
from functools import cache, lru_cache

from tests.emulators.sample.company import Account
from tests.emulators.sample.scenarios import BIG, FREE, TRIAL, TRIAL_DAYS
from tests.emulators.sample.world import World

WEEKEND_SHARE = 0.2
"""Of a working day's visitors, those who come on a Saturday or Sunday."""
MONDAY_TO_FRIDAY = (1.0, 1.1, 1.1, 1.0, 0.85)
CURIOUS_DAYS = 3
DAYS_UNTIL_STALLED = 4
COOLING_DAYS = 6
UNINSTALLING_DAYS = 8
LEFT_BY_THE_LAPSED = 0.03
PLANS_KEPT = 50_000
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
    """The state of each org's use of the product, by day number."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.plan = lru_cache(maxsize=PLANS_KEPT)(self._plan)
        self._character = cache(self._drawn)

    def age(self, account: Account, day: int) -> int:
        """Return the days since its latest trial began, 0 on that day; below: not yet.

        An org without a trial counts from when it was opened.
        """
        begun = [start for start in account.trial_days if start <= day]
        return day - max(begun, default=account.start_day)

    def level(self, account: Account, day: int) -> float:
        """Return its usage as a share of its peak: 0 at first, about 1 when settled."""
        age = self.age(account, day)
        if age < 0:
            return 0.0
        pace, drift = self._character(account)
        grown = 1 - math.exp(-(age + 0.7) * pace / account.peak.settling_days)
        months = (day - max(0, account.start_day)) / 30
        level = grown * max(0.1, 1 + drift * months)
        if self.plan(account, day) == TRIAL and age > TRIAL_DAYS:
            level *= math.exp(-(age - TRIAL_DAYS) / UNINSTALLING_DAYS)
        elif self.plan(account, day) == FREE and len(account.trial_days) == 1:
            level *= 0.9
        return level

    def engagement(self, account: Account, day: int) -> float:
        """Return the chance, 0 to 1, that one of its users comes by on that day."""
        age = self.age(account, day)
        if age < 0:
            return 0.0
        chance = account.peak.engagement * self._weekday(day)
        if account.trial_days and age < CURIOUS_DAYS:
            chance *= 1.6
        if account.story == "trial_stalled" and age > DAYS_UNTIL_STALLED:
            return 0.0
        if self.plan(account, day) == TRIAL and account.trial_days:
            if account.peak.engagement < 0.2 and age > CURIOUS_DAYS:
                chance *= math.exp(-(age - CURIOUS_DAYS) / (2 * COOLING_DAYS))
            if age > TRIAL_DAYS:
                cooled = math.exp(-(age - TRIAL_DAYS) / COOLING_DAYS)
                chance *= LEFT_BY_THE_LAPSED + cooled
        return min(chance, 0.95)

    def _weekday(self, day: int) -> float:
        weekday = self._world.moment(day).weekday()
        return MONDAY_TO_FRIDAY[weekday] if weekday < 5 else WEEKEND_SHARE

    def _plan(self, account: Account, day: int) -> int | None:
        state = account.state(self._world.moment(day + 1))
        return state["billing_plan_id"] if state else None

    def _drawn(self, account: Account) -> tuple[float, float]:
        """Return its pace (around 1) and its growth a month as a share (around 0)."""
        rng = self._world.rng("character", account.org_id)
        pace = 2 ** rng.gauss(0, 0.6)
        spread = 0.25 if account.peak.users == BIG.users else 0.08
        return pace, min(0.8, max(-0.4, rng.gauss(0.03, spread)))


def utc_offset_hours(account: Account) -> int:
    """Return how far ahead of UTC its people work; those of unknown country at 0."""
    return UTC_OFFSET_HOURS.get(account.changes[0].values["country"], 0)
