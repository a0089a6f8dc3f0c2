"""Builders of raw records and partitions with made-up values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from tests.reference.business import Seeds
from tests.reference.records import Event, RecordLocation

SEEDS = Seeds(
    static_extensions=frozenset({"css", "js", "png", "woff2"}),
    bot_patterns=("bot", "crawl"),
)


def november(day: int) -> date:
    """Return a day of November 2026."""
    return date(2026, 11, day)


def org(org_id: int, **changes: object) -> str:
    """Return a line of `orgs` for an org on trial since November 1."""
    fields = {
        "org_id": org_id,
        "org_name": f"Org {org_id}",
        "created_at": "2026-11-01T08:00:00Z",
        "trial_started_at": "2026-11-01T09:00:00Z",
        "billing_plan_id": 1,
        "billing_plan_name": "Trial",
        "is_internal": False,
        "country": "NL",
        "owner_email": None,
        "updated_at": "2026-11-01T09:00:00Z",
    }
    return json.dumps(fields | changes)


def sample(org_id: int, at: str, **changes: object) -> str:
    """Return a line of `metrics` without any usage."""
    fields = {
        "org_id": org_id,
        "sampled_at": at,
        "hosts": 0,
        "dashboards": 0,
        "metrics": 0,
        "integrations": [],
    }
    return json.dumps(fields | changes)


def event(event_id: str, at: str, **changes: object) -> str:
    """Return a line of `app_logs` for org 1, without a user."""
    fields = {"event_id": event_id, "ts": at, "org_id": 1, "level": "INFO"}
    return json.dumps(fields | {"event": "page_view"} | changes)


def parsed_event(at: datetime, event_id: str, **changes: object) -> Event:
    """Return an event of org 1, without a user, as it is parsed."""
    fields: dict[str, object] = dict.fromkeys(Event._fields)
    fields["location"] = RecordLocation(at.date(), "object", 1)
    fields |= {"at": at, "event_id": event_id, "org_id": 1, "level": "INFO"}
    return Event(**(fields | {"event": "page_view"} | changes))


def request(time: str, **changes: str) -> str:
    """Return a line of `web_logs` at `dd/Mon/yyyy:HH:MM:SS ±hhmm`.

    `changes` may contain `client`, `authuser`, `request`, `size` and `agent`.
    """
    fields = {
        "client": "10.0.0.1",
        "authuser": "-",
        "request": "GET / HTTP/1.1",
        "size": "120",
        "agent": "Mozilla/5.0",
    } | changes
    return (
        f'{fields["client"]} - {fields["authuser"]} [{time}] "{fields["request"]}"'
        f' 200 {fields["size"]} "-" "{fields["agent"]}"'
    )


def write_partitions(
    folder: Path, partitions: Mapping[tuple[str, date], list[str]]
) -> Path:
    """Write complete partitions of one uncompressed object each; return `folder`."""
    for (source, dt), lines in partitions.items():
        partition = folder / source / f"dt={dt}"
        partition.mkdir(parents=True, exist_ok=True)
        content = "".join(f"{line}\n" for line in lines)
        path = partition / "part-0.json"
        path.write_text(content, encoding="utf-8", newline="\n")
        (partition / "_SUCCESS").touch()
    return folder
