"""The records in Salesforce, read through its REST API."""

from collections.abc import Sequence
from typing import Any

import requests

from tests.nightly.project import Project
from tests.reference import differences

OBJECT = "Trial_Metrics__c"
KEY = "org_id__c"
ACCOUNT_KEY = "nightshift_org_id__c"
MAX_RECORDS = 200
TIMEOUT_SECONDS = 30


def log_in(project: Project) -> tuple[requests.Session, str]:
    """Return a session with a token, and the URL of the REST API."""
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
    return session, f"{base}/services/data/v60.0"


def create_accounts(project: Project, keys: Sequence[str]) -> None:
    """Create an account for each key."""
    session, base = log_in(project)
    for start in range(0, len(keys), MAX_RECORDS):
        records = [
            {"attributes": {"type": "Account"}, "Name": key, ACCOUNT_KEY: key}
            for key in keys[start : start + MAX_RECORDS]
        ]
        response = session.post(
            f"{base}/composite/sobjects",
            json={"allOrNone": True, "records": records},
            timeout=TIMEOUT_SECONDS,
        )
        response.raise_for_status()
        assert all(result["success"] for result in response.json())


def read_records(
    project: Project, object_name: str = OBJECT, key: str = KEY
) -> dict[str, dict[str, Any]]:
    """Return the custom fields of every record, by external id."""
    session, base = log_in(project)
    description = session.get(
        f"{base}/sobjects/{object_name}/describe", timeout=TIMEOUT_SECONDS
    )
    description.raise_for_status()
    names = [
        field["name"]
        for field in description.json()["fields"]
        if field["name"].endswith("__c")
    ]
    url = f"{base}/query?q=SELECT {', '.join(names)} FROM {object_name}"
    instance = base.removesuffix("/services/data/v60.0")
    records: dict[str, dict[str, Any]] = {}
    while url:
        page = session.get(url, timeout=TIMEOUT_SECONDS)
        page.raise_for_status()
        for record in page.json()["records"]:
            records[record[key]] = {name: record[name] for name in names}
        next_page = page.json().get("nextRecordsUrl", "")
        url = next_page and instance + next_page
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
