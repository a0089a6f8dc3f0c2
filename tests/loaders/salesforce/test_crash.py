"""Recovery of chunks whose sync was killed or failed before their results were read."""

import os
import shutil
from dataclasses import replace

import pytest

from loaders.config.salesforce_mapping import Mapping
from loaders.config.salesforce_policy import SyncPolicy
from loaders.ledger.salesforce import open_rejects
from loaders.salesforce_api import jobs
from loaders.salesforce_api.client import Client
from loaders.warehouse import local_tables
from tests.loaders.salesforce.fault_injection import check_writes, sync_killed_at
from tests.loaders.salesforce.fixtures import (
    BULK,
    FAST,
    MAPPING,
    REJECTED_PLAN,
    Mart,
    SalesforceOrg,
    org_row,
)

CHUNKED = replace(BULK, chunk_rows=4)
STEPS = 450
STRIDE = int(os.environ.get("KILL_STRIDE", "29"))


@pytest.mark.slow
@pytest.mark.parametrize("policy", [FAST, CHUNKED], ids=["collections", "bulk"])
def test_sync_killed_at_any_step_is_finished_by_the_next_one(
    mart: Mart,
    salesforce: SalesforceOrg,
    monkeypatch: pytest.MonkeyPatch,
    *,
    policy: SyncPolicy,
) -> None:
    # As with many rows, the warehouse reads the staging database.
    monkeypatch.setattr(local_tables, "MAX_VALUES_ROWS", 1)
    policy = replace(policy, collection_rows=5)
    killed = 0
    rows: list = []
    for number, step in enumerate(range(1, STEPS, STRIDE)):
        rows = [org_row(str(n), hosts=1000 * number + n) for n in range(10)]
        rows.append(org_row("bad", billing_plan=REJECTED_PLAN, hosts=number))
        mart.fill(rows)
        killed += sync_killed_at(step, mart, salesforce, policy=policy)
        result = salesforce.sync(policy)
        assert result.rejected == 1
        check_writes(mart, salesforce, rows)
    assert killed >= 5


@pytest.mark.slow
@pytest.mark.parametrize("policy", [FAST, CHUNKED], ids=["collections", "bulk"])
def test_mart_that_changed_after_the_kill_is_sent(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    first = [org_row(str(n), hosts=n) for n in range(10)]
    for step in range(40, STEPS, 3 * STRIDE):
        mart.fill(first)
        salesforce.sync(policy)
        mart.fill([org_row(str(n), hosts=100 + step) for n in range(10)])
        sync_killed_at(step, mart, salesforce, policy=policy)
        # These values equal the ledger's state, but Salesforce may have others.
        mart.fill(first)
        salesforce.sync(policy)
        check_writes(mart, salesforce, first)


def _leave_unfinished_job(
    mart: Mart, salesforce: SalesforceOrg, state: str, *, resumes: bool = True
) -> list:
    """Fail a sync so that its job stays in this state; return the rows of the mart."""
    rows = [org_row(str(n), hosts=n) for n in range(6)]
    mart.fill(rows)
    if state == "InProgress":
        salesforce.inject_job_fault("stick_job")
    if state == "Open":
        salesforce.inject_fault("PUT", "/batches", times=99)
    policy = replace(BULK, poll_timeout_seconds=0.05)
    with pytest.raises(Exception, match=r"keeps running|SERVER_UNAVAILABLE"):
        salesforce.sync(policy)
    salesforce.org.faults.clear()
    (job,) = salesforce.jobs
    assert job.state == state
    if resumes:
        salesforce.resume_stuck_jobs()
    return rows


def test_open_job_is_aborted_and_its_rows_are_resent(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    rows = _leave_unfinished_job(mart, salesforce, "Open")
    result = salesforce.sync(BULK)
    assert (result.recovered, result.accepted) == (0, 6)
    assert [job.state for job in salesforce.jobs] == [
        "Aborted",
        "JobComplete",
    ]
    check_writes(mart, salesforce, rows)


def test_running_job_is_waited_for_and_its_results_are_recorded(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    rows = _leave_unfinished_job(mart, salesforce, "InProgress")
    result = salesforce.sync(BULK)
    assert (result.recovered, result.sent, result.unchanged) == (6, 0, 6)
    assert len(salesforce.jobs) == 1
    check_writes(mart, salesforce, rows)


def test_rows_of_a_deleted_job_are_resent(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    _leave_unfinished_job(mart, salesforce, "InProgress", resumes=False)
    salesforce.delete_jobs()
    assert salesforce.sync(BULK).accepted == 6
    assert salesforce.sync(BULK).sent == 0


def test_rows_of_a_job_without_its_spool_have_an_unknown_outcome(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    old = [org_row(f"Key{n}", hosts=n) for n in range(6)]
    mart.fill_and_sync(old, salesforce)
    mart.fill([org_row(f"Key{n}", hosts=77) for n in range(3)])
    salesforce.inject_job_fault("stick_job", times=99)
    with pytest.raises(Exception, match="keeps running"):
        salesforce.sync(replace(BULK, poll_timeout_seconds=0.05))
    salesforce.resume_stuck_jobs()
    shutil.rmtree(salesforce.spool)
    mart.fill(old)
    result = salesforce.sync()
    assert (result.sent, result.unchanged) == (3, 3)
    assert [salesforce.field_value(f"Key{n}", "hosts") for n in range(6)] == list(
        range(6)
    )
    assert open_rejects(MAPPING.object) == []
    assert salesforce.sync().sent == 0


def test_without_spool_and_job_all_rows_are_resent_once(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill_and_sync([org_row(str(n)) for n in range(6)], salesforce)
    mart.fill([org_row(str(n), hosts=n) for n in range(3)])
    salesforce.inject_job_fault("stick_job", times=99)
    with pytest.raises(Exception, match="keeps running"):
        salesforce.sync(replace(BULK, poll_timeout_seconds=0.05))
    salesforce.delete_jobs()
    shutil.rmtree(salesforce.spool)
    mart.fill([org_row(str(n)) for n in range(6)])
    assert salesforce.sync().sent == 6
    assert salesforce.sync().sent == 0


def _leave_outcome_unknown(mart: Mart, salesforce: SalesforceOrg, rows: list) -> None:
    """Let Salesforce accept these rows after the sync has failed and lost its spool."""
    mart.fill(rows)
    salesforce.inject_job_fault("stick_job")
    with pytest.raises(Exception, match="keeps running"):
        salesforce.sync(replace(BULK, poll_timeout_seconds=0.05))
    salesforce.resume_stuck_jobs()
    shutil.rmtree(salesforce.spool)


def test_unknown_outcome_of_an_org_missing_from_the_mart_is_withdrawn(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill_and_sync([org_row("1"), org_row("2")], salesforce)
    _leave_outcome_unknown(mart, salesforce, [org_row("1", hosts=77), org_row("2")])
    for _ in range(2):
        assert mart.fill_and_sync([org_row("2")], salesforce).sent == 0
        assert open_rejects(MAPPING.object) == []
    codes = sorted(mart.read_ledger("salesforce_rejects", "key", "code"))
    assert codes == [("1", "OUTCOME_UNKNOWN"), ("1", "WITHDRAWN")]
    # The ledger has the older values, but Salesforce has the newer ones.
    result = mart.fill_and_sync([org_row("1"), org_row("2")], salesforce)
    assert (result.sent, result.unchanged) == (1, 1)
    assert salesforce.field_value("1", "hosts") == 4


def test_missing_org_with_unknown_outcome_is_blanked_again(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    policy = replace(FAST, missing_rows="blank")
    mart.fill_and_sync([org_row("1"), org_row("2")], salesforce)
    mart.fill([org_row("2")])
    assert salesforce.sync(policy).accepted == 1
    _leave_outcome_unknown(mart, salesforce, [org_row("1", hosts=77), org_row("2")])
    mart.fill([org_row("2")])
    assert [salesforce.sync(policy).accepted for _ in range(2)] == [1, 0]
    assert salesforce.field_value("1", "hosts") is None
    assert open_rejects(MAPPING.object) == []


def test_job_created_after_a_failed_upload_is_recovered(
    mart: Mart, salesforce: SalesforceOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = jobs.create

    def create_and_interrupt(client: Client, mapping: Mapping) -> jobs.Job:
        job = create(client, mapping)
        if len(salesforce.jobs) > 1:
            raise KeyboardInterrupt
        return job

    rows = [org_row(str(n)) for n in range(6)]
    mart.fill(rows)
    salesforce.inject_fault("PUT", "/batches", kind="cut_before")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(jobs, "create", create_and_interrupt)
        salesforce.sync(BULK)
    assert salesforce.sync(BULK).accepted == 6
    states = [job.state for job in salesforce.jobs]
    assert states == ["Aborted", "Aborted", "JobComplete"]
    check_writes(mart, salesforce, rows)


def test_job_whose_id_was_lost_is_aborted(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    salesforce.inject_fault("POST", "/jobs/ingest$", kind="cut_after")
    mart.fill([org_row(str(n)) for n in range(6)])
    result = salesforce.sync(BULK)
    assert result.accepted == 6
    assert [job.state for job in salesforce.jobs] == [
        "Aborted",
        "JobComplete",
    ]
    assert mart.read_ledger("salesforce_jobs", "rows") == [(6,)]
    assert MAPPING.object in {job.object for job in salesforce.jobs}
