"""The update-only export: records that exist are changed, none is created."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from loaders.config import salesforce_mapping
from loaders.config.salesforce_policy import SyncPolicy
from loaders.errors import ConfigError
from loaders.ledger.salesforce import open_rejects, read_history
from loaders.salesforce import pairing, plan
from loaders.salesforce_api import records
from tests.loaders.salesforce.accounts import MAPPING, Accounts, account
from tests.loaders.salesforce.fixtures import (
    BULK,
    DATA_DATE,
    FAST,
    Mart,
)

BOTH_APIS = pytest.mark.parametrize("policy", [FAST, BULK], ids=["collections", "bulk"])


@BOTH_APIS
def test_existing_accounts_are_updated_and_no_account_is_created(
    accounts: Accounts, mart: Mart, policy: SyncPolicy
) -> None:
    result = accounts.sync(policy)
    assert (result.status, result.exit_code) == ("success", 0)
    assert (result.sent, result.accepted, result.created) == (2, 2, 0)
    assert (result.unmatched, result.rejected, result.unchanged) == (1, 0, 0)
    found = accounts.read()
    assert set(found) == {"1", "2", "3", "4"}
    assert found["1"]["billing_plan__c"] == "Pro, yearly"
    assert found["1"]["last_active_date__c"] == "2026-11-20"
    assert (found["2"]["hosts__c"], found["3"]["hosts__c"]) == (0, None)
    assert found["1"]["Name"] == "Company 1"
    again = accounts.sync(policy)
    assert (again.sent, again.unchanged, again.unmatched) == (0, 2, 1)
    assert mart.read_ledger("salesforce_rejects", "code") == []
    ledger = mart.read_ledger(
        "salesforce_syncs", "object", "sent", "accepted", "unchanged", "unmatched"
    )
    assert ledger == [("Account", 2, 2, 0, 1), ("Account", 0, 0, 2, 1)]
    assert [event.code for event in read_history("Account", "1")] == ["accepted"]


@BOTH_APIS
def test_unmatched_row_is_sent_once_its_account_appears(
    accounts: Accounts, policy: SyncPolicy
) -> None:
    accounts.sync(policy)
    accounts.create("none")
    result = accounts.sync(policy)
    assert (result.sent, result.accepted, result.unmatched) == (1, 1, 0)
    assert accounts.read()["none"]["hosts__c"] == 7


@BOTH_APIS
def test_account_deleted_after_the_lookup_is_unmatched_until_it_returns(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch, policy: SyncPolicy
) -> None:
    fetch_ids = records.fetch_ids

    def fetch_and_delete(*arguments: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - as fetch_ids
        found = list(fetch_ids(*arguments))
        accounts.delete("2")
        return found

    with monkeypatch.context() as patched:
        patched.setattr(records, "fetch_ids", fetch_and_delete)
        result = accounts.sync(policy)
    assert (result.accepted, result.unmatched, result.rejected) == (1, 2, 0)
    assert (result.status, result.codes) == ("success", {})
    assert open_rejects("Account") == []
    assert accounts.sync(policy).unmatched == 2
    accounts.create("2")
    result = accounts.sync(policy)
    assert (result.accepted, result.unchanged, result.unmatched) == (1, 1, 1)


@BOTH_APIS
def test_accepted_account_that_is_deleted_and_created_again_is_sent(
    accounts: Accounts, policy: SyncPolicy
) -> None:
    accounts.sync(policy)
    accounts.delete("1")
    accounts.fill(account("1", hosts=8), account("2", hosts=0))
    assert accounts.sync(policy).unmatched == 1
    # The old values again: the new account has none of them.
    accounts.create("1")
    accounts.fill(account("1"), account("2", hosts=0))
    result = accounts.sync(policy)
    assert (result.sent, result.unchanged) == (1, 1)
    assert accounts.read()["1"]["hosts__c"] == 7


def test_rejected_row_whose_account_is_deleted_is_no_open_reject(
    accounts: Accounts,
) -> None:
    accounts.salesforce.org.schema.change_field(
        "Account", "account_state__c", error_pattern="odd", error_message="no"
    )
    accounts.fill(account("1", account_state="odd"), account("2"))
    assert accounts.sync().rejected == 1
    assert [reject.key for reject in open_rejects("Account")] == ["1"]
    accounts.delete("1")
    result = accounts.sync(only_rejected=True)
    assert (result.rejected, result.unmatched, result.status) == (0, 1, "success")
    assert open_rejects("Account") == []


@pytest.mark.parametrize("limit", [0, 2_000])
def test_keys_are_looked_up_or_all_ids_are_read(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(pairing, "MAX_KEYS_LOOKED_UP", limit)
    assert accounts.sync().accepted == 2
    queries = [
        entry["query"]
        for entry in accounts.salesforce.org.log.entries()
        if "/query" in entry["path"] and "nightshift_org_id__c" in entry["query"]
    ]
    lookups = [query for query in queries if "COUNT" not in query]
    assert len(lookups) == 1, queries


def test_key_of_several_accounts_is_rejected(accounts: Accounts) -> None:
    schema = accounts.salesforce.org.schema
    schema.change_field("Account", "nightshift_org_id__c", unique=False)
    accounts.create("1")
    result = accounts.sync()
    assert (result.accepted, result.rejected, result.unmatched) == (1, 1, 1)
    assert (result.codes, result.exit_code) == ({"DUPLICATE_EXTERNAL_ID": 1}, 2)
    accounts.fill(account("1", hosts=8), account("2", hosts=0), account("none"))
    result = accounts.sync(data_date=DATA_DATE + timedelta(days=1))
    assert (result.rejected, result.known_rejects, result.exit_code) == (1, 1, 0)


def test_dry_run_and_plan_count_unmatched_rows(accounts: Accounts) -> None:
    result = accounts.sync(dry_run=True)
    assert (result.unmatched, result.actions) == (1, {"change": 2, "unmatched": 1})
    with result.files[0].open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["Id", *(item.name for item in MAPPING.sent_fields)]
    assert {line[0] for line in lines} == {accounts.ids["1"], accounts.ids["2"]}
    planned = plan.make_plan(accounts.request(), accounts.salesforce.settings)
    assert planned.actions == result.actions
    assert [change.key for change in planned.changes] == ["1", "2"]


@BOTH_APIS
def test_rollback_updates_existing_accounts(
    accounts: Accounts, policy: SyncPolicy
) -> None:
    earlier = DATA_DATE - timedelta(days=1)
    accounts.sync(policy, data_date=earlier)
    accounts.fill(account("1", hosts=99), account("3"))
    accounts.sync(policy)
    accounts.delete("2")
    result = accounts.sync(policy, as_of=earlier)
    assert (result.status, result.accepted) == ("rolled_back", 1)
    found = accounts.read()
    assert (found["1"]["hosts__c"], found["3"]["hosts__c"]) == (7, 7)


@pytest.mark.parametrize(
    ("missing_rows", "hosts", "is_flagged"),
    [("leave", 0, False), ("blank", None, False), ("flag", 0, True)],
)
def test_account_whose_row_left_the_mart(
    accounts: Accounts, *, missing_rows: str, hosts: int | None, is_flagged: bool
) -> None:
    policy = replace(FAST, missing_rows=missing_rows)
    accounts.sync(policy)
    accounts.delete("1")
    accounts.fill(account("3"))
    for _ in range(2):
        result = accounts.sync(policy)
        assert (result.unmatched, result.rejected) == (0, 0)
    assert result.sent == 0
    sobject = accounts.salesforce.org.schema.get("Account")
    assert sobject is not None
    positions = sobject.positions
    (record,) = [
        record
        for record in accounts.salesforce.org.store.all_records(sobject)
        if record[positions["nightshift_org_id__c"]] == "2"
    ]
    assert record[positions["hosts__c"]] == hosts
    assert bool(record[positions["is_missing__c"]]) is is_flagged


def _without_field(accounts: Accounts) -> None:
    accounts.salesforce.org.schema.drop_field("Account", "nightshift_org_id__c")


def _not_createable(accounts: Accounts) -> None:
    """Forbid what an update does not need: creating, and writing the key."""
    schema = accounts.salesforce.org.schema
    for item in MAPPING.fields:
        schema.change_field("Account", item.name, createable=False)
    schema.change_field("Account", MAPPING.external_id, updateable=False)


def test_update_needs_no_permission_to_create(accounts: Accounts) -> None:
    _not_createable(accounts)
    assert accounts.sync().accepted == 2


def _read_only_field(accounts: Accounts) -> None:
    schema = accounts.salesforce.org.schema
    schema.change_field("Account", "hosts__c", updateable=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without_field, "nightshift_org_id__c does not exist"),
        (_read_only_field, "hosts__c is not updateable"),
    ],
)
def test_preflight_names_what_an_update_needs(
    accounts: Accounts, change: Callable[[Accounts], None], message: str
) -> None:
    change(accounts)
    with pytest.raises(ConfigError, match=message):
        accounts.sync()


def test_object_without_an_export_is_an_error() -> None:
    with pytest.raises(ConfigError, match="Choose from: Trial_Metrics__c, Account"):
        salesforce_mapping.find("Lead")
