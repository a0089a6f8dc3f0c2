"""The application's log: what users did, and what the product said of itself.

One line an event, from `visits` and, without a user, from the orgs' size.
"""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

from tests.emulators.sample import json_lines
from tests.emulators.sample.adoption import Adoption
from tests.emulators.sample.company import Company
from tests.emulators.sample.rates import APP_EVENTS, JSON_ODDITIES, JSON_REJECTS
from tests.emulators.sample.stream import Record, Told
from tests.emulators.sample.visits import DAY_SECONDS, Step, Visit, Visits
from tests.emulators.sample.world import World

UNKNOWN_ORG_ID = 9_000_001
EVENT_SHARE = 0.9
"""Of the pages looked at, those that leave an event."""
SWITCH_SHARE = 0.5
REPLAY_DAYS = 9
"""Some copies come this late, long after the day's window has closed."""
EVENTS_OF_PAGES = {
    "/": "page_viewed",
    "/login": "logged_in",
    "/dashboards": "dashboards_listed",
    "/hosts": "hosts_listed",
    "/alerts/new": "alert_created",
    "/integrations/aws": "integration_added",
    "/settings/team": "member_invited",
    "/report.PDF": "report_exported",
}
MACHINE_EVENTS = (
    ("INFO", "agent_connected"),
    ("INFO", "alert_resolved"),
    ("WARN", "alert_triggered"),
    ("ERROR", "agent_lost"),
    ("CRITICAL", "ingest_stopped"),
)
MACHINE_WEIGHTS = (40, 25, 25, 8, 2)
ODD_LEVELS = ("error", "Error", "eRRoR", "critical", "Critical", "info", "Warning")


class AppLogs:
    """The source `app_logs`; see `stream.Source`."""

    name = "app_logs"
    suffix = "json"
    objects = (2, 4)
    rejects = JSON_REJECTS
    oddities = JSON_ODDITIES
    events = APP_EVENTS

    def __init__(
        self, world: World, company: Company, adoption: Adoption, visits: Visits
    ) -> None:
        self._world = world
        self._company = company
        self._adoption = adoption
        self._visits = visits

    def records(self, day: int) -> Iterator[Record]:
        """Yield the events of that day."""
        rng = self._world.rng(self.name, day)
        date_text = self._world.moment(day).date().isoformat()
        for visit, steps in self._visits.during(day):
            if visit.user_id is None:
                continue
            for step in steps:
                if rng.random() < EVENT_SHARE:
                    values = _event_of(visit, step, date_text, rng)
                    yield Record(step.seconds, visit.org_id, values)
                    if step.number == 0 and visit.other_org_id is not None:
                        yield from _switched(visit, step, values, rng)
        yield from self._of_machines(day, date_text, rng)

    def spell(self, values: dict[str, Any], oddity: str | None, rng: Random) -> bytes:
        """Return the event's line, written in an odd but valid way if asked to."""
        return json_lines.spell("app_logs", values, oddity=oddity, rng=rng)

    def spoil(self, values: dict[str, Any], kind: str, rng: Random) -> bytes:
        """Return a line that is no event any more."""
        return json_lines.spoil("app_logs", values, kind=kind, rng=rng)

    def happen(self, kind: str, values: dict[str, Any], rng: Random) -> list[Told]:
        """Return what arrives, and when, in place of the event."""
        if kind == "future":
            moved = json_lines.moved(values, "ts", timedelta(days=rng.randint(1, 40)))
            return [Told(moved)]
        if kind == "unknown_org":
            return [Told(values | {"org_id": UNKNOWN_ORG_ID + rng.randrange(9)})]
        if kind == "level_case":
            return [Told(values | {"level": rng.choice(ODD_LEVELS)})]
        return [Told(values), _copy(kind, values, rng)]

    def _of_machines(self, day: int, date_text: str, rng: Random) -> Iterator[Record]:
        """Yield events without a user: more of them, the more hosts an org has."""
        for account in self._company.accounts:
            if not account.members:
                continue
            hosts = account.peak.hosts * self._adoption.level(account, day)
            mean = 0.6 * hosts**0.5 * self._adoption.engagement(account, day)
            for _ in range(self._world.scale):
                for _ in range(min(40, int(rng.expovariate(1) * mean + rng.random()))):
                    if not mean:
                        continue
                    level, event = rng.choices(MACHINE_EVENTS, MACHINE_WEIGHTS)[0]
                    seconds = rng.randrange(DAY_SECONDS)
                    yield Record(
                        seconds,
                        account.org_id,
                        {
                            "event_id": f"{rng.getrandbits(96):024x}",
                            "ts": _moment(date_text, seconds),
                            "org_id": account.org_id,
                            "user_id": None,
                            "level": level,
                            "event": event,
                        },
                    )


def _event_of(visit: Visit, step: Step, date_text: str, rng: Random) -> dict[str, Any]:
    failed, path = step.has_failed, step.page
    return {
        "event_id": f"{rng.getrandbits(96):024x}",
        "ts": _moment(date_text, step.seconds, rng.randrange(1000)),
        "org_id": visit.org_id,
        "user_id": visit.user_id,
        "level": "ERROR" if failed else "INFO",
        "event": "request_failed" if failed else EVENTS_OF_PAGES.get(path, "viewed"),
        "path": path,
        "status": 500 if failed else 200,
        "duration_ms": int(rng.lognormvariate(4.5, 0.8)),
        "attributes": {"step": step.number, "agent": visit.agent[:24]},
    }


def _switched(
    visit: Visit, step: Step, values: dict[str, Any], rng: Random
) -> Iterator[Record]:
    """Let a user of two orgs act in the other one, at the very same moment."""
    if rng.random() < SWITCH_SHARE:
        other = {
            "event_id": f"{rng.getrandbits(96):024x}",
            "org_id": visit.other_org_id,
            "event": "org_switched",
        }
        yield Record(step.seconds, visit.other_org_id, values | other)


def _copy(kind: str, values: dict[str, Any], rng: Random) -> Told:
    """Return another line of the same event, which arrives now or some days later.

    A copy that says something else has another timestamp as well: which of them
    counts is then settled by partition and timestamp.
    """
    later = rng.choice((1, 1, 1, 2, 3, REPLAY_DAYS))
    if kind == "copy_in_partition":
        return Told(values)
    if kind == "copy_across_partitions":
        return Told(values, delay=later)
    if kind == "copy_of_another_day":
        days = rng.choice((-2, -1, later))
        moved = json_lines.moved(values, "ts", timedelta(days=days))
        return Told(moved | _otherwise(values, rng), delay=max(0, days))
    away = timedelta(seconds=rng.choice((-1, 1)) * rng.randint(1, 900))
    moved = json_lines.moved(values, "ts", away) | _otherwise(values, rng)
    if kind == "copy_differs_in_partition":
        return Told(moved)
    return Told(moved, delay=later)


def _otherwise(values: dict[str, Any], rng: Random) -> dict[str, Any]:
    """Return values that contradict those of the event."""
    return {
        "level": "CRITICAL" if values["level"] == "INFO" else "INFO",
        "user_id": None if rng.random() < 0.3 else (values["user_id"] or 0) + 1,
        "event": f"{values['event']}_again",
    }


def _moment(date_text: str, seconds: int, milliseconds: int = 0) -> str:
    """Return the ISO 8601 text of that moment of the day."""
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{date_text}T{hour:02}:{minute:02}:{second:02}{fraction}Z"
