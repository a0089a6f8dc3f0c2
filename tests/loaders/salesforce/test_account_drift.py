"""Drift of an update-only export: our rows are a part of the object's records."""

from collections.abc import Callable

import pytest

from loaders.salesforce.plan import SyncResult
from tests.loaders.salesforce import other_user
from tests.loaders.salesforce.accounts import MAPPING, Accounts, account
from tests.loaders.salesforce.fixtures import FAST, SalesforceOrg

KEY = MAPPING.external_id
Change = Callable[[SalesforceOrg], None]


def _edit(key: str, **values: object) -> Change:
    return lambda org: other_user.edit(org, key, MAPPING, **values)


def _delete(key: str, *, is_purged: bool = False) -> Change:
    return lambda org: other_user.delete(org, key, MAPPING, is_purged=is_purged)


def _create(key: str | None) -> Change:
    return lambda org: other_user.create(org, key, MAPPING)


def _move(key: str) -> Change:
    """Take a key from its account and give it to a new one."""

    def move(org: SalesforceOrg) -> None:
        other_user.edit(org, key, MAPPING, **{KEY: None})
        other_user.create(org, key, MAPPING)

    return move


# What others do to accounts, one after the other; which keys drift then; and how many
# rows a repair sends. Accounts 1 and 2 are in the mart, 3 and 4 are not.
CASES: list[tuple[str, Change, dict[str, str], int]] = [
    ("a mapped field", _edit("1", hosts__c=99.0), {"1": "edited"}, 1),
    ("a field of theirs", _edit("1", Name="Renamed"), {}, 0),
    ("an account that is not ours", _edit("3", hosts__c=99.0), {}, 0),
    ("a new account without key", _create(None), {}, 0),
    ("a new account with another key", _create("5"), {}, 0),
    ("deleted, not ours", _delete("3"), {}, 0),
    ("purged, not ours", _delete("4", is_purged=True), {}, 0),
    ("the key moves", _move("1"), {"1": "edited"}, 1),
    ("the key is removed", _edit("2", **{KEY: None}), {"2": "deleted"}, 0),
    ("the key is there again", _create("2"), {}, 0),
    ("deleted", _delete("1"), {"1": "deleted"}, 0),
    ("created again", _create("1"), {}, 0),
    ("purged", _delete("2", is_purged=True), {"2": "deleted"}, 0),
]


def _found(result: SyncResult) -> dict[str, str]:
    assert result.drift is not None and not result.drift.error
    return {item.key: item.kind for item in result.drift.records}


@pytest.mark.slow
def test_drift_of_accounts_is_found_and_repaired(accounts: Accounts) -> None:
    accounts.fill(account("1"), account("2"))
    assert accounts.sync().accepted == 2
    for name, change, expected, sent in CASES:
        change(accounts.salesforce)
        assert _found(accounts.sync()) == expected, name
        repaired = accounts.sync(FAST, repair_drift=True)
        assert (repaired.sent, _found(repaired)) == (sent, {}), name
        result = accounts.sync()
        assert (result.sent, _found(result)) == (0, {}), name
        found = accounts.read()
        for key in {"1", "2"} & set(found):
            assert found[key]["hosts__c"] == 7, (name, key)
    assert other_user.has(accounts.salesforce, "5", MAPPING)
    assert accounts.read()["5"]["hosts__c"] is None
