"""Changed records: updated, deleted and recent ones."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.emulators.salesforce.tests.api import Api


def _period(start_days: float, end_days: float) -> dict[str, str]:
    """Return a period in days from now."""
    now = datetime.now(UTC)
    return {
        name: (now + timedelta(days)).isoformat(timespec="seconds")
        for name, days in (("start", start_days), ("end", end_days))
    }


def test_updated_and_deleted_records_of_a_period(api: Api) -> None:
    rows = api.load("ext_id__c\na\nb\nc\n").accepted
    first, second, third = (row["sf__Id"] for row in rows)
    api.delete(f"/sobjects/Order__c/{second}")
    updated = api.get("/sobjects/order__c/updated/", params=_period(-1, 1)).json()
    assert sorted(updated["ids"]) == sorted([first, third])
    assert updated["latestDateCovered"].endswith("+0000")
    deleted = api.get("/sobjects/Order__c/deleted", params=_period(-1, 1)).json()
    (record,) = deleted["deletedRecords"]
    assert record["id"] == second
    assert record["deletedDate"] <= deleted["latestDateCovered"]
    assert deleted["earliestDateAvailable"] < deleted["latestDateCovered"]
    earlier = api.get("/sobjects/Order__c/updated", params=_period(-2, -1)).json()
    assert earlier["ids"] == []


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"start": "x", "end": "y"},
        _period(1, -1),
        _period(-31, 0),
        {"start": "2026-11-20", "end": "9999-12-31T23:59:59-14:00"},
    ],
    ids=["none", "no timestamp", "end before start", "too old", "beyond all dates"],
)
def test_invalid_period_is_rejected(api: Api, parameters: dict[str, str]) -> None:
    for name in ("updated", "deleted"):
        response = api.get(f"/sobjects/Order__c/{name}", params=parameters)
        assert (response.status_code, response.json()[0]["errorCode"]) == (
            400,
            "INVALID_REPLICATION_DATE",
        )
    assert api.get("/sobjects/Nothing__c/updated").status_code == 404


def test_recent_records_are_the_last_changed_ones(api: Api) -> None:
    api.load("ext_id__c\na\nb\n")
    account = api.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    records = api.get("/recent").json()
    assert len(records) == 3
    assert len(api.get(f"/recent?limit={10**30}").json()) == 3
    (newest,) = api.get("/recent?limit=1").json()
    assert newest == {
        "attributes": {
            "type": "Account",
            "url": f"/services/data/v60.0/sobjects/Account/{account}",
        },
        "Id": account,
        "Name": "Acme",
    }
