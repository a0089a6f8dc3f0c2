"""Who came by on a day, when, and where they went: told alike to both logs.

A visit is drawn once, as a few numbers; walking it gives the same steps every time,
so that the app log and the web log agree without either being kept in memory.
"""

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from tests.emulators.sample import texts
from tests.emulators.sample.adoption import Adoption, utc_offset_hours
from tests.emulators.sample.company import Account, Company, Member
from tests.emulators.sample.world import World

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
SCALED_USER_STEP = 10_000_000
"""With a scale above one, a member stands for that many users, this far apart."""
LONGEST_VISIT_SECONDS = 2 * HOUR_SECONDS
LONGEST_PAUSE_SECONDS = 1_500
STEPS = (2, 9)
FAILED_SHARE = 0.02
ENTRANCES = 4
"""Visits begin on one of the first pages of the list."""
WORKING_HOURS = ((10.5, 2.0), (15.0, 2.0), (20.5, 1.2))
"""Centre and spread of the times, local, at which people come."""
SECOND_VISIT_SHARE = 0.35
ANONYMOUS_SHARE = 0.3
CRAWLER_SHARE = 0.06
REGULAR_SHARE = 0.4
REGULARS = 500
"""Anonymous visitors with an address that is seen again."""
NIGHT_OWLS = 2
"""Visits a day that begin shortly before midnight, for small worlds to have some."""


class Visit(NamedTuple):
    """One visit. `start` is in seconds after midnight; `user_id` None is anonymous.

    `other_org_id` is a second org of the same user, if there is one.
    """

    start: int
    seed: int
    org_id: int
    user_id: int | None
    address: str
    agent: str
    other_org_id: int | None = None
    is_first_anonymous: bool = False


class Step(NamedTuple):
    """One page looked at, so many seconds after midnight of the visit's own day."""

    seconds: int
    page: str
    number: int
    has_failed: bool


class Visits:
    """The visits of each day of a world."""

    def __init__(self, world: World, company: Company, adoption: Adoption) -> None:
        self._world = world
        self._company = company
        self._adoption = adoption
        self._orgs_of = _orgs_of_users(company)

    def during(self, day: int) -> Iterator[tuple[Visit, list[Step]]]:
        """Yield each visit with those of its steps that fall on that day.

        A visit that goes on after midnight is yielded on both days.
        """
        for visit in self._begun(day - 1):
            if visit.start + LONGEST_VISIT_SECONDS >= DAY_SECONDS:
                after = [
                    step._replace(seconds=step.seconds - DAY_SECONDS)
                    for step in walk(visit)
                    if step.seconds >= DAY_SECONDS
                ]
                if after:
                    yield visit, after
        for visit in self._begun(day):
            yield visit, [step for step in walk(visit) if step.seconds < DAY_SECONDS]

    def _begun(self, day: int) -> Iterator[Visit]:
        rng = self._world.rng("visits", day)
        for account in self._company.accounts:
            chance = self._adoption.engagement(account, day)
            if not chance:
                continue
            for member in account.members:
                if not member.since <= day < member.until:
                    continue
                for copy in range(self._world.scale):
                    if rng.random() < chance:
                        yield from self._of_user(account, member, copy, rng)
                        if rng.random() < ANONYMOUS_SHARE:
                            yield _stranger(rng)
        for _ in range(NIGHT_OWLS):
            yield _stranger(rng)._replace(start=DAY_SECONDS - rng.randint(60, 900))

    def _of_user(
        self, account: Account, member: Member, copy: int, rng: Random
    ) -> Iterator[Visit]:
        user_id = member.user_id + copy * SCALED_USER_STEP
        orgs = self._orgs_of.get(member.user_id, ())
        other = [org_id for org_id in orgs if org_id != account.org_id]
        offset = utc_offset_hours(account) * HOUR_SECONDS
        for _ in range(1 + (rng.random() < SECOND_VISIT_SHARE)):
            centre, spread = rng.choices(WORKING_HOURS, weights=(6, 6, 1))[0]
            local = rng.gauss(centre, spread) * HOUR_SECONDS
            yield Visit(
                start=int(local - offset) % DAY_SECONDS,
                seed=rng.getrandbits(40),
                org_id=account.org_id,
                user_id=user_id,
                address=_address_of(user_id),
                agent=texts.BROWSERS[user_id % len(texts.BROWSERS)],
                other_org_id=other[0] if other else None,
                is_first_anonymous=rng.random() < ANONYMOUS_SHARE,
            )


def walk(visit: Visit) -> Iterator[Step]:
    """Yield the steps of a visit, in order of time; always the same ones."""
    rng = Random(visit.seed)
    seconds = visit.start
    for number in range(rng.randint(*STEPS)):
        if number:
            # Mostly a minute or two; now and then so long that little is missing
            # to end the session.
            pause = int(rng.expovariate(1 / 70)) if rng.random() < 0.95 else 1_400
            seconds += min(pause, LONGEST_PAUSE_SECONDS)
        if seconds - visit.start >= LONGEST_VISIT_SECONDS:
            return
        page = rng.choice(texts.PAGES if number else texts.PAGES[:ENTRANCES])
        yield Step(seconds, page, number, rng.random() < FAILED_SHARE)


def _stranger(rng: Random) -> Visit:
    """Draw an anonymous visit, by a person or by a robot that says so."""
    agents = texts.CRAWLERS if rng.random() < CRAWLER_SHARE else texts.BROWSERS
    regular = rng.random() < REGULAR_SHARE
    return Visit(
        start=rng.randrange(DAY_SECONDS),
        seed=rng.getrandbits(40),
        org_id=0,
        user_id=None,
        address=_address_of(rng.randrange(REGULARS)) if regular else texts.address(rng),
        agent=rng.choice(agents),
    )


def _address_of(user_id: int) -> str:
    """Return the user's address: the same every day."""
    return f"198.{18 + user_id % 2}.{user_id // 254 % 256}.{user_id % 254 + 1}"


def _orgs_of_users(company: Company) -> dict[int, list[int]]:
    """Return the orgs of those users who work for several."""
    orgs: dict[int, list[int]] = defaultdict(list)
    for account in company.accounts:
        for member in account.members:
            orgs[member.user_id].append(account.org_id)
    return {user_id: of_user for user_id, of_user in orgs.items() if len(of_user) > 1}
