"""A random scenario: changed rows and records, faults, kills, approvals, rollbacks.

`check` asserts what must be true once the faults have stopped.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from loaders.config.salesforce_policy import SafetyThresholds, SyncPolicy
from loaders.errors import NightshiftError
from loaders.ledger.salesforce import open_rejects
from loaders.salesforce.plan import SyncResult
from loaders.salesforce.safety_check import SafetyCheckError
from tests.emulators.salesforce import limits
from tests.loaders.salesforce import other_user
from tests.loaders.salesforce.fault_injection import sync_killed_at
from tests.loaders.salesforce.fixtures import (
    BULK,
    DATA_DATE,
    FAST,
    MAPPING,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    expected_record,
    mapped_fields,
    org_row,
)
from tests.loaders.salesforce.restored_values import count_restored

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
STRICT = SafetyThresholds(max_change_ratio=0, max_create_ratio=0, min_rows=0)
KINDS = ("edit", "undo", "delete", "purge")  # what another user does
MAX_KILL_STEP = 200
MAX_FINAL_SYNCS = 4


def _changes() -> list[Callable[[Random, dict[str, Any]], None]]:
    """Return the changes that may happen to an org's row from one sync to the next."""

    def change_counts(rng: Random, row: dict[str, Any]) -> None:
        row["hosts__c"] = rng.randint(0, 50)
        row["median_hosts__c"] = rng.randint(0, 200) / 4

    def clear_field(rng: Random, row: dict[str, Any]) -> None:
        row[rng.choice(["last_active_date__c", "metrics__c", "org_name__c"])] = None

    def change_name(rng: Random, row: dict[str, Any]) -> None:
        row["org_name__c"] = rng.choice(
            ['a "b", c', "two\nlines", "\N{ROCKET}", "=cmd()", "x" * 300, "#n/a", " "]
        )

    def make_rejected_by_salesforce(_: Random, row: dict[str, Any]) -> None:
        row["billing_plan__c"] = REJECTED_PLAN

    def make_unrenderable(rng: Random, row: dict[str, Any]) -> None:
        row["hosts__c"] = rng.choice([2.5, math.nan])

    def make_valid(rng: Random, row: dict[str, Any]) -> None:
        row["billing_plan__c"] = rng.choice(["Trial", "Pro"])
        row["hosts__c"] = rng.randint(0, 50)

    return [
        *(change_counts, change_counts, change_counts, clear_field, change_name),
        *(make_valid, make_rejected_by_salesforce, make_unrenderable),
    ]


@dataclass
class RandomScenario:
    """The current rows of the mart, and the records expected for all past rows."""

    rng: Random
    mart: Mart
    salesforce: SalesforceOrg
    data_date: date = DATA_DATE
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    past_records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    changed_by_others: set[str] = field(default_factory=set)
    kills: int = 0

    def change_mart(self) -> None:
        """Add, change and remove random rows, and fill the mart."""
        if self.rng.random() < 0.5:
            self.data_date += timedelta(days=1)
        for key in list(self.rows):
            if self.rng.random() < 0.05:
                del self.rows[key]
            elif self.rng.random() < 0.4:
                self.rng.choice(_changes())(self.rng, self.rows[key])
        for _ in range(self.rng.randint(0, 8)):
            key = f"k{self.rng.randint(0, 40):02}"
            self.rows.setdefault(key, org_row(key))
        for key, row in self.rows.items():
            row["generated_date__c"] = self.data_date
            self.past_records.setdefault(key, []).append(expected_record(row))
        self.mart.fill(self.rows.values())

    def change_records(self) -> None:
        """Edit and delete random records in Salesforce, as another user."""
        for key, record in self.salesforce.records().items():
            kind = self.rng.choice((*[""] * 12, *KINDS))
            if not kind or not other_user.has(self.salesforce, key):
                continue
            self.changed_by_others.add(key)
            # Writing the same values again is no mistake after this.
            self.salesforce.writes.setdefault(key, []).append(kind)
            if kind in ("edit", "undo"):
                hosts = self.rng.choice([99.0, None])
                other_user.edit(self.salesforce, key, hosts__c=hosts)
            if kind == "undo":
                hosts = record["hosts__c"]
                other_user.edit(self.salesforce, key, hosts__c=hosts)
            if kind in ("delete", "purge"):
                is_purged = kind == "purge"
                other_user.delete(self.salesforce, key, is_purged=is_purged)

    def roll_back(self) -> None:
        """Roll back to an earlier date, which the safety check stops."""
        self._approve(as_of=self.data_date - timedelta(days=self.rng.randint(0, 3)))

    def approve(self) -> None:
        """Sync changes that the safety check stops."""
        self._approve()

    def _approve(self, **options: Any) -> None:  # noqa: ANN401 - fields of SyncRequest
        """Approve what the safety check stops; repeat the line if it is killed."""
        policy = replace(self.rng.choice(POLICIES), safety_thresholds=STRICT)
        options["data_date"] = self.data_date
        try:
            self.salesforce.sync(policy, **options)
        except SafetyCheckError as stopped:
            plan_id = stopped.plan_id
        except NightshiftError:
            return
        else:
            return
        writes = sum(map(len, self.salesforce.writes.values()))
        with pytest.raises(NightshiftError):
            self.salesforce.sync(policy, **options, full=True, approved_plan_id=plan_id)
        assert sum(map(len, self.salesforce.writes.values())) == writes
        for _ in range(self.rng.randint(0, 2)):
            self.kills += sync_killed_at(
                self.rng.randint(1, MAX_KILL_STEP),
                self.mart,
                self.salesforce,
                policy=policy,
                **options,
                approved_plan_id=plan_id,
            )
        try:
            self.salesforce.sync(policy, **options, approved_plan_id=plan_id)
        except NightshiftError as error:
            assert "was approved, but" not in str(error)

    def inject_faults(self) -> None:
        """Inject up to three random transient faults."""
        for _ in range(self.rng.randint(0, 3)):
            self._inject_fault()
        if self.rng.random() < 0.1:
            self.salesforce.org.limits.set(
                limits.BATCHES, remaining=self.rng.randint(0, 3)
            )

    def _inject_fault(self) -> None:
        rng, salesforce = self.rng, self.salesforce
        kind = rng.choice(
            (
                *("unavailable", "cut_before", "cut_after", "expire_tokens"),
                *("over_limit", "lock", "fail_job", "stick_job"),
            )
        )
        if kind in ("unavailable", "cut_before", "cut_after"):
            method, path = rng.choice(STEPS)
            options = {"headers": {"Retry-After": "0"}} if kind == "unavailable" else {}
            times = rng.randint(1, 3)
            salesforce.inject_fault(method, path, kind, times=times, **options)
        elif kind in ("expire_tokens", "over_limit"):
            after = rng.randint(0, 15)
            salesforce.inject_job_fault(
                kind, path="^/services/(data|oauth2/u)", after=after
            )
        elif kind == "lock":
            locked, attempts = rng.randint(1, 30), rng.randint(1, 6)
            salesforce.inject_job_fault(kind, rows=locked, attempts=attempts)
        else:
            message = "InternalServerError : took too long"
            salesforce.inject_job_fault(kind, rows=rng.randint(0, 4), message=message)

    def sync_or_kill(self) -> None:
        """Sync in this process, which may fail, or in one that is killed."""
        policy = self.rng.choice(POLICIES)
        if self.rng.random() < 0.4:
            step = self.rng.randint(1, MAX_KILL_STEP)
            self.kills += sync_killed_at(
                step,
                self.mart,
                self.salesforce,
                policy=policy,
                data_date=self.data_date,
            )
            return
        try:
            self._sync(policy)
        except NightshiftError:
            return  # the next sync must recover from any error

    def sync_without_faults(self) -> SyncResult:
        """Remove all faults, and sync until no row is deferred."""
        org = self.salesforce.org
        org.faults.clear()
        for name in (limits.BATCHES, limits.REQUESTS):
            org.limits.set(name, remaining=limits.MAXIMA[name])
        self.salesforce.resume_stuck_jobs()
        for _ in range(MAX_FINAL_SYNCS):
            result = self._sync(self.rng.choice(POLICIES))
            if result.status in ("success", "rejected"):
                return result
        raise AssertionError(f"still {result.status} after {MAX_FINAL_SYNCS} syncs")

    def _sync(self, policy: SyncPolicy) -> SyncResult:
        return self.salesforce.sync(policy, data_date=self.data_date)

    def check(self, result: SyncResult) -> None:
        """Compare the object, the ledgers and the jobs with the mart."""
        self._check_drift(result)
        records = self.salesforce.records()
        rejected = {key for key, row in self.rows.items() if _is_rejected(row)}
        for key, row in self.rows.items():
            if key not in rejected:
                assert mapped_fields(records[key]) == expected_record(row), key
        for key, record in records.items():
            if key in self.changed_by_others and (
                key in rejected or key not in self.rows
            ):
                continue
            assert mapped_fields(record) in self.past_records[key], (
                f"{key} has values that the mart never had"
            )
        for key, writes in self.salesforce.writes.items():
            repeated = [a for a, b in pairwise(writes) if a == b and a not in KINDS]
            assert not repeated or len(repeated) <= count_restored(self.mart, key), (
                f"{key} was written twice with equal values"
            )
        codes = {item.key: item.code for item in open_rejects(MAPPING.object)}
        assert set(codes) == rejected
        assert set(codes.values()) <= REASONS
        assert result.rejected == len(rejected)
        assert self.salesforce.open_job_ids() == []
        assert self._sync(POLICIES[1]).accepted == 0, "some rows had not been sent"

    def _check_drift(self, result: SyncResult) -> None:
        """Compare the drift with the records, and repair it."""
        records = self.salesforce.records()
        accepted = {key for key, row in self.rows.items() if not _is_rejected(row)}
        expected = {
            key
            for key in accepted
            if not other_user.has(self.salesforce, key)
            or mapped_fields(records[key]) != expected_record(self.rows[key])
        }
        assert result.drift is not None and not result.drift.error
        assert {item.key for item in result.drift.records} & accepted == expected
        repaired = self.salesforce.sync(
            self.rng.choice(POLICIES), data_date=self.data_date, repair_drift=True
        )
        assert repaired.accepted == len(expected)
        assert repaired.drift is not None
        assert not {item.key for item in repaired.drift.records} & accepted


def _is_rejected(row: dict[str, Any]) -> bool:
    hosts = row["hosts__c"]
    is_whole = hosts is None or (not math.isnan(hosts) and hosts == int(hosts))
    return row["billing_plan__c"] == REJECTED_PLAN or not is_whole
