"""What Salesforce holds, asked as anybody with a login would."""

from typing import Any

import requests

from tests.nightly.project import Project
from tests.reference import differences

OBJECT = "Trial_Metrics__c"
KEY = "org_id__c"
TIMEOUT_SECONDS = 30


def records(project: Project) -> dict[str, dict[str, Any]]:
    """Return every record's own fields by external id."""
    given = project.environment
    verify = given["REQUESTS_CA_BUNDLE"]
    base = given["NIGHTSHIFT_SALESFORCE__INSTANCE_URL"]
    reply = requests.post(
        f"{base}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(
            given["NIGHTSHIFT_SALESFORCE__CLIENT_ID"],
            given["NIGHTSHIFT_SALESFORCE__CLIENT_SECRET"],
        ),
        verify=verify,
        timeout=TIMEOUT_SECONDS,
    )
    reply.raise_for_status()
    asked = requests.Session()
    asked.trust_env = False  # a bundle in the environment would take precedence
    asked.verify = verify
    asked.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"
    described = asked.get(
        f"{base}/services/data/v60.0/sobjects/{OBJECT}/describe",
        timeout=TIMEOUT_SECONDS,
    )
    described.raise_for_status()
    names = [
        field["name"]
        for field in described.json()["fields"]
        if field["name"].endswith("__c")
    ]
    path = f"/services/data/v60.0/query?q=SELECT {', '.join(names)} FROM {OBJECT}"
    found: dict[str, dict[str, Any]] = {}
    while path:
        page = asked.get(base + path, timeout=TIMEOUT_SECONDS)
        page.raise_for_status()
        for record in page.json()["records"]:
            found[record[KEY]] = {name: record[name] for name in names}
        path = page.json().get("nextRecordsUrl", "")
    return found


def require_as_mart(project: Project) -> None:
    """Fail unless each org of the mart is in Salesforce with the mart's values."""
    held = records(project)
    wanted = {
        row[KEY]: {name: _rendered(value) for name, value in row.items()}
        for row in project.rows("select * from marts.sf_trial_metrics")
    }
    assert wanted, "an empty mart judges nothing"
    told = differences(
        wanted.values(),
        [held[key] for key in wanted if key in held],
        key=KEY,
        tolerance=1e-9,
    )
    assert not told, "\n".join(told[:15])


def _rendered(value: Any) -> Any:  # noqa: ANN401 - any column's
    """Return a mart's value as Salesforce gives it back."""
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, str):
        flat = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        return flat[:255] or None
    return value
