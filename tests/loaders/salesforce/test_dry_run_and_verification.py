"""Behaviours 13 to 15: dry runs and plans, rows gone from the mart, reading back."""

from dataclasses import replace

import pytest

from loaders.salesforce import plan
from tests.emulators.salesforce.soql import query
from tests.loaders.salesforce.world import (
    FAST,
    Connected,
    Mart,
    org,
)


def test_13_a_dry_run_writes_files_and_nothing_else(
    mart: Mart, connected: Connected
) -> None:
    mart.fill([org("1"), org("2", hosts=2.5)])
    result = connected.sync(dry_run=True)
    assert (result.status, result.sent, result.rejected) == ("dry_run", 0, 1)
    assert result.codes == {"NOT_WHOLE": 1}
    assert result.sample[0].key == "1"
    lines = result.files[0].read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("org_id__c,org_name__c,")
    assert len(lines) == 2
    assert connected.records() == {}
    assert mart.ledger("salesforce_syncs", "sync_id") == []
    assert mart.ledger("salesforce_rejects", "code") == []
    assert connected.sync().accepted == 1


def test_13_the_plan_says_what_changes_field_by_field(
    mart: Mart, connected: Connected
) -> None:
    mart.send([org("1", hosts=1), org("2")], connected)
    mart.fill([org("1", hosts=5, last_active_date=None), org("2"), org("3")])
    found = plan.make(connected.request(), connected.settings, policy=FAST)
    assert found.verdicts == {"change": 1, "unchanged": 1, "create": 1}
    assert found.changes[0].fields == {
        "hosts__c": ("1", "5"),
        "last_active_date__c": ("2026-11-23", None),
    }
    assert found.fields["hosts__c"] == 2
    assert connected.sync().plan_id == found.plan_id


def test_14_rows_gone_from_the_mart_are_left_alone_by_default(
    mart: Mart, connected: Connected
) -> None:
    mart.send([org("1"), org("2")], connected)
    result = mart.send([org("1")], connected)
    assert (result.sent, result.unchanged) == (0, 1)
    assert connected.holds("2", "hosts") == 4


def test_14_rows_gone_from_the_mart_are_blanked_once(
    mart: Mart, connected: Connected
) -> None:
    policy = replace(FAST, missing_rows="blank")
    mart.send([org("1"), org("2", is_paid=True)], connected)
    mart.fill([org("1")])
    assert connected.sync(policy).verdicts == {"unchanged": 1, "missing": 1}
    assert connected.holds("2", "hosts") is None
    assert connected.holds("2", "is_paid") is False
    assert connected.sync(policy).sent == 0
    mart.fill([org("1"), org("2")])
    assert connected.sync(policy).sent == 1
    assert connected.holds("2", "hosts") == 4


def test_14_rows_gone_from_the_mart_are_flagged(
    mart: Mart, connected: Connected
) -> None:
    policy = replace(FAST, missing_rows="flag", missing_flag_field="is_missing__c")
    connected.change_field("is_missing__c", type="boolean", default=False)
    mart.fill([org("1"), org("2")])
    connected.sync(policy)
    mart.fill([org("1")])
    assert connected.sync(policy).sent == 1
    assert connected.holds("2", "is_missing") is True
    assert connected.holds("2", "hosts") == 4
    assert connected.holds("1", "is_missing") is False
    mart.fill([org("1"), org("2")])
    connected.sync(policy)
    assert connected.holds("2", "is_missing") is False


def test_15_reading_back_finds_what_salesforce_made_of_it(
    mart: Mart, connected: Connected
) -> None:
    policy = replace(FAST, read_back_rows=10)
    mart.fill([org("1", median_hosts=2.5, org_name=" blanks "), org("2")])
    found = connected.sync(policy).read_back
    assert found is not None
    assert (found.records, found.compared, found.differences) == (2, 2, ())


def test_15_reading_back_tells_differences(
    mart: Mart, connected: Connected, monkeypatch: pytest.MonkeyPatch
) -> None:
    mart.fill([org("1")])
    page = query.page

    def changed(*place: object, **which: object) -> list[dict[str, object]]:
        return [
            {**record, "hosts__c": 1} if "hosts__c" in record else record
            for record in page(*place, **which)
        ]

    monkeypatch.setattr(query, "page", changed)
    found = connected.sync(replace(FAST, read_back_rows=10)).read_back
    assert found is not None
    assert found.differences == ("1: hosts__c is 1, sent '4'",)
