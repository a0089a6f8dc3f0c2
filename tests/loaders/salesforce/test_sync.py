"""The sync on quiet nights: what is sent, what is kept, and what is left alone."""

from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest

import pytest

from loaders.errors import DataError, TransientError
from loaders.salesforce import plan, spool
from loaders.salesforce.policy import SyncPolicy
from tests.emulators.salesforce.objects import identifiers
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

MOST = 9_999_999_999_999_998.0  # the last double of 16 digits
NASTY_NAMES = [
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
def test_3_nasty_names_arrive_whole_and_spoil_no_neighbour(
    mart: Mart, connected: Connected, policy: SyncPolicy
) -> None:
    rows = [org(f"n{n}", org_name=name) for n, name in enumerate(NASTY_NAMES)]
    rows += [org(f"n{n}p", org_name="plain", hosts=n) for n in range(20)]
    rows.append(org("long", org_name="x" * 300))
    rows += [org("limit", metrics=10**18 - 1, org_day=9999, median_hosts=MOST)]
    rows += [org("limit-", metrics=1 - 10**18, org_day=-9999, median_hosts=-MOST)]
    refused = [
        org("nan", hosts=float("nan")),
        org("endless", median_hosts=float("inf")),
        org("marker", org_name="#N/A"),
        org("beyond", org_day=10_000),
        org("beyond-", active_users=-(10**8)),
        org("same", org_name="small"),
        org("SAME", org_name="large"),
        org("x" * 300, org_name="a key that is too long"),
    ]
    mart.fill([row for pair in zip_longest(rows, refused) for row in pair if row])
    result = connected.sync(policy)
    records = connected.records()
    assert {key: kept(record) for key, record in records.items()} == {
        row["org_id__c"].lower(): expected(row) for row in rows
    }
    assert result.codes == {
        "NOT_A_NUMBER": 2,
        "TOO_LARGE": 2,
        "DUPLICATE_KEY": 2,
        "NULL_MARKER_TEXT": 1,
        "TOO_LONG": 1,
    }
    assert (result.accepted, result.rejected) == (len(rows), len(refused))


@pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
def test_3_other_line_ends_become_salesforces_own(
    mart: Mart, connected: Connected, policy: SyncPolicy
) -> None:
    mart.fill([org("1", org_name="a\r\nb\rc"), org("2", org_name="plain")])
    connected.sync(policy)
    assert connected.holds("1", "org_name") == "a\nb\nc"
    assert connected.holds("2", "org_name") == "plain"


@pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
def test_3_a_null_empties_the_field(
    mart: Mart, connected: Connected, policy: SyncPolicy
) -> None:
    mart.fill([org("1", last_active_date=NIGHT, hosts=3)])
    connected.sync(policy)
    mart.fill([org("1", last_active_date=None, hosts=None, org_name="")])
    connected.sync(policy)
    for field in ("last_active_date", "hosts", "org_name"):
        assert connected.holds("1", field) is None


def test_2_keys_that_differ_only_in_case_are_refused_both(
    mart: Mart, connected: Connected
) -> None:
    result = mart.send([org("Ab"), org("aB"), org("c"), org(None)], connected)
    assert (result.accepted, result.rejected) == (1, 3)
    assert result.codes == {"DUPLICATE_KEY": 2, "BLANK_KEY": 1}
    assert set(connected.records()) == {"c"}


def test_2_keys_of_a_case_sensitive_field_are_told_apart(
    mart: Mart, connected: Connected
) -> None:
    connected.change_field("org_id__c", case_sensitive=True)
    mart.fill([org("Ab"), org("aB")])
    found = plan.make(connected.request(), connected.settings, policy=FAST)
    assert found.verdicts == {"create": 2}


def test_4_a_night_where_nothing_changed_makes_no_job(
    mart: Mart, connected: Connected
) -> None:
    rows = [org(str(number)) for number in range(100)]
    mart.send(rows, connected)
    connected.org.log.clear()
    result = connected.sync(BULK)
    assert (result.status, result.sent, result.unchanged) == ("success", 0, 100)
    assert {entry["method"] for entry in connected.org.log.entries()} == {"GET", "POST"}
    assert connected.count("POST", "jobs") == 0
    assert connected.count("PATCH", "") == 0


@pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])
def test_4_a_night_where_one_percent_changed_sends_one_percent(
    mart: Mart, connected: Connected, policy: SyncPolicy
) -> None:
    rows = [org(str(number)) for number in range(300)]
    mart.fill(rows)
    connected.sync(policy)
    rows[7:10] = [org(str(number), hosts=99) for number in (7, 8, 9)]
    mart.fill(rows)
    result = connected.sync(policy)
    assert (result.sent, result.accepted, result.unchanged) == (3, 3, 297)
    assert result.created == 0


def test_4_full_sends_the_unchanged_as_well(mart: Mart, connected: Connected) -> None:
    mart.send([org("1"), org("2")], connected)
    result = connected.sync(full=True)
    assert (result.sent, result.accepted, result.unchanged) == (2, 2, 0)


def test_4_another_org_knows_nothing_of_what_the_first_accepted(
    mart: Mart, connected: Connected
) -> None:
    mart.send([org("1")], connected)
    connected.org.change_organization(Id=identifiers.make("00D", 2))
    connected.org.store.remove_all(connected.sobject)
    assert connected.sync().accepted == 1
    assert connected.sync().unchanged == 1


def test_4_a_refused_row_goes_again_and_an_accepted_one_does_not(
    mart: Mart, connected: Connected
) -> None:
    rows = [org("1"), org("2", billing_plan=BAD_PLAN)]
    assert mart.send(rows, connected).codes == {"FIELD_CUSTOM_VALIDATION_EXCEPTION": 1}
    result = connected.sync()
    assert (result.sent, result.unchanged, result.rejected) == (1, 1, 1)


def test_11_a_row_refused_for_good_is_held_back_if_the_policy_says_so(
    mart: Mart, connected: Connected
) -> None:
    policy = replace(FAST, retry_permanent="when_changed")
    mart.fill([org("1"), org("2", billing_plan=BAD_PLAN)])
    connected.sync(policy)
    result = connected.sync(policy)
    assert (result.sent, result.held, result.rejected) == (0, 1, 1)
    assert result.status == "rejected"
    mart.fill([org("1"), org("2", billing_plan="Pro")])
    assert connected.sync(policy).accepted == 1


@pytest.mark.parametrize("limit", [5, 6], ids=["above", "at"])
def test_6_few_rows_go_by_collections_and_more_by_bulk_jobs(
    mart: Mart, connected: Connected, limit: int
) -> None:
    rows = [org(str(number), hosts=number) for number in range(6)]
    mart.fill([*rows[:-1], org("5", billing_plan=BAD_PLAN)])
    result = connected.sync(replace(FAST, bulk_above_rows=limit, collection_rows=4))
    is_bulk = limit < 6
    assert len(connected.jobs) == len(result.job_ids) == is_bulk
    assert connected.count("PATCH", "/composite/") == (0 if is_bulk else 2)
    assert (result.accepted, result.rejected) == (5, 1)
    told = mart.ledger("salesforce_rows", "key", "salesforce_id")
    held = {(key, record["Id"]) for key, record in connected.records().items()}
    assert set(told) == held
    assert mart.ledger("salesforce_rejects", "key", "code") == [
        ("5", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    ]


def test_7_chunks_cut_by_bytes_become_as_many_jobs(
    mart: Mart, connected: Connected
) -> None:
    mart.fill([org(str(number), org_name="é" * 50) for number in range(100)])
    result = connected.sync(replace(BULK, chunk_bytes=10_000))
    assert result.accepted == 100
    assert len(result.job_ids) == len(connected.jobs) > 2
    for job in connected.jobs:
        assert connected.org.jobs.content(job).stat().st_size <= 10_000


def test_16_the_ledger_row_is_the_last_thing_written(
    mart: Mart, connected: Connected
) -> None:
    result = mart.send([org("1"), org("2", billing_plan=BAD_PLAN)], connected)
    columns = ["status", "sent", "accepted", "rejected", "unchanged", "created"]
    columns += ["fingerprint", "run_id", "data_date", "plan_id"]
    assert mart.ledger("salesforce_syncs", *columns) == [
        ("rejected", 2, 1, 1, 0, 1, "f", "r", NIGHT, result.plan_id)
    ]
    assert mart.ledger("salesforce_jobs", "state") == [("Recorded",)]
    assert mart.ledger("salesforce_rows", "key") == [("1",)]


def test_16_an_empty_mart_is_a_success_without_a_job(
    mart: Mart, connected: Connected
) -> None:
    result = mart.send([], connected)
    assert (result.status, result.sent, result.job_ids) == ("success", 0, ())
    assert connected.count("POST", "jobs") == 0


def test_16_an_older_night_does_not_overwrite_a_newer_one(
    mart: Mart, connected: Connected
) -> None:
    mart.send([org("1", hosts=2)], connected)
    older = NIGHT - timedelta(days=1)
    mart.fill([org("1", hosts=1, generated_date=older)])
    assert connected.sync(data_date=older).status == "superseded"
    assert connected.holds("1", "hosts") == 2
    assert connected.sync(data_date=older, allow_older=True).accepted == 1


def test_a_mart_of_another_day_is_not_sent(mart: Mart, connected: Connected) -> None:
    mart.fill([org("1")])
    request = connected.request(data_date=NIGHT - timedelta(days=1))
    with pytest.raises(DataError, match="2026-11-24, but 2026-11-23 is to be sent"):
        plan.make(request, connected.settings, policy=FAST)


def test_a_second_sync_at_the_same_time_is_turned_away(
    mart: Mart, connected: Connected
) -> None:
    mart.fill([org("1")])
    with (
        spool.locked(connected.spool / MAPPING.object),
        pytest.raises(TransientError, match="Another sync"),
    ):
        connected.sync()


def test_the_spool_is_empty_after_a_sync(mart: Mart, connected: Connected) -> None:
    mart.fill([org(str(number)) for number in range(30)])
    connected.sync(BULK)
    left = [p.name for p in (connected.spool / MAPPING.object).rglob("*")]
    assert left == ["lock"]
