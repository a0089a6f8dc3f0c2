"""A run that also updates the accounts in Salesforce."""

from datetime import date

import pytest

from tests.nightly.project import Project
from tests.nightly.salesforce_records import (
    ACCOUNT_KEY,
    create_accounts,
    read_records,
)

ON = {"NIGHTSHIFT_SALESFORCE__SYNC__ACCOUNTS": "true"}
SALESFORCE = ("salesforce", "diff", "--object", "account")


@pytest.mark.slow
def test_run_updates_the_accounts_that_exist(
    finished_run: tuple[Project, date],
) -> None:
    project, day = finished_run
    mart = {
        row[ACCOUNT_KEY]: {
            name: value.isoformat() if hasattr(value, "isoformat") else value
            for name, value in row.items()
        }
        for row in project.rows("select * from marts.sf_accounts")
    }
    with_account = sorted(mart)[::2]
    create_accounts(project, [*with_account, "of nobody"])
    plan = project.nightshift("plan", "--date", day, "--json", **ON).json
    steps = {step["task"]: step["subject"] for step in plan["steps"]}
    assert steps == {"SyncAccountsToSalesforce": "Account", "MailReport": "report"}
    shown = project.nightshift(*SALESFORCE, **ON).expect(0).out
    unmatched = len(mart) - len(with_account)
    assert f"{len(with_account)} change" in shown
    assert f"{unmatched} unmatched" in shown
    assert "nightshift salesforce sync --object Account" in shown

    figures = project.run(day, **ON)["figures"]["salesforce_objects"]
    assert figures["Account"]["accepted"] == len(with_account)
    assert figures["Account"]["unmatched"] == unmatched
    records = read_records(project, "Account", ACCOUNT_KEY)
    assert records.keys() == {*with_account, "of nobody"}
    for key in with_account:
        assert {name: records[key][name] for name in mart[key]} == mart[key]

    status = project.nightshift("status", "--json", **ON).expect(0).json["runs"][0]
    assert status["salesforce_objects"]["Account"]["unmatched"] == unmatched
    assert status["salesforce"]["status"] == "success"
    history = project.nightshift(
        *("salesforce", "history", with_account[0], "--object", "Account")
    )
    assert "hosts__c" in history.expect(0).out
    rejects = project.nightshift("salesforce", "rejects", "--object", "Account")
    assert "No rows are rejected." in rejects.expect(0).out
    checks = project.nightshift("doctor", **ON)
    assert "all fields of Trial_Metrics__c and Account" in " ".join(checks.out.split())
    unknown = project.nightshift("salesforce", "sync", "--object", "Lead").expect(3)
    assert "Choose from: Trial_Metrics__c, Account" in unknown.err
