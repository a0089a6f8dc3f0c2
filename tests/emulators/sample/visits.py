"""Visits to the product by users and anonymous visitors, for both log sources.

A visit is drawn once, as a few numbers. Its steps are derived from its own seed and
are therefore the same for the app log and the web log without being stored.
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
"""Distance of the ids of the users that replace one member when `scale` is above 1."""
MAX_VISIT_SECONDS = 2 * HOUR_SECONDS
MAX_PAUSE_SECONDS = 1_500
STEPS = (2, 9)
FAILED_SHARE = 0.02
ENTRY_PAGES = 4
"""Visits start on one of the first pages of the list."""
VISIT_HOURS = ((10.5, 2.0), (15.0, 2.0), (20.5, 1.2))
"""Mean and standard deviation of the start, in hours of local time."""
SECOND_VISIT_SHARE = 0.35
ANONYMOUS_SHARE = 0.3
CRAWLER_SHARE = 0.06
RETURNING_SHARE = 0.4
RETURNING_ADDRESSES = 500
"""Number of addresses that anonymous visitors use again."""
LATE_VISITS_PER_DAY = 2
"""Visits that start shortly before midnight, so that small worlds have some."""


class Visit(NamedTuple):
    """One visit. `start` is in seconds after midnight.

    `user_id` is None for an anonymous visitor. `other_org_id` is another org of the
    same user. `is_first_anonymous` means that the first request precedes the login.
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
    """One page view, in seconds after midnight of the day on which the visit starts."""

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
        self._orgs_by_user = _orgs_of_shared_users(company)

    def on_day(self, day: int) -> Iterator[tuple[Visit, list[Step]]]:
        """Yield each visit with those of its steps that fall on the day.

        A visit that crosses midnight is yielded on both days. The `seconds` of the
        steps count from midnight of `day`.
        """
        for visit in self._starting_on(day - 1):
            if visit.start + MAX_VISIT_SECONDS >= DAY_SECONDS:
                after_midnight = [
                    step._replace(seconds=step.seconds - DAY_SECONDS)
                    for step in visit_steps(visit)
                    if step.seconds >= DAY_SECONDS
                ]
                if after_midnight:
                    yield visit, after_midnight
        for visit in self._starting_on(day):
            steps = visit_steps(visit)
            yield visit, [step for step in steps if step.seconds < DAY_SECONDS]

    def _starting_on(self, day: int) -> Iterator[Visit]:
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
                        yield from self._user_visits(account, member, copy, rng)
                        if rng.random() < ANONYMOUS_SHARE:
                            yield _anonymous_visit(rng)
        for _ in range(LATE_VISITS_PER_DAY):
            visit = _anonymous_visit(rng)
            yield visit._replace(start=DAY_SECONDS - rng.randint(60, 900))

    def _user_visits(
        self, account: Account, member: Member, copy: int, rng: Random
    ) -> Iterator[Visit]:
        user_id = member.user_id + copy * SCALED_USER_STEP
        org_ids = self._orgs_by_user.get(member.user_id, ())
        other_org_ids = [org_id for org_id in org_ids if org_id != account.org_id]
        offset = utc_offset_hours(account) * HOUR_SECONDS
        for _ in range(1 + (rng.random() < SECOND_VISIT_SHARE)):
            mean, deviation = rng.choices(VISIT_HOURS, weights=(6, 6, 1))[0]
            local = rng.gauss(mean, deviation) * HOUR_SECONDS
            yield Visit(
                start=int(local - offset) % DAY_SECONDS,
                seed=rng.getrandbits(40),
                org_id=account.org_id,
                user_id=user_id,
                address=_address_of_user(user_id),
                agent=texts.BROWSERS[user_id % len(texts.BROWSERS)],
                other_org_id=other_org_ids[0] if other_org_ids else None,
                is_first_anonymous=rng.random() < ANONYMOUS_SHARE,
            )


def visit_steps(visit: Visit) -> Iterator[Step]:
    """Yield the steps of a visit in order of time; they depend on the visit only."""
    rng = Random(visit.seed)
    seconds = visit.start
    for number in range(rng.randint(*STEPS)):
        if number:
            # Pauses are mostly a minute or two. A few are only a little shorter than
            # the session timeout.
            pause = int(rng.expovariate(1 / 70)) if rng.random() < 0.95 else 1_400
            seconds += min(pause, MAX_PAUSE_SECONDS)
        if seconds - visit.start >= MAX_VISIT_SECONDS:
            return
        page = rng.choice(texts.PAGES if number else texts.PAGES[:ENTRY_PAGES])
        yield Step(seconds, page, number, rng.random() < FAILED_SHARE)


def _anonymous_visit(rng: Random) -> Visit:
    """Draw an anonymous visit by a person or by a crawler with its own user agent."""
    agents = texts.CRAWLERS if rng.random() < CRAWLER_SHARE else texts.BROWSERS
    is_returning = rng.random() < RETURNING_SHARE
    return Visit(
        start=rng.randrange(DAY_SECONDS),
        seed=rng.getrandbits(40),
        org_id=0,
        user_id=None,
        address=(
            _address_of_user(rng.randrange(RETURNING_ADDRESSES))
            if is_returning
            else texts.ipv4_address(rng)
        ),
        agent=rng.choice(agents),
    )


def _address_of_user(user_id: int) -> str:
    """Return the user's IPv4 address, which is the same every day."""
    return f"198.{18 + user_id % 2}.{user_id // 254 % 256}.{user_id % 254 + 1}"


def _orgs_of_shared_users(company: Company) -> dict[int, list[int]]:
    """Return the org ids of each user who is a member of several orgs."""
    org_ids: dict[int, list[int]] = defaultdict(list)
    for account in company.accounts:
        for member in account.members:
            org_ids[member.user_id].append(account.org_id)
    return {user_id: ids for user_id, ids in org_ids.items() if len(ids) > 1}
