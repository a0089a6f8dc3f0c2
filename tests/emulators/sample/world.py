"""What a sample world is asked to be, and what was written of it.

The same world always gives the same bytes. It changes when the world gets a new
dimension; how dirty it is stands in `rates`.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from tests.emulators.sample.rates import Rates

SOURCES = ("orgs", "metrics", "app_logs", "web_logs")


@dataclass(frozen=True)
class World:
    """`days` nights up to and with `until`; `scale` multiplies the log lines.

    Raises ValueError when a number is below one.
    """

    orgs: int = 300
    days: int = 60
    until: date = date(2026, 11, 24)
    seed: int = 7
    scale: int = 1
    rates: Rates = field(default_factory=Rates)

    def __post_init__(self) -> None:
        for name in ("orgs", "days", "scale"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be at least 1, not {getattr(self, name)}"
                )

    @property
    def first(self) -> date:
        """The first partition's date."""
        return self.until - timedelta(days=self.days - 1)

    @property
    def dates(self) -> list[date]:
        """The dates of all partitions, in order."""
        return [self.first + timedelta(days=number) for number in range(self.days)]

    def moment(self, day: int, seconds: float = 0) -> datetime:
        """Return the naive UTC time `seconds` after midnight of day number `day`.

        Day 0 is the first partition's; numbers below it lie before the world.
        """
        midnight = datetime.combine(self.first, time()) + timedelta(days=day)
        return midnight + timedelta(seconds=int(seconds))

    def rng(self, *about: object) -> Random:
        """Return a generator of its own for what `about` names, the same every time."""
        return Random("/".join(map(str, (self.seed, *about))))

    def told(self) -> dict[str, Any]:
        """Return the world as JSON values."""
        return asdict(self) | {"until": self.until.isoformat()}


@dataclass
class SourceSummary:
    """What was written of one source; `dirt` counts each kind that was dealt.

    `lines` are those that are not blank, rejects among them.
    """

    partitions: int = 0
    objects: int = 0
    lines: int = 0
    rejects: int = 0
    dirt: Counter[str] = field(default_factory=Counter)


@dataclass
class WorldSummary:
    """What was written, by source, and how many orgs have which story."""

    sources: dict[str, SourceSummary]
    stories: Counter[str] = field(default_factory=Counter)

    def told(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "sources": {
                name: vars(source) | {"dirt": dict(sorted(source.dirt.items()))}
                for name, source in self.sources.items()
            },
            "stories": dict(self.stories),
        }


def summary_from(told: dict[str, Any]) -> WorldSummary:
    """Return the summary that `WorldSummary.told` gave."""
    return WorldSummary(
        sources={
            name: SourceSummary(**(facts | {"dirt": Counter(facts["dirt"])}))
            for name, facts in told["sources"].items()
        },
        stories=Counter(told["stories"]),
    )
