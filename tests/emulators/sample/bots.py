"""Visitors that are machines: some never pause, some almost, some stop one day.

They ask for something every few minutes around the clock. What a session is for such
a visitor is the hard case of the contract.
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
class Robot:
    """A request every `period` seconds, from `begins` to before `ends`.

    Both count in seconds from the world's first midnight. `jitter` delays each
    request by up to so many seconds, differently each time.
    """

    address: str
    agent: str
    path: str
    begins: int
    ends: int
    period: int
    jitter: int = 0
    authuser: str = "-"

    def seconds_of(self, day: int) -> Iterator[int]:
        """Yield the times of its requests on that day, in seconds after midnight."""
        midnight = day * DAY_SECONDS
        first = max(0, -(-(midnight - self.jitter - self.begins) // self.period))
        number = first
        while True:
            planned = self.begins + number * self.period
            if planned >= min(self.ends, midnight + DAY_SECONDS):
                return
            # A fixed walk through the jitter: no two days look the same.
            at = planned + number * 97 % (self.jitter + 1)
            if midnight <= at < midnight + DAY_SECONDS:
                yield at - midnight
            number += 1


def robots(world: World, company: Company) -> list[Robot]:
    """Return the robots of a world: most of them about in its middle."""
    whole = world.days * DAY_SECONDS
    middle = world.days // 2 * DAY_SECONDS
    crawler, script, _, reader = texts.CRAWLERS
    found = [
        # Never pauses: every day is one session, split at its midnights.
        Robot("198.19.255.1", crawler, "/", -DAY_SECONDS, whole, 1_200, 300),
        # Begins at noon, goes on over some midnights, stops at noon.
        Robot(
            "198.19.255.2",
            texts.BROWSERS[2],
            "/dashboards/42",
            begins=middle - 3 * DAY_SECONDS + NOON,
            ends=middle + NOON,
            period=900,
            jitter=600,
        ),
        # Pauses of exactly the timeout: no pause yet, from midnight to midnight.
        Robot(
            "198.19.255.3",
            reader,
            "/feed.xml",
            begins=middle - DAY_SECONDS,
            ends=middle + DAY_SECONDS,
            period=TIMEOUT_SECONDS,
        ),
        # One second more: each request is a session of its own.
        Robot(
            "198.19.255.4",
            script,
            "/status",
            begins=middle - DAY_SECONDS,
            ends=middle + DAY_SECONDS // 4,
            period=TIMEOUT_SECONDS + 1,
        ),
    ]
    staffed = [account for account in company.accounts if account.members]
    if staffed:
        # A user's token in a script that ran for two days.
        found.append(
            Robot(
                "198.19.255.5",
                "Go-http-client/2.0",
                API_PATH,
                begins=middle - DAY_SECONDS - 600,
                ends=middle + DAY_SECONDS - 7_200,
                period=1_000,
                jitter=500,
                authuser=str(staffed[-1].members[0].user_id),
            )
        )
    return found
