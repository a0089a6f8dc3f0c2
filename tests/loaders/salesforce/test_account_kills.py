"""An update-only sync that is killed at any place: no double write, none lost."""

from itertools import pairwise
from typing import Any

import pytest

from tests.emulators.salesforce.objects.schema import SObject
from tests.emulators.salesforce.objects.store import Record
from tests.loaders.salesforce.accounts import MAPPING, Accounts, account
from tests.loaders.salesforce.fault_injection import Place, sync_killed_at
from tests.loaders.salesforce.fixtures import REJECTED_PLAN, Mart
from tests.loaders.salesforce.test_kills import PATHS, PLACES

KEYS = tuple(str(number) for number in range(1, 11))
# The lookup of the records' ids comes between the comparison and the first chunk.
LOOKUP = [Place("before", "GET .*SELECT.*Id.*IN"), Place("after", "local.record_ids")]


def _rows(hosts: int) -> list[dict[str, Any]]:
    rows = [account(key, hosts=1000 * hosts + int(key)) for key in KEYS]
    bad = account("bad", billing_plan=REJECTED_PLAN, hosts=hosts)
    return [*rows, bad, account("none", hosts=hosts)]


def _record_writes(accounts: Accounts) -> dict[str, list[str]]:
    """Record what is written to each account from now on."""
    writes: dict[str, list[str]] = {}

    def record(sobject: SObject, record: Record, changes: dict[int, Any]) -> None:
        key = record[sobject.positions[MAPPING.external_id]]
        assert sobject.positions[MAPPING.external_id] not in changes, "the key"
        writes.setdefault(key, []).append(repr(sorted(changes.items())))

    accounts.salesforce.org.store.on_write = record
    return writes


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_update_killed_at_each_place_is_finished_by_the_next_one(
    mart: Mart, accounts: Accounts, path: str
) -> None:
    accounts.create(*KEYS[4:], "bad")
    schema = accounts.salesforce.org.schema
    schema.change_field("Account", "billing_plan__c", error_pattern=REJECTED_PLAN)
    writes, policy = _record_writes(accounts), PATHS[path]
    for number, place in enumerate([*LOOKUP, *PLACES[path]]):
        accounts.fill(*_rows(number))
        assert sync_killed_at(place, mart, accounts, policy=policy), place
        result = accounts.sync(policy)
        assert (result.rejected, result.unmatched) == (1, 1), place
        found = accounts.read()
        assert set(found) == {*KEYS, "bad"}, place
        for key in KEYS:
            assert found[key]["hosts__c"] == 1000 * number + int(key), place
            repeated = [a for a, b in pairwise(writes[key]) if a == b]
            assert repeated == [], f"{place}: {key} was written twice"
        accepted = [key for (key,) in mart.read_ledger("salesforce_rows", "key")]
        assert sorted(accepted) == sorted(k for k in writes for _ in writes[k]), place
        assert accounts.salesforce.open_job_ids() == []
    assert accounts.sync(policy).sent == 1  # only the rejected row
