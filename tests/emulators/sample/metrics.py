"""The source `metrics`: several usage samples of each org per day."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from random import Random
from typing import Any

from loaders.warehouse.declared_tables import raw_tables
from tests.emulators.sample import json_lines, texts
from tests.emulators.sample.adoption import Adoption
from tests.emulators.sample.company import FIRST_UNKNOWN_ORG_ID, Account, Company
from tests.emulators.sample.rates import JSON_REJECTS, JSON_VARIANTS, METRIC_ANOMALIES
from tests.emulators.sample.stream import Delivery, Record
from tests.emulators.sample.visits import DAY_SECONDS
from tests.emulators.sample.world import World

SAMPLES_PER_DAY = 4
WEEKEND_HOSTS_FACTOR = 0.85
"""Orgs with many hosts scale down on Saturdays and Sundays."""
MANY_HOSTS = 100
LACKING_ORGS = 5
"""Every fifth org reports no optional counts."""


class Metrics:
    """The source `metrics`; see `stream.Source`."""

    name = "metrics"
    extension = "json"
    object_counts = (1, 3)
    reject_kinds = JSON_REJECTS
    # All keys but the optional counts are required.
    variant_kinds = tuple(kind for kind in JSON_VARIANTS if kind != "null_optional")
    anomaly_kinds = METRIC_ANOMALIES

    def __init__(self, world: World, company: Company, adoption: Adoption) -> None:
        self._world = world
        self._company = company
        self._adoption = adoption
        self._integrations = cache(self._shuffled_integrations)
        # A new metric has values as soon as its raw key is declared.
        self._optional_counts = [
            column.name
            for column in raw_tables()[self.name].data_columns
            if column.data_type == "bigint" and not column.is_required
        ]

    def records(self, day: int) -> Iterator[Record]:
        """Yield the samples of the day."""
        rng = self._world.rng(self.name, day)
        for account in self._company.accounts:
            level = self._adoption.level(account, day)
            if not level or account.scenario == "without_metrics":
                continue
            phase = account.org_id * 977 % (DAY_SECONDS // SAMPLES_PER_DAY)
            for number in range(SAMPLES_PER_DAY):
                seconds = phase + number * DAY_SECONDS // SAMPLES_PER_DAY
                # Usage is slightly lower at the start of the day.
                sample_level = level * (1 if number else 0.9)
                values = self._sample(account, day, seconds, sample_level * _noise(rng))
                yield Record(seconds, account.org_id, values)

    def format_line(
        self, values: dict[str, Any], variant: str | None, rng: Random
    ) -> bytes:
        """Return the sample as a line, unusual but valid if `variant` is set."""
        return json_lines.format_line(self.name, values, variant=variant, rng=rng)

    def corrupt_line(self, values: dict[str, Any], kind: str, rng: Random) -> bytes:
        """Return the sample as a line that must be rejected."""
        return json_lines.corrupt_line(self.name, values, kind=kind, rng=rng)

    def apply_anomaly(
        self, kind: str, values: dict[str, Any], rng: Random
    ) -> list[Delivery]:
        """Return what is delivered instead of the sample."""
        if kind == "future":
            shift = timedelta(days=rng.randint(1, 40))
            return [Delivery(json_lines.shift_timestamp(values, "sampled_at", shift))]
        if kind == "sample_copied":
            return [Delivery(values), Delivery(values)]
        if kind == "unknown_org":
            org_id = FIRST_UNKNOWN_ORG_ID + rng.randrange(9)
            return [Delivery(values | {"org_id": org_id})]
        if kind == "integration_repeated":
            names = values["integrations"] or ["aws"]
            return [Delivery(values | {"integrations": [*names, names[0], names[-1]]})]
        # An additional sample with negative counts, as from a broken probe.
        negative = {"hosts": -1, "dashboards": -1, "metrics": -rng.randint(1, 9)}
        return [Delivery(values), Delivery(values | negative)]

    def _sample(
        self, account: Account, day: int, seconds: int, level: float
    ) -> dict[str, Any]:
        peak = account.peak
        hosts = peak.hosts * level
        sampled_at = self._world.timestamp(day, seconds)
        if peak.hosts >= MANY_HOSTS and sampled_at.weekday() >= 5:
            hosts *= WEEKEND_HOSTS_FACTOR
        used = min(round(peak.integrations * level), len(texts.INTEGRATIONS))
        return {
            "org_id": account.org_id,
            "sampled_at": json_lines.iso(sampled_at),
            "hosts": round(hosts),
            "dashboards": round(peak.dashboards * level),
            "metrics": round(peak.metrics * level),
            "integrations": self._integrations(account)[:used],
            **self._optional(account, round(peak.dashboards * level / 2)),
        }

    def _optional(self, account: Account, count: int) -> dict[str, int]:
        if account.org_id % LACKING_ORGS == 0:
            return {}
        return dict.fromkeys(self._optional_counts, count)

    def _shuffled_integrations(self, account: Account) -> list[str]:
        """Return all integrations in the order in which the org adopts them."""
        rng = self._world.rng("integrations", account.org_id)
        return rng.sample(texts.INTEGRATIONS, len(texts.INTEGRATIONS))


def _noise(rng: Random) -> float:
    return rng.uniform(0.94, 1.04)
