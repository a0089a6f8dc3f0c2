"""A company of a few orgs whose nights, faults and kills are drawn by chance.

What is true of it whatever went wrong, once the faults have stopped, is in `check`.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from loaders.errors import NightshiftError
from loaders.salesforce import rejects
from loaders.salesforce.outcome import SyncResult
from loaders.salesforce.policy import SyncPolicy
from tests.emulators.salesforce import limits
from tests.loaders.salesforce.fault_injection import sync_killed_at
from tests.loaders.salesforce.world import (
    BAD_PLAN,
    BULK,
    FAST,
    MAPPING,
    NIGHT,
    Connected,
    Mart,
    expected,
    kept,
    org,
)

POLICIES = [
    replace(FAST, collection_rows=5, poll_timeout_seconds=0.5),
    replace(BULK, chunk_rows=4, poll_timeout_seconds=0.5),
]
STEPS = [
    ("POST", "/oauth2/token"),
    ("GET", "/describe"),
    ("GET", "/query"),
    ("GET", "/limits"),
    ("PATCH", "/composite/"),
    ("POST", "/jobs/ingest$"),
    ("PUT", "/batches$"),
    ("PATCH", "/jobs/ingest/"),
    ("GET", "/jobs/ingest/[^/]*$"),
    ("GET", "/successfulResults$"),
    ("GET", "/failedResults$"),
    ("GET", "/unprocessedrecords$"),
]
REASONS = {"FIELD_CUSTOM_VALIDATION_EXCEPTION", "NOT_WHOLE", "NOT_A_NUMBER"}
KILL_STEPS = 200
CALM_SYNCS = 4


def _changes() -> list[Callable[[random.Random, dict[str, Any]], None]]:
    """Return what may happen to an org's row in a night."""

    def counts(chance: random.Random, row: dict[str, Any]) -> None:
        row["hosts__c"] = chance.randint(0, 50)
        row["median_hosts__c"] = chance.randint(0, 200) / 4

    def nothing(chance: random.Random, row: dict[str, Any]) -> None:
        row[chance.choice(["last_active_date__c", "metrics__c", "org_name__c"])] = None

    def name(chance: random.Random, row: dict[str, Any]) -> None:
        row["org_name__c"] = chance.choice(
            ['a "b", c', "two\nlines", "\N{ROCKET}", "=cmd()", "x" * 300, "#n/a", " "]
        )

    def refused_there(_: random.Random, row: dict[str, Any]) -> None:
        row["billing_plan__c"] = BAD_PLAN

    def refused_here(chance: random.Random, row: dict[str, Any]) -> None:
        row["hosts__c"] = chance.choice([2.5, math.nan])

    def mended(chance: random.Random, row: dict[str, Any]) -> None:
        row["billing_plan__c"] = chance.choice(["Trial", "Pro"])
        row["hosts__c"] = chance.randint(0, 50)

    return [counts, counts, counts, nothing, name, mended, refused_there, refused_here]


@dataclass
class Model:
    """The orgs of the mart, and every value that each of them ever had there."""

    chance: random.Random
    mart: Mart
    connected: Connected
    night: date = NIGHT
    orgs: dict[str, dict[str, Any]] = field(default_factory=dict)
    had: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    kills: int = 0

    def next_night(self) -> None:
        """Let orgs come, change and vanish, and fill the mart."""
        if self.chance.random() < 0.5:
            self.night += timedelta(days=1)
        for key in list(self.orgs):
            if self.chance.random() < 0.05:
                del self.orgs[key]
            elif self.chance.random() < 0.4:
                self.chance.choice(_changes())(self.chance, self.orgs[key])
        for _ in range(self.chance.randint(0, 8)):
            key = f"k{self.chance.randint(0, 40):02}"
            self.orgs.setdefault(key, org(key))
        for key, row in self.orgs.items():
            row["generated_date__c"] = self.night
            self.had.setdefault(key, []).append(expected(row))
        self.mart.fill(self.orgs.values())

    def spoil(self) -> None:
        """Let things go wrong that pass."""
        for _ in range(self.chance.randint(0, 3)):
            self._one_fault()
        if self.chance.random() < 0.1:
            self.connected.org.limits.set(
                limits.BATCHES, left=self.chance.randint(0, 3)
            )

    def _one_fault(self) -> None:
        chance, connected = self.chance, self.connected
        kind = chance.choice(
            (
                *("unavailable", "cut_before", "cut_after", "expire_tokens"),
                *("over_limit", "lock", "fail_job", "stick_job"),
            )
        )
        if kind in ("unavailable", "cut_before", "cut_after"):
            method, path = chance.choice(STEPS)
            quick = {"headers": {"Retry-After": "0"}} if kind == "unavailable" else {}
            times = chance.randint(1, 3)
            connected.spoil(method, path, kind, times=times, **quick)
        elif kind in ("expire_tokens", "over_limit"):
            after = chance.randint(0, 15)
            connected.spoil_job(kind, path="^/services/(data|oauth2/u)", after=after)
        elif kind == "lock":
            rows, attempts = chance.randint(1, 30), chance.randint(1, 6)
            connected.spoil_job(kind, rows=rows, attempts=attempts)
        else:
            message = "InternalServerError : took too long"
            connected.spoil_job(kind, rows=chance.randint(0, 4), message=message)

    def sync_somehow(self) -> None:
        """Sync, to an end of whatever kind; or be killed on the way."""
        policy = self.chance.choice(POLICIES)
        if self.chance.random() < 0.4:
            step = self.chance.randint(1, KILL_STEPS)
            self.kills += sync_killed_at(
                step, self.mart, self.connected, policy=policy, data_date=self.night
            )
            return
        try:
            self._sync(policy)
        except NightshiftError:
            return  # told to the operator; the next sync must find its way

    def calm_down(self) -> SyncResult:
        """Let the faults stop, and sync until nothing is left for later."""
        org_ = self.connected.org
        org_.faults.clear()
        for name in (limits.BATCHES, limits.REQUESTS):
            org_.limits.set(name, left=limits.MAXIMA[name])
        self.connected.release_jobs()
        for _ in range(CALM_SYNCS):
            result = self._sync(self.chance.choice(POLICIES))
            if result.status in ("success", "rejected"):
                return result
        raise AssertionError(f"still {result.status} after {CALM_SYNCS} calm syncs")

    def _sync(self, policy: SyncPolicy) -> SyncResult:
        return self.connected.sync(policy, data_date=self.night)

    def check(self, result: SyncResult) -> None:
        """Hold the object, the ledgers and the jobs against the mart."""
        records = self.connected.records()
        refused = {key for key, row in self.orgs.items() if _is_refused(row)}
        for key, row in self.orgs.items():
            if key not in refused:
                assert kept(records[key]) == expected(row), key
        for key, record in records.items():
            assert kept(record) in self.had[key], f"{key} has what no mart had"
        for key, told in self.connected.writes.items():
            repeated = [a for a, b in pairwise(told) if a == b]
            assert repeated == [], f"{key} was accepted twice with one value"
        standing = {item.key: item.code for item in rejects.standing(MAPPING.object)}
        assert set(standing) == refused
        assert set(standing.values()) <= REASONS
        assert result.rejected == len(refused)
        assert self.connected.open_jobs() == []
        assert self._sync(POLICIES[1]).accepted == 0, "something was left to send"


def _is_refused(row: dict[str, Any]) -> bool:
    hosts = row["hosts__c"]
    is_whole = hosts is None or (not math.isnan(hosts) and hosts == int(hosts))
    return row["billing_plan__c"] == BAD_PLAN or not is_whole
