"""The emulator used through the unmodified simple-salesforce client, over TLS."""

from pathlib import Path

import pytest
from simple_salesforce import Salesforce, SalesforceMalformedRequest
from simple_salesforce.exceptions import SalesforceExpiredSession

from tests.emulators.salesforce.org import PASSWORD, SECURITY_TOKEN, USERNAME
from tests.emulators.salesforce.serve import RunningEmulator
from tests.emulators.salesforce.tests.api import Api


@pytest.fixture
def salesforce(
    emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> Salesforce:
    """Return an unmodified client with a session."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(emulator.ca_file))
    token = emulator.org.open_session("test")
    return Salesforce(session_id=token, instance_url=emulator.https_url)


def test_bulk_upsert_returns_its_results(salesforce: Salesforce) -> None:
    rows = [{"ext_id__c": f"k{n}", "notes__c": "x", "small__c": n} for n in range(300)]
    rows.append({"ext_id__c": "bad", "notes__c": "01234567890", "small__c": 1})
    bulk = salesforce.bulk2.Order__c
    (job,) = bulk.upsert(records=rows, external_id_field="ext_id__c", wait=0.05)
    job_id = job.pop("job_id")
    assert job == {
        "numberRecordsFailed": 1,
        "numberRecordsProcessed": 301,
        "numberRecordsTotal": 301,
    }
    assert bulk.get_successful_records(job_id).count("\n") == 301
    assert "STRING_TOO_LONG:Notes" in bulk.get_failed_records(job_id)
    assert bulk.get_unprocessed_records(job_id).count("\n") == 1
    results = bulk.get_all_ingest_records(job_id)
    assert [len(results[f"{kind}Records"]) for kind in ("successful", "failed")] == [
        300,
        1,
    ]


@pytest.mark.slow
def test_bulk_insert_update_delete_and_query_work(
    salesforce: Salesforce, tmp_path: Path
) -> None:
    bulk = salesforce.bulk2.Order__c
    bulk.insert(records=[{"ext_id__c": str(n)} for n in range(5)], wait=0.05)
    ids = [
        row["Id"] for row in salesforce.query_all("SELECT Id FROM Order__c")["records"]
    ]
    assert len(ids) == 5
    bulk.update(records=[{"Id": one, "notes__c": "n"} for one in ids], wait=0.05)
    pages = list(bulk.query("SELECT Id, notes__c FROM Order__c", wait=0.05))
    assert "".join(pages).count('"n"') == 5
    (saved,) = bulk.download(
        "SELECT Id FROM Order__c", path=str(tmp_path), max_records=100
    )
    assert saved["number_of_records"] == 5
    bulk.delete(records=[{"Id": one} for one in ids], wait=0.05)
    assert salesforce.query("SELECT COUNT() FROM Order__c")["totalSize"] == 0


def test_queries_describe_and_limits_return_expected_values(
    salesforce: Salesforce,
) -> None:
    records = [{"ext_id__c": f"{n:04}"} for n in range(450)]
    salesforce.bulk2.Order__c.insert(records=records, wait=0.05)
    result = salesforce.query_all("SELECT ext_id__c FROM Order__c ORDER BY ext_id__c")
    assert [row["ext_id__c"] for row in result["records"]] == [
        row["ext_id__c"] for row in records
    ]
    described = salesforce.Order__c.describe()
    assert described["keyPrefix"] == "a07"
    assert salesforce.limits()["DailyApiRequests"]["Max"] == 15_000
    assert salesforce.api_usage["api-usage"].total == 15_000
    assert salesforce.is_sandbox() is True


def test_single_records_are_created_read_updated_and_deleted(
    salesforce: Salesforce,
) -> None:
    created = salesforce.Order__c.create({"ext_id__c": "a", "small__c": 1})
    assert salesforce.Order__c.upsert("ext_id__c/a", {"small__c": 2}) == 200
    assert salesforce.Order__c.upsert("ext_id__c/b", {"small__c": 2}) == 201
    assert salesforce.Order__c.get(created["id"])["small__c"] == 2.0
    assert salesforce.Order__c.get_by_custom_id("ext_id__c", "a")["Id"] == created["id"]
    assert salesforce.Order__c.update(created["id"], {"notes__c": "x"}) == 204
    assert salesforce.Order__c.delete(created["id"]) == 204
    with pytest.raises(SalesforceMalformedRequest):
        salesforce.Order__c.create({"small__c": "x"})
    body = {
        "records": [{"attributes": {"type": "Order__c"}, "ext_id__c": "c"}],
        "allOrNone": False,
    }
    path = "composite/sobjects/Order__c/ext_id__c"
    (result,) = salesforce.restful(path, method="PATCH", json=body)
    assert result["created"] is True


def test_ended_session_raises_an_error(
    salesforce: Salesforce, emulator: RunningEmulator
) -> None:
    emulator.org.end_sessions()
    with pytest.raises(SalesforceExpiredSession):
        salesforce.limits()


def test_username_and_password_open_a_session(
    emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(emulator.ca_file))
    host = emulator.https_url.removeprefix("https://")
    salesforce = Salesforce(
        username=USERNAME,
        password=PASSWORD,
        security_token=SECURITY_TOKEN,
        instance=None,
        session=_redirecting_session(host),
    )
    assert salesforce.sf_instance == host
    assert salesforce.is_sandbox() is True


def _redirecting_session(host: str) -> object:
    """Return a session that sends requests for the login server to the emulator."""
    import requests
    from requests.adapters import HTTPAdapter

    class RedirectingAdapter(HTTPAdapter):
        def send(
            self, request: requests.PreparedRequest, **options: object
        ) -> requests.Response:
            assert request.url is not None
            request.url = request.url.replace("login.salesforce.com", host)
            return super().send(request, **options)  # type: ignore[arg-type]

    session = requests.Session()
    session.mount("https://login.salesforce.com", RedirectingAdapter())
    return session


def test_other_clients_read_the_same_records(salesforce: Salesforce, api: Api) -> None:
    salesforce.Order__c.create({"ext_id__c": "a"})
    assert api.query_column("SELECT ext_id__c FROM Order__c") == ["a"]
