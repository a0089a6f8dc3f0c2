"""The source `orgs`: a full export of all orgs at the end of each day."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.emulators.sample import json_lines
from tests.emulators.sample.company import Company
from tests.emulators.sample.rates import JSON_REJECTS, ORG_ANOMALIES, ORG_VARIANTS
from tests.emulators.sample.scenarios import FREE
from tests.emulators.sample.stream import Delivery, Record
from tests.emulators.sample.world import World


class Orgs:
    """The source `orgs`; see `stream.Source`."""

    name = "orgs"
    extension = "json"
    object_counts = (1, 2)
    reject_kinds = JSON_REJECTS
    variant_kinds = ORG_VARIANTS
    anomaly_kinds = ORG_ANOMALIES

    def __init__(self, world: World, company: Company) -> None:
        self._world = world
        self._company = company

    def records(self, day: int) -> Iterator[Record]:
        """Yield the orgs that exist at the end of the day, in random order."""
        date = self._world.timestamp(day).date()
        next_midnight = self._world.timestamp(day + 1)
        order = list(range(len(self._company.accounts)))
        self._world.rng(self.name, day).shuffle(order)
        for position, index in enumerate(order):
            account = self._company.accounts[index]
            state = account.state(next_midnight)
            if state is not None and date not in account.missing_dates:
                values = {
                    key: json_lines.iso(value) if isinstance(value, datetime) else value
                    for key, value in state.items()
                }
                yield Record(position, account.org_id, values)

    def format_line(
        self, values: dict[str, Any], variant: str | None, rng: Random
    ) -> bytes:
        """Return the org as a line, unusual but valid if `variant` is set."""
        return json_lines.format_line(self.name, values, variant=variant, rng=rng)

    def corrupt_line(self, values: dict[str, Any], kind: str, rng: Random) -> bytes:
        """Return the org as a line that must be rejected."""
        return json_lines.corrupt_line(self.name, values, kind=kind, rng=rng)

    def apply_anomaly(
        self, kind: str, values: dict[str, Any], rng: Random
    ) -> list[Delivery]:
        """Return the org twice, or followed by an outdated version of it."""
        if kind == "org_line_copied":
            return [Delivery(values), Delivery(values)]
        before = timedelta(minutes=-rng.randint(1, 3_000))
        outdated = json_lines.shift_timestamp(values, "updated_at", before) | {
            "org_name": f"{values['org_name']} (before)",
            "billing_plan_id": FREE,
            "billing_plan_name": "Free",
        }
        return [Delivery(values), Delivery(outdated)]
