"""Records that somebody deletes or edits in Salesforce: found and repaired."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from loaders import warehouse
from loaders.ledger.drift import latest_checks
from loaders.salesforce import drift, plan
from loaders.salesforce.plan import SyncResult
from tests.loaders.salesforce import other_user
from tests.loaders.salesforce.fixtures import (
    BULK,
    FAST,
    MAPPING,
    Mart,
    SalesforceOrg,
    org_row,
)

KEYS = tuple(f"k{number}" for number in range(6))


@pytest.fixture
def synced(mart: Mart, salesforce: SalesforceOrg) -> SalesforceOrg:
    """Return an org with six records of the mart and one that left it."""
    mart.fill([*(org_row(key) for key in KEYS), org_row("left")])
    salesforce.sync()
    mart.fill([org_row(key) for key in KEYS])
    assert _found(salesforce.sync()) == {}
    return salesforce


def _found(result: SyncResult) -> dict[str, str]:
    assert result.drift is not None and not result.drift.error
    assert result.drift.count == len(result.drift.records)
    return {item.key: item.kind for item in result.drift.records}


def _ledger(mart: Mart) -> list[tuple[Any, ...]]:
    return sorted(mart.read_ledger("salesforce_drift", "key", "kind"))


def _edit_name(salesforce: SalesforceOrg, key: str) -> None:
    other_user.edit(salesforce, key, org_name__c="Edited by hand")


def _edit_and_undo(salesforce: SalesforceOrg, key: str) -> None:
    other_user.edit(salesforce, key, org_name__c="Edited by hand")
    other_user.edit(salesforce, key, org_name__c=f"Org {key}")


def _edit_another_field(salesforce: SalesforceOrg, key: str) -> None:
    other_user.edit(salesforce, key, OwnerId=salesforce.org.user_id)


def _delete(salesforce: SalesforceOrg, key: str) -> None:
    other_user.delete(salesforce, key)


def _purge(salesforce: SalesforceOrg, key: str) -> None:
    other_user.delete(salesforce, key, is_purged=True)


def _create_again(salesforce: SalesforceOrg, key: str) -> None:
    other_user.delete(salesforce, key)
    other_user.create(salesforce, key)


CASES: list[tuple[Callable[[SalesforceOrg, str], None], str | None]] = [
    (_edit_name, "edited"),
    (lambda org, key: other_user.edit(org, key, hosts__c=None), "edited"),
    (
        lambda org, key: other_user.edit(org, key, hosts__c=4.0, is_paid__c=True),
        "edited",
    ),
    (_edit_and_undo, None),
    (_edit_another_field, None),
    (_delete, "deleted"),
    (_purge, "deleted"),
    (_create_again, "edited"),
]


@pytest.mark.slow
def test_drift_is_found_by_the_next_sync_and_repaired_alone(
    mart: Mart, synced: SalesforceOrg
) -> None:
    for number, (change, kind) in enumerate(CASES):
        key = "K1" if kind else "k2"  # keys are equal in any case
        change(synced, key)
        change(synced, "left")
        expected = {"k1": kind} if kind else {}
        planned = plan.make_plan(synced.request(), synced.settings, check_drift=True)
        assert planned.drift is not None and planned.drift.is_complete
        assert {item.key: item.kind for item in planned.drift.records} == expected
        result = synced.sync()
        assert (_found(result), result.sent) == (expected, 0)
        assert result.drift and not result.drift.is_complete
        with warehouse.session() as connection:
            message = latest_checks(connection)[MAPPING.object]
        assert ("1 record was" in message) == bool(kind)
        synced.writes.clear()
        policy = BULK if number == 0 else FAST
        repaired = synced.sync(policy, repair_drift=True)
        assert (repaired.sent, _found(repaired)) == (len(expected), {})
        assert set(synced.writes) == set(expected)
        assert synced.field_value("k1", "org_name") == "Org k1"
        if not other_user.has(synced, "left"):
            other_user.create(synced, "left")
    result = synced.sync()
    assert (_found(result), result.sent) == ({}, 0)
    kinds = [kind for _, kind in _ledger(mart)]
    assert kinds.count("edited") == sum(kind == "edited" for _, kind in CASES)
    assert kinds.count("deleted") == sum(kind == "deleted" for _, kind in CASES)


def test_all_records_are_compared_if_more_are_missing_than_were_deleted(
    mart: Mart, synced: SalesforceOrg
) -> None:
    # What a sync creates must not balance what was purged before or after it.
    rows = [org_row(key) for key in KEYS]
    for key in ("k1", "k2"):
        rows.append(org_row(f"new-{key}"))
        mart.fill(rows)
        _purge(synced, key)
        result = synced.sync()
        assert (_found(result), result.created) == ({key: "deleted"}, 1)
        assert result.drift and result.drift.is_complete
        assert synced.sync(repair_drift=True).created == 1
        result = synced.sync()
        assert result.drift and not result.drift.is_complete


def test_changes_of_ours_and_unknown_outcomes_are_no_drift(
    mart: Mart, synced: SalesforceOrg
) -> None:
    _edit_name(synced, "k1")
    mart.fill([org_row(key, hosts=9) for key in KEYS])
    assert (synced.sync().sent, _ledger(mart)) == (6, [("k1", "edited")])
    assert _found(synced.sync()) == {}
    assert synced.field_value("k1", "org_name") == "Org k1"
    _delete(synced, "k2")
    mart.fill([org_row(key, hosts=8) for key in KEYS])
    result = synced.sync()
    assert (result.created, _found(result)) == (1, {})


def test_many_drifting_records_are_compared_page_by_page(
    mart: Mart, synced: SalesforceOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "MAX_READ_BY_KEY", 2)
    synced.org.settings = replace(synced.org.settings, records_per_page=2)
    for key in KEYS[:3]:
        _delete(synced, key)
    _edit_name(synced, "k4")
    result = synced.sync()
    expected = dict.fromkeys(KEYS[:3], "deleted") | {"k4": "edited"}
    assert (_found(result), result.drift and result.drift.is_complete) == (
        expected,
        True,
    )
    assert _found(synced.sync()) == expected
    result = synced.sync(repair_drift=True)
    assert (result.accepted, result.created, _found(result)) == (4, 3, {})


def test_failed_check_does_not_stop_a_sync_but_a_repair(
    mart: Mart, synced: SalesforceOrg
) -> None:
    _edit_name(synced, "k1")
    mart.fill([org_row(key, hosts=9 if key == "k2" else 4) for key in KEYS])
    synced.inject_fault("GET", "/queryAll", status=400, code="X", message="no")
    result = synced.sync()
    assert (result.accepted, bool(result.drift and result.drift.error)) == (1, True)
    assert _found(synced.sync()) == {"k1": "edited"}
