"""The source `web_logs`: one request per line in Apache's *combined* log format.

The requests are the pages of `visits`, the assets of those pages, and `bots`.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from tests.emulators.sample import combined_log, texts
from tests.emulators.sample.bots import Bot
from tests.emulators.sample.combined_log import Request
from tests.emulators.sample.rates import WEB_ANOMALIES, WEB_REJECTS, WEB_VARIANTS
from tests.emulators.sample.stream import Delivery, Record
from tests.emulators.sample.visits import DAY_SECONDS, Step, Visit, Visits
from tests.emulators.sample.world import World

ASSET_SHARE = 0.2
MAX_ASSETS = 3
NOT_MODIFIED_SHARE = 0.3
INTERNAL_REFERRER = "https://www.example.com/dashboards"
REFERRERS = ("-", "-", "https://www.example.com/", "https://search.example/?q=apm")


class WebLogs:
    """The source `web_logs`; see `stream.Source`."""

    name = "web_logs"
    extension = "log"
    object_counts = (2, 4)
    reject_kinds = WEB_REJECTS
    variant_kinds = WEB_VARIANTS
    anomaly_kinds = WEB_ANOMALIES

    def __init__(self, world: World, visits: Visits, bots: list[Bot]) -> None:
        self._world = world
        self._visits = visits
        self._bots = bots

    def records(self, day: int) -> Iterator[Record]:
        """Yield the requests of the day."""
        rng = self._world.rng(self.name, day)
        today = self._world.timestamp(day).date()
        for number, bot in enumerate(self._bots):
            for seconds in bot.request_times(day):
                request = _bot_request(bot, seconds, today, rng)
                yield Record(seconds, number, request, is_protected=True)
        for visit, steps in self._visits.on_day(day):
            shard = visit.org_id or visit.seed
            for step in steps:
                page = _page_request(visit, step, today, rng)
                yield Record(step.seconds, shard, page)
                if rng.random() < ASSET_SHARE:
                    for request in _asset_requests(visit, step, today, rng):
                        yield Record(request.seconds, shard, request)

    def format_line(self, values: Request, variant: str | None, rng: Random) -> bytes:
        """Return the request as a line, unusual but valid if `variant` is set."""
        return combined_log.format_line(values, variant=variant, rng=rng)

    def corrupt_line(self, values: Request, kind: str, rng: Random) -> bytes:
        """Return the request as a line that must be rejected."""
        return combined_log.corrupt_line(values, kind=kind, rng=rng)

    def apply_anomaly(self, kind: str, values: Request, rng: Random) -> list[Delivery]:
        """Return the request with a date in the future, as from a wrong clock."""
        day = values.day + timedelta(days=rng.randint(1, 40))
        return [Delivery(values._replace(day=day))]


def _page_request(visit: Visit, step: Step, day: date, rng: Random) -> Request:
    is_before_login = visit.is_first_anonymous and not step.number
    is_anonymous = visit.user_id is None or is_before_login
    referrer = INTERNAL_REFERRER if step.number else rng.choice(REFERRERS)
    return Request(
        client=visit.address,
        authuser="-" if is_anonymous else str(visit.user_id),
        day=day,
        seconds=step.seconds,
        request=f"GET {step.page} HTTP/1.1",
        status=500 if step.has_failed else 200,
        size=str(rng.randrange(400, 40_000)),
        referrer=referrer,
        agent=visit.agent,
    )


def _asset_requests(
    visit: Visit, step: Step, day: date, rng: Random
) -> Iterator[Request]:
    """Yield requests for the assets of a page, within two seconds after it."""
    page = _page_request(visit, step, day, rng)
    for path in rng.sample(texts.ASSETS, rng.randint(1, MAX_ASSETS)):
        seconds = step.seconds + rng.randrange(3)
        if seconds < DAY_SECONDS:
            is_cached = rng.random() < NOT_MODIFIED_SHARE
            yield page._replace(
                seconds=seconds,
                request=f"GET {path} HTTP/1.1",
                status=304 if is_cached else 200,
                size="-" if is_cached else page.size,
                referrer=f"https://www.example.com{step.page}",
            )


def _bot_request(bot: Bot, seconds: int, day: date, rng: Random) -> Request:
    return Request(
        client=bot.address,
        authuser=bot.authuser,
        day=day,
        seconds=seconds,
        request=f"GET {bot.path} HTTP/1.1",
        status=200,
        size=str(rng.randrange(200, 900)),
        referrer="-",
        agent=bot.agent,
    )
