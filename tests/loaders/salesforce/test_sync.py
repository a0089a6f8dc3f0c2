"""Syncs without faults: what is sent, recorded and left unchanged."""

from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest

import pytest

from loaders import warehouse
from loaders.config.salesforce_policy import SyncPolicy
from loaders.errors import DataError, TransientError
from loaders.salesforce import context, plan
from tests.emulators.salesforce.objects import identifiers
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

LARGEST_MEDIAN = 9_999_999_999_999_998.0  # the last double of 16 digits
SPECIAL_NAMES = [
    'quote " and "" two',
    "comma, semicolon; tab\t|",
    "two\nlines\nthree",
    "\N{ROCKET}\N{FAMILY} é ü",
    "\u202eright to left \u05d0\u05d1",
    "=cmd()|' /C calc'!A0",
    "<script>alert(1)</script>",
    "'; drop table x; --",
    "\\N \\",
    "NULL",
]


@pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
def test_special_values_arrive_unchanged_and_affect_no_other_row(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    rows = [org_row(f"n{n}", org_name=name) for n, name in enumerate(SPECIAL_NAMES)]
    rows += [org_row(f"n{n}p", org_name="plain", hosts=n) for n in range(20)]
    rows.append(org_row("long", org_name="x" * 300))
    rows += [
        org_row("limit", metrics=10**18 - 1, org_day=9999, median_hosts=LARGEST_MEDIAN)
    ]
    rows += [
        org_row(
            "limit-", metrics=1 - 10**18, org_day=-9999, median_hosts=-LARGEST_MEDIAN
        )
    ]
    rejected = [
        org_row("nan", hosts=float("nan")),
        org_row("endless", median_hosts=float("inf")),
        org_row("marker", org_name="#N/A"),
        org_row("beyond", org_day=10_000),
        org_row("beyond-", active_users=-(10**8)),
        org_row("same", org_name="small"),
        org_row("SAME", org_name="large"),
        org_row("x" * 300, org_name="a key that is too long"),
    ]
    mart.fill([row for pair in zip_longest(rows, rejected) for row in pair if row])
    result = salesforce.sync(policy)
    records = salesforce.records()
    assert {key: mapped_fields(record) for key, record in records.items()} == {
        row["org_id__c"].lower(): expected_record(row) for row in rows
    }
    assert result.codes == {
        "NOT_A_NUMBER": 2,
        "TOO_LARGE": 2,
        "DUPLICATE_KEY": 2,
        "NULL_MARKER_TEXT": 1,
        "TOO_LONG": 1,
    }
    assert (result.accepted, result.rejected) == (len(rows), len(rejected))


@pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
def test_line_endings_are_normalized(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    mart.fill([org_row("1", org_name="a\r\nb\rc"), org_row("2", org_name="plain")])
    salesforce.sync(policy)
    assert salesforce.field_value("1", "org_name") == "a\nb\nc"
    assert salesforce.field_value("2", "org_name") == "plain"


@pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
def test_null_clears_the_field(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    mart.fill([org_row("1", last_active_date=DATA_DATE, hosts=3)])
    salesforce.sync(policy)
    mart.fill([org_row("1", last_active_date=None, hosts=None, org_name="")])
    salesforce.sync(policy)
    for field in ("last_active_date", "hosts", "org_name"):
        assert salesforce.field_value("1", field) is None


def test_keys_that_differ_only_in_case_are_both_rejected(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    result = mart.fill_and_sync(
        [org_row("Ab"), org_row("aB"), org_row("c"), org_row(None)], salesforce
    )
    assert (result.accepted, result.rejected) == (1, 3)
    assert result.codes == {"DUPLICATE_KEY": 2, "BLANK_KEY": 1}
    assert set(salesforce.records()) == {"c"}


def test_keys_of_a_case_sensitive_field_are_distinct(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    salesforce.change_field("org_id__c", case_sensitive=True)
    mart.fill([org_row("Ab"), org_row("aB")])
    result = plan.make_plan(salesforce.request(), salesforce.settings)
    assert result.actions == {"create": 2}


def test_unchanged_rows_are_not_sent(mart: Mart, salesforce: SalesforceOrg) -> None:
    rows = [org_row(str(number)) for number in range(100)]
    mart.fill_and_sync(rows, salesforce)
    salesforce.org.log.clear()
    result = salesforce.sync(BULK)
    assert (result.status, result.sent, result.unchanged) == ("success", 0, 100)
    assert {entry["method"] for entry in salesforce.org.log.entries()} == {
        "GET",
        "POST",
    }
    assert salesforce.count_requests("POST", "jobs") == 0
    assert salesforce.count_requests("PATCH", "") == 0


@pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
def test_only_changed_rows_are_sent(
    mart: Mart, salesforce: SalesforceOrg, policy: SyncPolicy
) -> None:
    rows = [org_row(str(number)) for number in range(300)]
    mart.fill(rows)
    salesforce.sync(policy)
    rows[7:10] = [org_row(str(number), hosts=99) for number in (7, 8, 9)]
    mart.fill(rows)
    result = salesforce.sync(policy)
    assert (result.sent, result.accepted, result.unchanged) == (3, 3, 297)
    assert result.created == 0


def test_full_sync_sends_unchanged_rows_too(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill_and_sync([org_row("1"), org_row("2")], salesforce)
    result = salesforce.sync(full=True)
    assert (result.sent, result.accepted, result.unchanged) == (2, 2, 0)


def test_each_org_has_its_own_state(mart: Mart, salesforce: SalesforceOrg) -> None:
    mart.fill_and_sync([org_row("1")], salesforce)
    salesforce.org.update_organization(Id=identifiers.make_id("00D", 2))
    salesforce.org.store.delete_all(salesforce.sobject)
    assert salesforce.sync().accepted == 1
    assert salesforce.sync().unchanged == 1


def test_rejected_row_is_resent_and_accepted_row_is_not(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    rows = [org_row("1"), org_row("2", billing_plan=REJECTED_PLAN)]
    assert mart.fill_and_sync(rows, salesforce).codes == {
        "FIELD_CUSTOM_VALIDATION_EXCEPTION": 1
    }
    result = salesforce.sync()
    assert (result.sent, result.unchanged, result.rejected) == (1, 1, 1)


def test_permanently_rejected_row_is_held_until_it_changes(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    policy = replace(FAST, retry_permanent="when_changed")
    mart.fill([org_row("1"), org_row("2", billing_plan=REJECTED_PLAN)])
    salesforce.sync(policy)
    result = salesforce.sync(policy)
    assert (result.sent, result.held, result.rejected) == (0, 1, 1)
    assert result.status == "rejected"
    mart.fill([org_row("1"), org_row("2", billing_plan="Pro")])
    assert salesforce.sync(policy).accepted == 1


@pytest.mark.parametrize("limit", [5, 6], ids=["above", "at"])
def test_few_rows_are_sent_as_collections_and_more_as_bulk_jobs(
    mart: Mart, salesforce: SalesforceOrg, limit: int
) -> None:
    rows = [org_row(str(number), hosts=number) for number in range(6)]
    mart.fill([*rows[:-1], org_row("5", billing_plan=REJECTED_PLAN)])
    result = salesforce.sync(replace(FAST, bulk_above_rows=limit, collection_rows=4))
    is_bulk = limit < 6
    assert len(salesforce.jobs) == len(result.job_ids) == is_bulk
    assert salesforce.count_requests("PATCH", "/composite/") == (0 if is_bulk else 2)
    assert (result.accepted, result.rejected) == (5, 1)
    ledger_rows = mart.read_ledger("salesforce_rows", "key", "salesforce_id")
    records = {(key, record["Id"]) for key, record in salesforce.records().items()}
    assert set(ledger_rows) == records
    assert mart.read_ledger("salesforce_rejects", "key", "code") == [
        ("5", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    ]


def test_each_chunk_becomes_one_job(mart: Mart, salesforce: SalesforceOrg) -> None:
    mart.fill([org_row(str(number), org_name="é" * 50) for number in range(100)])
    result = salesforce.sync(replace(BULK, chunk_bytes=10_000))
    assert result.accepted == 100
    assert len(result.job_ids) == len(salesforce.jobs) > 2
    for job in salesforce.jobs:
        assert salesforce.org.jobs.upload_path(job).stat().st_size <= 10_000


def test_completed_sync_has_its_ledger_rows(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    result = mart.fill_and_sync(
        [org_row("1"), org_row("2", billing_plan=REJECTED_PLAN)], salesforce
    )
    columns = ["status", "sent", "accepted", "rejected", "unchanged", "created"]
    columns += ["fingerprint", "run_id", "data_date", "plan_id"]
    assert mart.read_ledger("salesforce_syncs", *columns) == [
        ("rejected", 2, 1, 1, 0, 1, "f", "r", DATA_DATE, result.plan_id)
    ]
    assert mart.read_ledger("salesforce_jobs", "state") == [("Recorded",)]
    assert mart.read_ledger("salesforce_rows", "key") == [("1",)]


def test_empty_mart_succeeds_without_a_job(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    result = mart.fill_and_sync([], salesforce)
    assert (result.status, result.sent, result.job_ids) == ("success", 0, ())
    assert salesforce.count_requests("POST", "jobs") == 0


def test_older_data_date_does_not_overwrite_a_newer_one(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill_and_sync([org_row("1", hosts=2)], salesforce)
    older = DATA_DATE - timedelta(days=1)
    mart.fill([org_row("1", hosts=1, generated_date=older)])
    assert salesforce.sync(data_date=older).status == "superseded"
    assert salesforce.field_value("1", "hosts") == 2


def test_mart_of_another_data_date_is_not_sent(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill([org_row("1")])
    request = salesforce.request(data_date=DATA_DATE - timedelta(days=1))
    with pytest.raises(DataError, match="2026-11-24, but the sync is for 2026-11-23"):
        plan.make_plan(request, salesforce.settings)


def test_concurrent_sync_is_rejected(mart: Mart, salesforce: SalesforceOrg) -> None:
    mart.fill([org_row("1")])
    with (
        context.locked(salesforce.spool / MAPPING.object),
        pytest.raises(TransientError, match="Another sync"),
    ):
        salesforce.sync()


def test_spool_is_empty_after_a_sync(mart: Mart, salesforce: SalesforceOrg) -> None:
    mart.fill([org_row(str(number)) for number in range(30)])
    salesforce.sync(BULK)
    remaining = [path.name for path in (salesforce.spool / MAPPING.object).rglob("*")]
    assert remaining == ["lock"]


def test_sync_creates_the_ledgers_that_a_warehouse_lacks(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    mart.fill([org_row("a")])
    with warehouse.session() as connection:
        for name in ("salesforce_state", "salesforce_drift_checks"):
            connection.execute(f"drop table {connection.table('ops', name)}")
    assert salesforce.sync().accepted == 1
    assert mart.read_ledger("salesforce_state", "key") == [("a",)]
