"""The nightly export of all orgs, one line each, as they are when the day has ended."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.emulators.sample import json_lines
from tests.emulators.sample.company import Company
from tests.emulators.sample.rates import JSON_REJECTS, ORG_EVENTS, ORG_ODDITIES
from tests.emulators.sample.scenarios import FREE
from tests.emulators.sample.stream import Record, Told
from tests.emulators.sample.world import World


class Orgs:
    """The source `orgs`; see `stream.Source`."""

    name = "orgs"
    suffix = "json"
    objects = (1, 2)
    rejects = JSON_REJECTS
    oddities = ORG_ODDITIES
    events = ORG_EVENTS

    def __init__(self, world: World, company: Company) -> None:
        self._world = world
        self._company = company

    def records(self, day: int) -> Iterator[Record]:
        """Yield the orgs that exist at the end of that day, in no special order."""
        date = self._world.moment(day).date()
        midnight = self._world.moment(day + 1)
        order = list(range(len(self._company.accounts)))
        self._world.rng(self.name, day).shuffle(order)
        for place, number in enumerate(order):
            account = self._company.accounts[number]
            state = account.state(midnight)
            if state is not None and date not in account.absent:
                values = {
                    key: json_lines.iso(value) if isinstance(value, datetime) else value
                    for key, value in state.items()
                }
                yield Record(place, account.org_id, values)

    def spell(self, values: dict[str, Any], oddity: str | None, rng: Random) -> bytes:
        """Return the org's line, written in an odd but valid way if asked to."""
        return json_lines.spell(self.name, values, oddity=oddity, rng=rng)

    def spoil(self, values: dict[str, Any], kind: str, rng: Random) -> bytes:
        """Return a line that is no org any more."""
        return json_lines.spoil(self.name, values, kind=kind, rng=rng)

    def happen(self, kind: str, values: dict[str, Any], rng: Random) -> list[Told]:
        """Return the org's line twice, or after it one from before its last update."""
        if kind == "org_line_copied":
            return [Told(values), Told(values)]
        before = timedelta(minutes=-rng.randint(1, 3_000))
        outdated = json_lines.moved(values, "updated_at", before) | {
            "org_name": f"{values['org_name']} (before)",
            "billing_plan_id": FREE,
            "billing_plan_name": "Free",
        }
        return [Told(values), Told(outdated)]
