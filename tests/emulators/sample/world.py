"""The parameters of a sample world, and the summary of what was written.

The same parameters always give the same bytes. `rates` sets how dirty the data is.
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
    """The parameters of a sample world.

    It has one partition per source for each of `days` dates, the last of which is
    `until`. `scale` multiplies the number of log lines. Raises ValueError when a
    number is below one.
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
    def first_date(self) -> date:
        """The date of the first partition."""
        return self.until - timedelta(days=self.days - 1)

    @property
    def dates(self) -> list[date]:
        """The dates of all partitions, in ascending order."""
        return [self.first_date + timedelta(days=day) for day in range(self.days)]

    def timestamp(self, day: int, seconds: float = 0) -> datetime:
        """Return the naive UTC time `seconds` after midnight of day number `day`.

        Day 0 is `first_date`; days before it have negative numbers.
        """
        midnight = datetime.combine(self.first_date, time()) + timedelta(days=day)
        return midnight + timedelta(seconds=int(seconds))

    def rng(self, *key: object) -> Random:
        """Return a random generator that is seeded with the world's seed and `key`."""
        return Random("/".join(map(str, (self.seed, *key))))

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as JSON values."""
        return asdict(self) | {"until": self.until.isoformat()}


@dataclass
class SourceSummary:
    """Counts of what was written for one source.

    `lines` are the lines that are not blank, including rejects. `dirt` is the number
    of lines or objects by kind of dirt.
    """

    partitions: int = 0
    objects: int = 0
    lines: int = 0
    rejects: int = 0
    dirt: Counter[str] = field(default_factory=Counter)


@dataclass
class WorldSummary:
    """Counts by source, and the number of orgs by scenario."""

    sources: dict[str, SourceSummary]
    scenarios: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "sources": {
                name: vars(source) | {"dirt": dict(sorted(source.dirt.items()))}
                for name, source in self.sources.items()
            },
            "scenarios": dict(self.scenarios),
        }


def summary_from_json(values: dict[str, Any]) -> WorldSummary:
    """Return the summary whose `to_json` returned `values`."""
    return WorldSummary(
        sources={
            name: SourceSummary(**(counts | {"dirt": Counter(counts["dirt"])}))
            for name, counts in values["sources"].items()
        },
        scenarios=Counter(values["scenarios"]),
    )
