"""The orgs of a sample company: their attributes, their changes, and their users.

They are drawn once for a world, and all sources are then generated from them. To add
a scenario, add it to `scenarios` and, if its changes are new, a case to `_changes`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from tests.emulators.sample import texts
from tests.emulators.sample.scenarios import (
    BIG,
    PLAN_NAMES,
    SCENARIOS,
    TRIAL,
    TRIAL_DAYS,
    Footprint,
)
from tests.emulators.sample.world import World

FIRST_ORG_ID = 1001
FIRST_USER_ID = 50_001
FIRST_UNKNOWN_ORG_ID = 9_000_001
"""No org of the company has this id or a greater one."""
DAYS_BEFORE = 40
"""Trials start up to this many days before the world's first date."""
OLDEST_DAYS = 700
LONG_ABSENCE_DAYS = 9
TRICKY_NAME_SHARE = 0.03
RENAMED_SHARE = 0.03
MOVING_SHARE = 0.03
WEEKEND_MOVED_SHARE = 0.5


class Change(NamedTuple):
    """A change of an org's attributes at the time `at`, which becomes `updated_at`."""

    at: datetime
    values: dict[str, Any]


class Member(NamedTuple):
    """A user of an org on the days `since <= day < until`."""

    user_id: int
    since: int = -(10**6)
    until: int = 10**6


@dataclass(frozen=True, eq=False)
class Account:
    """One org.

    `missing_dates` are the partitions that lack the org. `trial_days` are the numbers
    of the days on which a trial starts. `peak` is the usage after ramp-up. Accounts are
    compared by identity, so that they are hashable.
    """

    org_id: int
    scenario: str
    changes: tuple[Change, ...]
    missing_dates: frozenset[date]
    trial_days: tuple[int, ...]
    members: tuple[Member, ...]
    peak: Footprint

    @property
    def start_day(self) -> int:
        """The number of the day on which its usage starts to grow."""
        return self.trial_days[0] if self.trial_days else -OLDEST_DAYS // 2

    def state(self, before: datetime) -> dict[str, Any] | None:
        """Return the values of its export line; None if it did not exist by then."""
        values: dict[str, Any] = {}
        for change in self.changes:
            if change.at >= before:
                break
            values.update(change.values, updated_at=change.at)
        return values or None


@dataclass(frozen=True)
class Company:
    """All orgs of a world, in ascending order of their ids."""

    accounts: tuple[Account, ...]

    @property
    def scenarios(self) -> Counter[str]:
        """The number of orgs by scenario."""
        return Counter(account.scenario for account in self.accounts)


def generate_company(world: World) -> Company:
    """Draw the orgs of `world`."""
    rng = world.rng("company")
    user_ids = iter(range(FIRST_USER_ID, FIRST_USER_ID + 10**6))
    accounts = [
        _account(world, rng, index=index, scenario=scenario, user_ids=user_ids)
        for index, scenario in enumerate(_draw_scenarios(world, rng))
    ]
    return Company(tuple(_with_moving_users(accounts, rng, world)))


def _draw_scenarios(world: World, rng: Random) -> list[str]:
    """Return the scenario of each org: first each scenario once, then random ones."""
    # Without the unknown plan, that org gets the most frequent scenario instead, and
    # all other orgs stay the same.
    replaced = {} if world.rates.unknown_plan else {"unknown_plan": "trial_lapsed"}
    guaranteed = [replaced.get(name, name) for name in SCENARIOS][: world.orgs]
    shares = [scenario.share for scenario in SCENARIOS.values()]
    drawn = rng.choices(list(SCENARIOS), weights=shares, k=world.orgs - len(guaranteed))
    return guaranteed + drawn


def _account(
    world: World, rng: Random, *, index: int, scenario: str, user_ids: Iterator[int]
) -> Account:
    event_day = _event_day(world, rng, index=index)
    start = _start_day(world, rng, index=index, scenario=scenario)
    if index < len(SCENARIOS):
        start = _guaranteed_start_day(world, scenario, start=start, event_day=event_day)
    started_at = world.timestamp(start, rng.uniform(0, 86_399))
    event_at = world.timestamp(event_day, 36_000)
    trials = _trial_starts(scenario, started_at, event_at=event_at)
    footprint = SCENARIOS[scenario].footprint
    users = rng.randint(*footprint.users) if scenario != "without_logs" else 0
    first = _first_values(rng, index=index, scenario=scenario)
    changes = [Change(started_at - timedelta(minutes=rng.randint(1, 900)), first)]
    changes += _changes(world, rng, scenario=scenario, trials=trials)
    if rng.random() < RENAMED_SHARE or index == 0:
        renamed = {"org_name": f"{first['org_name']} (renamed)"}
        at = max(world.timestamp(event_day, 43_200), started_at + timedelta(hours=1))
        changes.append(Change(at, renamed))
    changes[0].values["created_at"] = changes[0].at
    return Account(
        org_id=FIRST_ORG_ID + index,
        scenario=scenario,
        changes=tuple(sorted(changes, key=lambda change: change.at)),
        missing_dates=_missing_dates(world, scenario, event_day=event_day),
        trial_days=tuple((trial.date() - world.first_date).days for trial in trials),
        members=tuple(Member(next(user_ids)) for _ in range(users)),
        peak=_peak(footprint, rng),
    )


def _event_day(world: World, rng: Random, *, index: int) -> int:
    """Return the day of the scenario's main event.

    It is the middle of the world for the guaranteed orgs and random for the others.
    """
    if index < len(SCENARIOS):
        return world.days // 2
    return rng.randrange(world.days)


def _start_day(world: World, rng: Random, *, index: int, scenario: str) -> int:
    """Return the day on which the org starts.

    Start days are spread evenly, with fewer on weekends. Old orgs started earlier.
    """
    if SCENARIOS[scenario].is_old:
        return -rng.randint(DAYS_BEFORE + 20, OLDEST_DAYS)
    span = world.days + DAYS_BEFORE
    # The step separates neighbouring orgs, so that the start day does not depend on
    # the scenario.
    start = (index * 37 + rng.randrange(3)) % span - DAYS_BEFORE
    is_weekend = world.timestamp(start).weekday() >= 5
    if is_weekend and rng.random() < WEEKEND_MOVED_SHARE:
        start -= 2
    return start


def _guaranteed_start_day(
    world: World, scenario: str, *, start: int, event_day: int
) -> int:
    """Return a start day for which the main event falls into even a short world."""
    start_days = {
        "restarted_trial": event_day - 20,
        "missing_one_day": event_day - 3,
        "missing_many_days": -3,
        "turned_internal": event_day - 4,
        "trial_scheduled": max(0, event_day - 2),
        "created_on_last_day": world.days - 1,
        "paid_then_free": event_day - 16,
        "free_then_paid": event_day - 20,
    }
    if scenario in start_days:
        return start_days[scenario]
    if SCENARIOS[scenario].is_old:
        return start
    return event_day - 9


def _trial_starts(
    scenario: str, started_at: datetime, *, event_at: datetime
) -> list[datetime]:
    if scenario == "never_in_trial":
        return []
    if scenario == "restarted_trial":
        restarted_at = max(event_at, started_at + timedelta(days=TRIAL_DAYS + 2))
        return [started_at, restarted_at]
    if scenario == "trial_scheduled":
        return [started_at + timedelta(days=3)]
    return [started_at]


def _changes(
    world: World, rng: Random, *, scenario: str, trials: list[datetime]
) -> list[Change]:
    """Return the changes after the org's creation."""
    if not trials:
        return []
    is_scheduled = scenario == "trial_scheduled"
    announced_at = trials[0] - timedelta(days=2) if is_scheduled else trials[0]
    changes = [Change(announced_at, {"trial_started_at": trials[0]})]
    changes += [
        Change(at, {"trial_started_at": at} | _plan(TRIAL)) for at in trials[1:]
    ]
    at = trials[-1]
    for plan in SCENARIOS[scenario].plans:
        # Trials convert between day 5 and day 25, most of them in the second week.
        at += timedelta(days=rng.triangular(4, 24, 9))
        if len(changes) > 1:
            at -= timedelta(days=3)
        changes.append(Change(at.replace(microsecond=0), _plan(plan)))
    if scenario == "turned_internal":
        at = trials[0] + timedelta(days=5)
        changes.append(Change(at, {"is_internal": True}))
    return changes


def _plan(plan: int) -> dict[str, Any]:
    return {"billing_plan_id": plan, "billing_plan_name": PLAN_NAMES[plan]}


def _first_values(rng: Random, *, index: int, scenario: str) -> dict[str, Any]:
    plans = SCENARIOS[scenario].plans
    name = texts.org_name(index, rng, tricky_share=TRICKY_NAME_SHARE)
    owner = f"owner{index}@org{index}.example" if rng.random() < 0.95 else None
    return {
        "org_id": FIRST_ORG_ID + index,
        "org_name": name,
        "created_at": None,
        "trial_started_at": None,
        **_plan(plans[0] if scenario == "never_in_trial" else TRIAL),
        "is_internal": scenario == "internal",
        "country": rng.choice(texts.COUNTRIES),
        "owner_email": owner,
    }


def _missing_dates(world: World, scenario: str, *, event_day: int) -> frozenset[date]:
    if scenario == "missing_one_day":
        days = [event_day]
    elif scenario == "missing_many_days":
        days = list(range(1, 1 + LONG_ABSENCE_DAYS))
    else:
        return frozenset()
    return frozenset(world.first_date + timedelta(days=day) for day in days)


def _peak(footprint: Footprint, rng: Random) -> Footprint:
    """Return the org's own usage: its footprint times random factors of about one."""
    factor = 2 ** rng.uniform(-1, 1) if footprint is not BIG else rng.uniform(0.5, 2)
    return replace(
        footprint,
        hosts=footprint.hosts * factor,
        dashboards=footprint.dashboards * 2 ** rng.uniform(-0.7, 0.7),
        metrics=footprint.metrics * factor * rng.uniform(0.7, 1.4),
        integrations=footprint.integrations * 2 ** rng.uniform(-0.5, 0.4),
    )


def _with_moving_users(
    accounts: list[Account], rng: Random, world: World
) -> list[Account]:
    """Let some users join a second org; half of them leave the first."""
    with_members = [index for index, account in enumerate(accounts) if account.members]
    if len(with_members) < 2:
        return accounts
    users = sum(len(account.members) for account in accounts)
    for number in range(max(2, round(users * MOVING_SHARE))):
        old_index, new_index = rng.sample(with_members, 2)
        old, new = accounts[old_index], accounts[new_index]
        member = old.members[0]
        joining = Member(member.user_id)
        if number % 2:
            day = rng.randrange(world.days)
            joining = Member(member.user_id, since=day)
            leaving = (member._replace(until=day), *old.members[1:])
            accounts[old_index] = replace(old, members=leaving)
        accounts[new_index] = replace(new, members=(*new.members, joining))
    return accounts
