"""Usage samples of each org, some a day: hosts, dashboards, metrics, integrations."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any

from tests.emulators.sample import json_lines, texts
from tests.emulators.sample.adoption import Adoption
from tests.emulators.sample.company import Account, Company
from tests.emulators.sample.rates import JSON_ODDITIES, JSON_REJECTS, METRIC_EVENTS
from tests.emulators.sample.stream import Record, Told
from tests.emulators.sample.visits import DAY_SECONDS
from tests.emulators.sample.world import World

SAMPLES_A_DAY = 4
WEEKEND_HOSTS = 0.85
"""Who has many hosts needs fewer of them on a Saturday or Sunday."""
MANY_HOSTS = 100
UNKNOWN_ORG_ID = 9_000_001


class Metrics:
    """The source `metrics`; see `stream.Source`."""

    name = "metrics"
    suffix = "json"
    objects = (1, 3)
    rejects = JSON_REJECTS
    # All its keys are required.
    oddities = tuple(kind for kind in JSON_ODDITIES if kind != "null_optional")
    events = METRIC_EVENTS

    def __init__(self, world: World, company: Company, adoption: Adoption) -> None:
        self._world = world
        self._company = company
        self._adoption = adoption
        self._favourites = cache(self._in_order_of_liking)

    def records(self, day: int) -> Iterator[Record]:
        """Yield the samples of that day."""
        rng = self._world.rng(self.name, day)
        for account in self._company.accounts:
            level = self._adoption.level(account, day)
            if not level or account.story == "without_metrics":
                continue
            phase = account.org_id * 977 % (DAY_SECONDS // SAMPLES_A_DAY)
            for number in range(SAMPLES_A_DAY):
                seconds = phase + number * DAY_SECONDS // SAMPLES_A_DAY
                # The product is switched on in the course of the first day.
                grown = level * (1 if number else 0.9)
                values = self._sample(account, day, seconds, grown * _noise(rng))
                yield Record(seconds, account.org_id, values)

    def spell(self, values: dict[str, Any], oddity: str | None, rng: Random) -> bytes:
        """Return the sample's line, written in an odd but valid way if asked to."""
        return json_lines.spell(self.name, values, oddity=oddity, rng=rng)

    def spoil(self, values: dict[str, Any], kind: str, rng: Random) -> bytes:
        """Return a line that is no sample any more."""
        return json_lines.spoil(self.name, values, kind=kind, rng=rng)

    def happen(self, kind: str, values: dict[str, Any], rng: Random) -> list[Told]:
        """Return what arrives in place of the sample."""
        if kind == "future":
            by = timedelta(days=rng.randint(1, 40))
            return [Told(json_lines.moved(values, "sampled_at", by))]
        if kind == "sample_copied":
            return [Told(values), Told(values)]
        if kind == "unknown_org":
            return [Told(values | {"org_id": UNKNOWN_ORG_ID + rng.randrange(9)})]
        if kind == "integration_repeated":
            names = values["integrations"] or ["aws"]
            return [Told(values | {"integrations": [*names, names[0], names[-1]]})]
        # A broken probe beside a good one.
        wrong = {"hosts": -1, "dashboards": -1, "metrics": -rng.randint(1, 9)}
        return [Told(values), Told(values | wrong)]

    def _sample(
        self, account: Account, day: int, seconds: int, level: float
    ) -> dict[str, Any]:
        peak = account.peak
        hosts = peak.hosts * level
        moment = self._world.moment(day, seconds)
        if peak.hosts >= MANY_HOSTS and moment.weekday() >= 5:
            hosts *= WEEKEND_HOSTS
        used = min(round(peak.integrations * level), len(texts.INTEGRATIONS))
        return {
            "org_id": account.org_id,
            "sampled_at": json_lines.iso(moment),
            "hosts": round(hosts),
            "dashboards": round(peak.dashboards * level),
            "metrics": round(peak.metrics * level),
            "integrations": self._favourites(account)[:used],
        }

    def _in_order_of_liking(self, account: Account) -> list[str]:
        rng = self._world.rng("integrations", account.org_id)
        return rng.sample(texts.INTEGRATIONS, len(texts.INTEGRATIONS))


def _noise(rng: Random) -> float:
    return rng.uniform(0.94, 1.04)
