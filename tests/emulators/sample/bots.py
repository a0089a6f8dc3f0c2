"""Bots: visitors that send a request every few minutes, around the clock.

They cover the edge cases of web sessions: no pause longer than the session timeout, a
pause of exactly the timeout, and one that is a second longer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.emulators.sample import texts
from tests.emulators.sample.company import Company
from tests.emulators.sample.visits import DAY_SECONDS
from tests.emulators.sample.world import World

TIMEOUT_SECONDS = 1_800
NOON = DAY_SECONDS // 2
API_PATH = "/api/v1/series?from=now-5m"


@dataclass(frozen=True)
class Bot:
    """A bot that sends a request every `period` seconds, from `start` to before `end`.

    Both count in seconds from midnight of the world's first date. Each request is
    delayed by a different number of seconds, `jitter` at most.
    """

    address: str
    agent: str
    path: str
    start: int
    end: int
    period: int
    jitter: int = 0
    authuser: str = "-"

    def request_times(self, day: int) -> Iterator[int]:
        """Yield the times of its requests on the day, in seconds after midnight."""
        midnight = day * DAY_SECONDS
        # The division rounds up.
        number = max(0, -(-(midnight - self.jitter - self.start) // self.period))
        while True:
            planned = self.start + number * self.period
            if planned >= min(self.end, midnight + DAY_SECONDS):
                return
            # The delays are deterministic, and differ between days.
            requested = planned + number * 97 % (self.jitter + 1)
            if midnight <= requested < midnight + DAY_SECONDS:
                yield requested - midnight
            number += 1


def create_bots(world: World, company: Company) -> list[Bot]:
    """Return the bots of a world. Most of them are active around its middle only."""
    world_end = world.days * DAY_SECONDS
    middle = world.days // 2 * DAY_SECONDS
    crawler, script, _, feed_reader = texts.CRAWLERS
    bots = [
        # Never pauses. Each day is one session, split at both midnights.
        Bot("198.19.255.1", crawler, "/", -DAY_SECONDS, world_end, 1_200, 300),
        # Starts at noon, continues over several midnights, and stops at noon.
        Bot(
            "198.19.255.2",
            texts.BROWSERS[2],
            "/dashboards/42",
            start=middle - 3 * DAY_SECONDS + NOON,
            end=middle + NOON,
            period=900,
            jitter=600,
        ),
        # Its pauses equal the timeout, which does not end a session.
        Bot(
            "198.19.255.3",
            feed_reader,
            "/feed.xml",
            start=middle - DAY_SECONDS,
            end=middle + DAY_SECONDS,
            period=TIMEOUT_SECONDS,
        ),
        # Its pauses are one second longer, so that each request is its own session.
        Bot(
            "198.19.255.4",
            script,
            "/status",
            start=middle - DAY_SECONDS,
            end=middle + DAY_SECONDS // 4,
            period=TIMEOUT_SECONDS + 1,
        ),
    ]
    with_members = [account for account in company.accounts if account.members]
    if with_members:
        # A script that uses a user's credentials for two days.
        bots.append(
            Bot(
                "198.19.255.5",
                "Go-http-client/2.0",
                API_PATH,
                start=middle - DAY_SECONDS - 600,
                end=middle + DAY_SECONDS - 7_200,
                period=1_000,
                jitter=500,
                authuser=str(with_members[-1].members[0].user_id),
            )
        )
    return bots
