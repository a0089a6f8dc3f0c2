"""The source `app_logs`: one application log event per line.

Most events are page views of `visits`. The others have no user; their number grows
with the usage of the org.
"""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

from tests.emulators.sample import json_lines
from tests.emulators.sample.adoption import Adoption
from tests.emulators.sample.company import FIRST_UNKNOWN_ORG_ID, Company
from tests.emulators.sample.rates import APP_ANOMALIES, JSON_REJECTS, JSON_VARIANTS
from tests.emulators.sample.stream import Delivery, Record
from tests.emulators.sample.visits import DAY_SECONDS, Step, Visit, Visits
from tests.emulators.sample.world import World

EVENT_SHARE = 0.9
"""Share of the page views that are logged as an event."""
SWITCH_SHARE = 0.5
REPLAY_DAYS = 9
"""Delay of some copies, longer than the window for late lines."""
EVENTS_BY_PAGE = {
    "/": "page_viewed",
    "/login": "logged_in",
    "/dashboards": "dashboards_listed",
    "/hosts": "hosts_listed",
    "/alerts/new": "alert_created",
    "/integrations/aws": "integration_added",
    "/settings/team": "member_invited",
    "/report.PDF": "report_exported",
}
SYSTEM_EVENTS = (
    ("INFO", "agent_connected"),
    ("INFO", "alert_resolved"),
    ("WARN", "alert_triggered"),
    ("ERROR", "agent_lost"),
    ("CRITICAL", "ingest_stopped"),
)
SYSTEM_EVENT_WEIGHTS = (40, 25, 25, 8, 2)
MAX_SYSTEM_EVENTS = 40
UNUSUAL_LEVELS = ("error", "Error", "eRRoR", "critical", "Critical", "info", "Warning")


class AppLogs:
    """The source `app_logs`; see `stream.Source`."""

    name = "app_logs"
    extension = "json"
    object_counts = (2, 4)
    reject_kinds = JSON_REJECTS
    variant_kinds = JSON_VARIANTS
    anomaly_kinds = APP_ANOMALIES

    def __init__(
        self, world: World, company: Company, adoption: Adoption, visits: Visits
    ) -> None:
        self._world = world
        self._company = company
        self._adoption = adoption
        self._visits = visits

    def records(self, day: int) -> Iterator[Record]:
        """Yield the events of the day."""
        rng = self._world.rng(self.name, day)
        date_text = self._world.timestamp(day).date().isoformat()
        for visit, steps in self._visits.on_day(day):
            if visit.user_id is None:
                continue
            for step in steps:
                if rng.random() < EVENT_SHARE:
                    values = _user_event(visit, step, date_text, rng)
                    yield Record(step.seconds, visit.org_id, values)
                    if step.number == 0 and visit.other_org_id is not None:
                        yield from _switch_event(visit.other_org_id, step, values, rng)
        yield from self._system_events(day, date_text, rng)

    def format_line(
        self, values: dict[str, Any], variant: str | None, rng: Random
    ) -> bytes:
        """Return the event as a line, unusual but valid if `variant` is set."""
        return json_lines.format_line(self.name, values, variant=variant, rng=rng)

    def corrupt_line(self, values: dict[str, Any], kind: str, rng: Random) -> bytes:
        """Return the event as a line that must be rejected."""
        return json_lines.corrupt_line(self.name, values, kind=kind, rng=rng)

    def apply_anomaly(
        self, kind: str, values: dict[str, Any], rng: Random
    ) -> list[Delivery]:
        """Return what is delivered instead of the event, and with which delay."""
        if kind == "future":
            shift = timedelta(days=rng.randint(1, 40))
            return [Delivery(json_lines.shift_timestamp(values, "ts", shift))]
        if kind == "unknown_org":
            org_id = FIRST_UNKNOWN_ORG_ID + rng.randrange(9)
            return [Delivery(values | {"org_id": org_id})]
        if kind == "level_case":
            return [Delivery(values | {"level": rng.choice(UNUSUAL_LEVELS)})]
        return [Delivery(values), _copy(kind, values, rng)]

    def _system_events(self, day: int, date_text: str, rng: Random) -> Iterator[Record]:
        """Yield events without a user; orgs with more hosts have more of them."""
        for account in self._company.accounts:
            if not account.members:
                continue
            hosts = account.peak.hosts * self._adoption.level(account, day)
            mean = 0.6 * hosts**0.5 * self._adoption.engagement(account, day)
            for _ in range(self._world.scale):
                drawn = int(rng.expovariate(1) * mean + rng.random())
                for _ in range(min(MAX_SYSTEM_EVENTS, drawn)):
                    if not mean:
                        continue
                    level, event = rng.choices(SYSTEM_EVENTS, SYSTEM_EVENT_WEIGHTS)[0]
                    seconds = rng.randrange(DAY_SECONDS)
                    yield Record(
                        seconds,
                        account.org_id,
                        {
                            "event_id": f"{rng.getrandbits(96):024x}",
                            "ts": _iso_timestamp(date_text, seconds),
                            "org_id": account.org_id,
                            "user_id": None,
                            "level": level,
                            "event": event,
                        },
                    )


def _user_event(
    visit: Visit, step: Step, date_text: str, rng: Random
) -> dict[str, Any]:
    failed, path = step.has_failed, step.page
    return {
        "event_id": f"{rng.getrandbits(96):024x}",
        "ts": _iso_timestamp(date_text, step.seconds, rng.randrange(1000)),
        "org_id": visit.org_id,
        "user_id": visit.user_id,
        "level": "ERROR" if failed else "INFO",
        "event": "request_failed" if failed else EVENTS_BY_PAGE.get(path, "viewed"),
        "path": path,
        "status": 500 if failed else 200,
        "duration_ms": int(rng.lognormvariate(4.5, 0.8)),
        "attributes": {"step": step.number, "agent": visit.agent[:24]},
    }


def _switch_event(
    other_org_id: int, step: Step, values: dict[str, Any], rng: Random
) -> Iterator[Record]:
    """Yield an event of the same user and timestamp in the user's other org."""
    if rng.random() < SWITCH_SHARE:
        other = {
            "event_id": f"{rng.getrandbits(96):024x}",
            "org_id": other_org_id,
            "event": "org_switched",
        }
        yield Record(step.seconds, other_org_id, values | other)


def _copy(kind: str, values: dict[str, Any], rng: Random) -> Delivery:
    """Return a second line with the same event_id, delivered now or days later.

    A copy with different values also has a different timestamp, so that partition and
    timestamp decide which of the lines counts.
    """
    delay = rng.choice((1, 1, 1, 2, 3, REPLAY_DAYS))
    if kind == "copy_in_partition":
        return Delivery(values)
    if kind == "copy_across_partitions":
        return Delivery(values, delay=delay)
    if kind == "copy_of_another_day":
        days = rng.choice((-2, -1, delay))
        shifted = json_lines.shift_timestamp(values, "ts", timedelta(days=days))
        return Delivery(shifted | _changed_values(values, rng), delay=max(0, days))
    shift = timedelta(seconds=rng.choice((-1, 1)) * rng.randint(1, 900))
    shifted = json_lines.shift_timestamp(values, "ts", shift)
    changed = shifted | _changed_values(values, rng)
    if kind == "copy_differs_in_partition":
        return Delivery(changed)
    return Delivery(changed, delay=delay)


def _changed_values(values: dict[str, Any], rng: Random) -> dict[str, Any]:
    """Return a level, a user and an event that differ from those of the original."""
    return {
        "level": "CRITICAL" if values["level"] == "INFO" else "INFO",
        "user_id": None if rng.random() < 0.3 else (values["user_id"] or 0) + 1,
        "event": f"{values['event']}_again",
    }


def _iso_timestamp(date_text: str, seconds: int, milliseconds: int = 0) -> str:
    """Return the ISO 8601 timestamp, in UTC, of that time of the day.

    Formats integers directly, which is faster than going through `datetime`.
    """
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{milliseconds:03}" if milliseconds else ""
    return f"{date_text}T{hour:02}:{minute:02}:{second:02}{fraction}Z"
