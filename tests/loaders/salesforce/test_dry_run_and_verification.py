"""Dry runs and plans, verification."""

from dataclasses import replace

import pytest

from loaders.salesforce import plan
from tests.emulators.salesforce.soql import query
from tests.loaders.salesforce.fixtures import (
    FAST,
    Mart,
    SalesforceOrg,
    org_row,
)


def test_dry_run_writes_only_csv_files(mart: Mart, salesforce: SalesforceOrg) -> None:
    mart.fill([org_row("1"), org_row("2", hosts=2.5)])
    result = salesforce.sync(dry_run=True)
    assert (result.status, result.sent, result.rejected) == ("dry_run", 0, 1)
    assert result.codes == {"NOT_WHOLE": 1}
    assert result.sample[0].key == "1"
    lines = result.files[0].read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("org_id__c,org_name__c,")
    assert len(lines) == 2
    assert salesforce.records() == {}
    assert mart.read_ledger("salesforce_syncs", "sync_id") == []
    assert mart.read_ledger("salesforce_rejects", "code") == []
    assert salesforce.sync().accepted == 1


def test_plan_lists_changes_by_field(mart: Mart, salesforce: SalesforceOrg) -> None:
    mart.fill_and_sync([org_row("1", hosts=1), org_row("2")], salesforce)
    mart.fill(
        [org_row("1", hosts=5, last_active_date=None), org_row("2"), org_row("3")]
    )
    result = plan.make_plan(salesforce.request(), salesforce.settings)
    assert result.actions == {"change": 1, "unchanged": 1, "create": 1}
    assert result.changes[0].fields == {
        "hosts__c": ("1", "5"),
        "last_active_date__c": ("2026-11-23", None),
    }
    assert result.fields["hosts__c"] == 2
    assert salesforce.sync().plan_id == result.plan_id


def test_values_normalized_by_salesforce_count_as_equal(
    mart: Mart, salesforce: SalesforceOrg
) -> None:
    policy = replace(FAST, read_back_rows=10)
    mart.fill([org_row("1", median_hosts=2.5, org_name=" blanks "), org_row("2")])
    verification = salesforce.sync(policy).verification
    assert verification is not None
    assert (verification.records, verification.compared) == (2, 2)
    assert verification.differences == ()


def test_verification_reports_differences(
    mart: Mart, salesforce: SalesforceOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    mart.fill([org_row("1")])
    fetch_page = query.fetch_page

    def fetch_changed_page(
        *arguments: object, **options: object
    ) -> list[dict[str, object]]:
        return [
            {**record, "hosts__c": 1} if "hosts__c" in record else record
            for record in fetch_page(*arguments, **options)
        ]

    monkeypatch.setattr(query, "fetch_page", fetch_changed_page)
    verification = salesforce.sync(replace(FAST, read_back_rows=10)).verification
    assert verification is not None
    assert verification.differences == ("1: hosts__c is 1, sent '4'",)
