"""The records in Salesforce, read through its REST API."""

from typing import Any

import requests

from tests.nightly.project import Project
from tests.reference import differences

OBJECT = "Trial_Metrics__c"
KEY = "org_id__c"
TIMEOUT_SECONDS = 30


def read_records(project: Project) -> dict[str, dict[str, Any]]:
    """Return the custom fields of every record, by external id."""
    environment = project.environment
    verify = environment["REQUESTS_CA_BUNDLE"]
    base = environment["NIGHTSHIFT_SALESFORCE__INSTANCE_URL"]
    response = requests.post(
        f"{base}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(
            environment["NIGHTSHIFT_SALESFORCE__CLIENT_ID"],
            environment["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"],
        ),
        verify=verify,
        timeout=TIMEOUT_SECONDS,
    )
    response.raise_for_status()
    session = requests.Session()
    session.trust_env = False  # a CA bundle in the environment takes precedence
    session.verify = verify
    session.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
    description = session.get(
        f"{base}/services/data/v60.0/sobjects/{OBJECT}/describe",
        timeout=TIMEOUT_SECONDS,
    )
    description.raise_for_status()
    names = [
        field["name"]
        for field in description.json()["fields"]
        if field["name"].endswith("__c")
    ]
    path = f"/services/data/v60.0/query?q=SELECT {', '.join(names)} FROM {OBJECT}"
    records: dict[str, dict[str, Any]] = {}
    while path:
        page = session.get(base + path, timeout=TIMEOUT_SECONDS)
        page.raise_for_status()
        for record in page.json()["records"]:
            records[record[KEY]] = {name: record[name] for name in names}
        path = page.json().get("nextRecordsUrl", "")
    return records


def assert_records_match_mart(project: Project) -> None:
    """Fail unless Salesforce has each org of the mart, with the mart's values."""
    records = read_records(project)
    expected = {
        row[KEY]: {name: _rendered(value) for name, value in row.items()}
        for row in project.rows("select * from marts.sf_trial_metrics")
    }
    assert expected, "an empty mart proves nothing"
    lines = differences(
        expected.values(),
        [
            {name: records[key][name] for name in row}
            for key, row in expected.items()
            if key in records
        ],
        key=KEY,
        tolerance=1e-9,
    )
    assert not lines, "\n".join(lines[:15])


def _rendered(value: Any) -> Any:  # noqa: ANN401 - any column's
    """Return a mart's value as Salesforce returns it."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, str):
        flat = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        return flat[:255] or None
    return value
