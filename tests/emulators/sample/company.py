"""The company's orgs: who they are, what happens to them and when, who uses them.

Drawn once for a world; all sources are then written from it. Adding a story means a
line in `stories` and, where it does something new, a case in `_changes`.
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
    STORIES,
    TRIAL,
    TRIAL_DAYS,
    Footprint,
)
from tests.emulators.sample.world import World

FIRST_ORG_ID = 1001
FIRST_USER_ID = 50_001
DAYS_BEFORE = 40
"""Trials that are still in their window when the world begins have started then."""
OLDEST_DAYS = 700
MISSING_LONG_NIGHTS = 9
TRICKY_NAME_SHARE = 0.03
RENAMED_SHARE = 0.03
MOVING_SHARE = 0.03
WEEKEND_MOVED_SHARE = 0.5


class Change(NamedTuple):
    """From `at` on the org has these values; its `updated_at` is the last change's."""

    at: datetime
    values: dict[str, Any]


class Member(NamedTuple):
    """A user of an org, from its day `since` to the day before `until`."""

    user_id: int
    since: int = -(10**6)
    until: int = 10**6


@dataclass(frozen=True, eq=False)
class Account:
    """One org. `peak` is what it uses when settled, `absent` nights without its line.

    `trial_days` are the day numbers on which a trial of it begins. One account is
    equal to itself only, so that it can be a key.
    """

    org_id: int
    story: str
    changes: tuple[Change, ...]
    absent: frozenset[date]
    trial_days: tuple[int, ...]
    members: tuple[Member, ...]
    peak: Footprint

    @property
    def start_day(self) -> int:
        """The day number from which its usage grows."""
        return self.trial_days[0] if self.trial_days else -OLDEST_DAYS // 2

    def state(self, before: datetime) -> dict[str, Any] | None:
        """Return its export line's values as of that moment; None before it exists."""
        values: dict[str, Any] = {}
        for change in self.changes:
            if change.at >= before:
                break
            values.update(change.values, updated_at=change.at)
        return values or None


@dataclass(frozen=True)
class Company:
    """All orgs of a world, in the order of their ids."""

    accounts: tuple[Account, ...]

    @property
    def stories(self) -> Counter[str]:
        """How many orgs have which story."""
        return Counter(account.story for account in self.accounts)


def found_company(world: World) -> Company:
    """Draw the orgs of `world`."""
    rng = world.rng("company")
    user_ids = iter(range(FIRST_USER_ID, FIRST_USER_ID + 10**6))
    accounts = [
        _account(world, rng, number=number, story=story, user_ids=user_ids)
        for number, story in enumerate(_stories(world, rng))
    ]
    return Company(tuple(_with_moving_users(accounts, rng, world)))


def _stories(world: World, rng: Random) -> list[str]:
    # Without it there is another org of the most usual kind, and the rest as before.
    known = {} if world.rates.unknown_plan else {"unknown_plan": "trial_lapsed"}
    certain = [known.get(story, story) for story in STORIES][: world.orgs]
    shares = [story.share for story in STORIES.values()]
    drawn = rng.choices(list(STORIES), weights=shares, k=world.orgs - len(certain))
    return certain + drawn


def _account(
    world: World, rng: Random, *, number: int, story: str, user_ids: Iterator[int]
) -> Account:
    happens = _when_it_happens(world, rng, number=number)
    start = _start_day(world, rng, number=number, story=story)
    if number < len(STORIES):
        start = _start_of_certain(world, story, start=start, happens=happens)
    started_at = world.moment(start, rng.uniform(0, 86_399))
    trials = _trials(story, started_at, happens=world.moment(happens, 36_000))
    footprint = STORIES[story].footprint
    people = rng.randint(*footprint.users) if story != "without_logs" else 0
    first = _first_values(rng, number=number, story=story)
    changes = [Change(started_at - timedelta(minutes=rng.randint(1, 900)), first)]
    changes += _changes(world, rng, story=story, trials=trials)
    if rng.random() < RENAMED_SHARE or number == 0:
        renamed = {"org_name": f"{first['org_name']} (renamed)"}
        at = max(world.moment(happens, 43_200), started_at + timedelta(hours=1))
        changes.append(Change(at, renamed))
    changes[0].values["created_at"] = changes[0].at
    return Account(
        org_id=FIRST_ORG_ID + number,
        story=story,
        changes=tuple(sorted(changes, key=lambda change: change.at)),
        absent=_absent(world, story, happens=happens),
        trial_days=tuple((trial.date() - world.first).days for trial in trials),
        members=tuple(Member(next(user_ids)) for _ in range(people)),
        peak=_peak(footprint, rng),
    )


def _when_it_happens(world: World, rng: Random, *, number: int) -> int:
    """Return the day of the story's turn: the middle, for those that must show it."""
    if number < len(STORIES):
        return world.days // 2
    return rng.randrange(world.days)


def _start_day(world: World, rng: Random, *, number: int, story: str) -> int:
    """Spread starts evenly over all days, fewer on weekends; old orgs began before."""
    if STORIES[story].is_old:
        return -rng.randint(DAYS_BEFORE + 20, OLDEST_DAYS)
    span = world.days + DAYS_BEFORE
    # Neighbours in number are far apart in time: the story is no sign of the day.
    start = (number * 37 + rng.randrange(3)) % span - DAYS_BEFORE
    is_weekend = world.moment(start).weekday() >= 5
    if is_weekend and rng.random() < WEEKEND_MOVED_SHARE:
        start -= 2
    return start


def _start_of_certain(world: World, story: str, *, start: int, happens: int) -> int:
    """Return a start that brings the story's turn into the world, however short."""
    fixed = {
        "restarted_trial": happens - 20,
        "missing_one_night": happens - 3,
        "missing_long": -3,
        "turned_internal": happens - 4,
        "trial_scheduled": max(0, happens - 2),
        "newborn": world.days - 1,
        "paid_then_free": happens - 16,
        "free_then_paid": happens - 20,
    }
    if story in fixed:
        return fixed[story]
    if STORIES[story].is_old:
        return start
    return happens - 9


def _trials(story: str, started_at: datetime, *, happens: datetime) -> list[datetime]:
    if story == "never_in_trial":
        return []
    if story == "restarted_trial":
        again = max(happens, started_at + timedelta(days=TRIAL_DAYS + 2))
        return [started_at, again]
    if story == "trial_scheduled":
        return [started_at + timedelta(days=3)]
    return [started_at]


def _changes(
    world: World, rng: Random, *, story: str, trials: list[datetime]
) -> list[Change]:
    """Return what happens after the org's creation."""
    if not trials:
        return []
    announced = trials[0] if story != "trial_scheduled" else trials[0] - timedelta(2)
    changes = [Change(announced, {"trial_started_at": trials[0]})]
    changes += [
        Change(at, {"trial_started_at": at} | _plan(TRIAL)) for at in trials[1:]
    ]
    at = trials[-1]
    for plan in STORIES[story].plans:
        # Most decide between day 5 and 25, and most of them in the second week.
        at += timedelta(days=rng.triangular(4, 24, 9))
        if len(changes) > 1:
            at -= timedelta(days=3)
        changes.append(Change(at.replace(microsecond=0), _plan(plan)))
    if story == "turned_internal":
        at = trials[0] + timedelta(days=5)
        changes.append(Change(at, {"is_internal": True}))
    return changes


def _plan(plan: int) -> dict[str, Any]:
    return {"billing_plan_id": plan, "billing_plan_name": PLAN_NAMES[plan]}


def _first_values(rng: Random, *, number: int, story: str) -> dict[str, Any]:
    plans = STORIES[story].plans
    name = texts.org_name(number, rng, tricky_share=TRICKY_NAME_SHARE)
    owner = f"owner{number}@org{number}.example" if rng.random() < 0.95 else None
    return {
        "org_id": FIRST_ORG_ID + number,
        "org_name": name,
        "created_at": None,
        "trial_started_at": None,
        **_plan(plans[0] if story == "never_in_trial" else TRIAL),
        "is_internal": story == "internal",
        "country": rng.choice(texts.COUNTRIES),
        "owner_email": owner,
    }


def _absent(world: World, story: str, *, happens: int) -> frozenset[date]:
    if story == "missing_one_night":
        nights = [happens]
    elif story == "missing_long":
        nights = list(range(1, 1 + MISSING_LONG_NIGHTS))
    else:
        return frozenset()
    return frozenset(world.first + timedelta(days=night) for night in nights)


def _peak(footprint: Footprint, rng: Random) -> Footprint:
    """Return the org's own size: around its footprint's, within a factor of two."""
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
    """Let some users work for a second org too, and some go over to it for good."""
    staffed = [place for place, account in enumerate(accounts) if account.members]
    if len(staffed) < 2:
        return accounts
    users = sum(len(account.members) for account in accounts)
    for number in range(max(2, round(users * MOVING_SHARE))):
        here, there = rng.sample(staffed, 2)
        old, new = accounts[here], accounts[there]
        member = old.members[0]
        joining = Member(member.user_id)
        if number % 2:
            day = rng.randrange(world.days)
            joining = Member(member.user_id, since=day)
            leaving = (member._replace(until=day), *old.members[1:])
            accounts[here] = replace(old, members=leaving)
        accounts[there] = replace(new, members=(*new.members, joining))
    return accounts
