"""Behaviour 8: whatever is in flight when a process dies is finished, once."""

import os
import shutil
from dataclasses import replace
from itertools import pairwise

import pytest

from loaders.salesforce import jobs, rejects
from loaders.salesforce.client import Client
from loaders.salesforce.mapping import Mapping
from loaders.salesforce.policy import SyncPolicy
from tests.loaders.salesforce.fault_injection import sync_killed_at
from tests.loaders.salesforce.world import (
    BAD_PLAN,
    BULK,
    FAST,
    MAPPING,
    Connected,
    Mart,
    org,
)

CHUNKED = replace(BULK, chunk_rows=4)
STEPS = 250
STRIDE = int(os.environ.get("KILL_STRIDE", "17"))


def _check(mart: Mart, connected: Connected, rows: list) -> None:
    """Compare the object with the mart, and the ledger with what the object took."""
    writes = connected.writes
    for row in rows:
        key = row["org_id__c"]
        if row["billing_plan__c"] == BAD_PLAN:
            continue
        assert connected.holds(key, "hosts") == row["hosts__c"]
        repeated = [a for a, b in pairwise(writes[key]) if a == b]
        assert repeated == [], f"{key} was accepted twice with one value"
    accepted = [key for (key,) in mart.ledger("salesforce_rows", "key")]
    assert sorted(accepted) == sorted(key for key, told in writes.items() for _ in told)
    assert connected.open_jobs() == []
    states = {state for (state,) in mart.ledger("salesforce_jobs", "state")}
    assert states <= {"Recorded", "Abandoned"}


@pytest.mark.parametrize("policy", [FAST, CHUNKED], ids=["collections", "bulk"])
def test_8_a_sync_killed_anywhere_is_finished_by_the_next_one(
    mart: Mart, connected: Connected, policy: SyncPolicy
) -> None:
    policy = replace(policy, collection_rows=5)
    killed = 0
    rows: list = []
    for number, step in enumerate(range(1, STEPS, STRIDE)):
        rows = [org(str(n), hosts=1000 * number + n) for n in range(10)]
        rows.append(org("bad", billing_plan=BAD_PLAN, hosts=number))
        mart.fill(rows)
        killed += sync_killed_at(step, mart, connected, policy=policy)
        result = connected.sync(policy)
        assert result.rejected == 1
        _check(mart, connected, rows)
    assert killed >= 5


@pytest.mark.parametrize("policy", [FAST, CHUNKED], ids=["collections", "bulk"])
def test_8_a_mart_that_changed_after_the_kill_wins(
    mart: Mart, connected: Connected, policy: SyncPolicy
) -> None:
    first = [org(str(n), hosts=n) for n in range(10)]
    for step in range(40, STEPS, 3 * STRIDE):
        mart.fill(first)
        connected.sync(policy)
        mart.fill([org(str(n), hosts=100 + step) for n in range(10)])
        sync_killed_at(step, mart, connected, policy=policy)
        # Back to what the ledger knew before: it must not be taken for unchanged.
        mart.fill(first)
        connected.sync(policy)
        _check(mart, connected, first)


def _left_in_flight(
    mart: Mart, connected: Connected, state: str, *, goes_on: bool = True
) -> list:
    """Leave a job behind in this state: its owner never learns what became of it."""
    rows = [org(str(n), hosts=n) for n in range(6)]
    mart.fill(rows)
    if state == "InProgress":
        connected.spoil_job("stick_job")
    if state == "Open":
        connected.spoil("PUT", "/batches", times=99)
    policy = replace(BULK, poll_timeout_seconds=0.05)
    with pytest.raises(Exception, match=r"left to go on|SERVER_UNAVAILABLE"):
        connected.sync(policy)
    connected.org.faults.clear()
    (job,) = connected.jobs
    assert job.state == state
    if goes_on:
        connected.release_jobs()
    return rows


def test_8_an_open_job_is_aborted_and_its_rows_are_sent_anew(
    mart: Mart, connected: Connected
) -> None:
    rows = _left_in_flight(mart, connected, "Open")
    result = connected.sync(BULK)
    assert (result.recovered, result.accepted) == (0, 6)
    assert [job.state for job in connected.jobs] == [
        "Aborted",
        "JobComplete",
    ]
    _check(mart, connected, rows)


def test_8_a_running_job_is_waited_for_and_recorded(
    mart: Mart, connected: Connected
) -> None:
    rows = _left_in_flight(mart, connected, "InProgress")
    result = connected.sync(BULK)
    assert (result.recovered, result.sent, result.unchanged) == (6, 0, 6)
    assert len(connected.jobs) == 1
    _check(mart, connected, rows)


def test_8_an_expired_job_is_sent_anew(mart: Mart, connected: Connected) -> None:
    _left_in_flight(mart, connected, "InProgress", goes_on=False)
    connected.forget_jobs()
    assert connected.sync(BULK).accepted == 6
    assert connected.sync(BULK).sent == 0


def test_8_without_its_spool_a_finished_job_tells_which_keys_are_unsure(
    mart: Mart, connected: Connected
) -> None:
    old = [org(f"Key{n}", hosts=n) for n in range(6)]
    mart.send(old, connected)
    mart.fill([org(f"Key{n}", hosts=77) for n in range(3)])
    connected.spoil_job("stick_job", times=99)
    with pytest.raises(Exception, match="left to go on"):
        connected.sync(replace(BULK, poll_timeout_seconds=0.05))
    connected.release_jobs()
    shutil.rmtree(connected.spool)
    mart.fill(old)
    result = connected.sync()
    assert (result.sent, result.unchanged) == (3, 3)
    assert [connected.holds(f"Key{n}", "hosts") for n in range(6)] == list(range(6))
    assert rejects.standing(MAPPING.object) == []
    assert connected.sync().sent == 0


def test_8_without_spool_and_job_all_rows_are_sent_once(
    mart: Mart, connected: Connected
) -> None:
    mart.send([org(str(n)) for n in range(6)], connected)
    mart.fill([org(str(n), hosts=n) for n in range(3)])
    connected.spoil_job("stick_job", times=99)
    with pytest.raises(Exception, match="left to go on"):
        connected.sync(replace(BULK, poll_timeout_seconds=0.05))
    connected.forget_jobs()
    shutil.rmtree(connected.spool)
    mart.fill([org(str(n)) for n in range(6)])
    assert connected.sync().sent == 6
    assert connected.sync().sent == 0


def _leave_in_doubt(mart: Mart, connected: Connected, rows: list) -> None:
    """Let Salesforce take these rows, and whoever sent them be lost with its spool."""
    mart.fill(rows)
    connected.spoil_job("stick_job")
    with pytest.raises(Exception, match="left to go on"):
        connected.sync(replace(BULK, poll_timeout_seconds=0.05))
    connected.release_jobs()
    shutil.rmtree(connected.spool)


def test_8_an_org_in_doubt_that_left_is_withdrawn_and_sent_when_it_is_back(
    mart: Mart, connected: Connected
) -> None:
    mart.send([org("1"), org("2")], connected)
    _leave_in_doubt(mart, connected, [org("1", hosts=77), org("2")])
    for _ in range(2):
        assert mart.send([org("2")], connected).sent == 0
        assert rejects.standing(MAPPING.object) == []
    codes = sorted(mart.ledger("salesforce_rejects", "key", "code"))
    assert codes == [("1", "OUTCOME_UNKNOWN"), ("1", "WITHDRAWN")]
    # What the ledger knows was accepted is not what Salesforce holds.
    result = mart.send([org("1"), org("2")], connected)
    assert (result.sent, result.unchanged) == (1, 1)
    assert connected.holds("1", "hosts") == 4


def test_8_an_org_in_doubt_that_left_is_blanked_again(
    mart: Mart, connected: Connected
) -> None:
    policy = replace(FAST, missing_rows="blank")
    mart.send([org("1"), org("2")], connected)
    mart.fill([org("2")])
    assert connected.sync(policy).accepted == 1
    _leave_in_doubt(mart, connected, [org("1", hosts=77), org("2")])
    mart.fill([org("2")])
    assert [connected.sync(policy).accepted for _ in range(2)] == [1, 0]
    assert connected.holds("1", "hosts") is None
    assert rejects.standing(MAPPING.object) == []


def test_8_a_job_created_after_a_broken_upload_is_not_forgotten(
    mart: Mart, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = jobs.create

    def killed(client: Client, mapping: Mapping) -> jobs.Job:
        job = create(client, mapping)
        if len(connected.jobs) > 1:
            raise KeyboardInterrupt
        return job

    rows = [org(str(n)) for n in range(6)]
    mart.fill(rows)
    connected.spoil("PUT", "/batches", kind="cut_before")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(jobs, "create", killed)
        connected.sync(BULK)
    assert connected.sync(BULK).accepted == 6
    states = [job.state for job in connected.jobs]
    assert states == ["Aborted", "Aborted", "JobComplete"]
    _check(mart, connected, rows)


def test_8_a_job_whose_id_never_arrived_is_aborted(
    mart: Mart, connected: Connected
) -> None:
    connected.spoil("POST", "/jobs/ingest$", kind="cut_after")
    mart.fill([org(str(n)) for n in range(6)])
    result = connected.sync(BULK)
    assert result.accepted == 6
    assert [job.state for job in connected.jobs] == [
        "Aborted",
        "JobComplete",
    ]
    assert mart.ledger("salesforce_jobs", "rows") == [(6,)]
    assert MAPPING.object in {job.object for job in connected.jobs}
