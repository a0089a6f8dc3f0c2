"""The web servers' log, one request a line in Apache's *combined* format.

From `visits` (pages, and the files a page needs) and from `robots`.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from tests.emulators.sample import combined, texts
from tests.emulators.sample.bots import Robot
from tests.emulators.sample.combined import Request
from tests.emulators.sample.rates import WEB_EVENTS, WEB_ODDITIES, WEB_REJECTS
from tests.emulators.sample.stream import Record, Told
from tests.emulators.sample.visits import DAY_SECONDS, Step, Visit, Visits
from tests.emulators.sample.world import World

ASSET_SHARE = 0.2
MOST_ASSETS = 3
UNMODIFIED_SHARE = 0.3
INTERNAL_REFERRER = "https://www.example.com/dashboards"
REFERRERS = ("-", "-", "https://www.example.com/", "https://search.example/?q=apm")


class WebLogs:
    """The source `web_logs`; see `stream.Source`."""

    name = "web_logs"
    suffix = "log"
    objects = (2, 4)
    rejects = WEB_REJECTS
    oddities = WEB_ODDITIES
    events = WEB_EVENTS

    def __init__(self, world: World, visits: Visits, robots: list[Robot]) -> None:
        self._world = world
        self._visits = visits
        self._robots = robots

    def records(self, day: int) -> Iterator[Record]:
        """Yield the requests of that day."""
        rng = self._world.rng(self.name, day)
        today = self._world.moment(day).date()
        for number, robot in enumerate(self._robots):
            for seconds in robot.seconds_of(day):
                request = _of_robot(robot, seconds, today, rng)
                yield Record(seconds, number, request, is_fixed=True)
        for visit, steps in self._visits.during(day):
            shard = visit.org_id or visit.seed
            for step in steps:
                yield Record(step.seconds, shard, _page(visit, step, today, rng))
                if rng.random() < ASSET_SHARE:
                    for request in _assets(visit, step, today, rng):
                        yield Record(request.seconds, shard, request)

    def spell(self, values: Request, oddity: str | None, rng: Random) -> bytes:
        """Return the request's line, an unusual but valid one if asked to."""
        return combined.spell(values, oddity=oddity, rng=rng)

    def spoil(self, values: Request, kind: str, rng: Random) -> bytes:
        """Return a line that is no request any more."""
        return combined.spoil(values, kind=kind, rng=rng)

    def happen(self, kind: str, values: Request, rng: Random) -> list[Told]:
        """Return the request as a clock that is ahead would tell it."""
        day = values.day + timedelta(days=rng.randint(1, 40))
        return [Told(values._replace(day=day))]


def _page(visit: Visit, step: Step, today: date, rng: Random) -> Request:
    is_unnamed = visit.user_id is None or (visit.is_first_anonymous and not step.number)
    referrer = INTERNAL_REFERRER if step.number else rng.choice(REFERRERS)
    return Request(
        client=visit.address,
        authuser="-" if is_unnamed else str(visit.user_id),
        day=today,
        seconds=step.seconds,
        request=f"GET {step.page} HTTP/1.1",
        status=500 if step.has_failed else 200,
        size=str(rng.randrange(400, 40_000)),
        referrer=referrer,
        agent=visit.agent,
    )


def _assets(visit: Visit, step: Step, today: date, rng: Random) -> Iterator[Request]:
    """Yield the files that a page needs, in the seconds after it."""
    page = _page(visit, step, today, rng)
    for path in rng.sample(texts.ASSETS, rng.randint(1, MOST_ASSETS)):
        seconds = step.seconds + rng.randrange(3)
        if seconds < DAY_SECONDS:
            is_known = rng.random() < UNMODIFIED_SHARE
            yield page._replace(
                seconds=seconds,
                request=f"GET {path} HTTP/1.1",
                status=304 if is_known else 200,
                size="-" if is_known else page.size,
                referrer=f"https://www.example.com{step.page}",
            )


def _of_robot(robot: Robot, seconds: int, today: date, rng: Random) -> Request:
    return Request(
        client=robot.address,
        authuser=robot.authuser,
        day=today,
        seconds=seconds,
        request=f"GET {robot.path} HTTP/1.1",
        status=200,
        size=str(rng.randrange(200, 900)),
        referrer="-",
        agent=robot.agent,
    )
